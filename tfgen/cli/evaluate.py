"""`tfgen evaluate`: measures a model, or a file of samples, and says with each number how it was computed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["run_evaluate"]

_OPTIONS = ("data", "split", "view", "num_samples", "seed", "n")
_NEIGHBOURS = 8  # samples in the picture of nearest training images


def run_evaluate(options: argparse.Namespace) -> int:
    """Measures a model, or samples, and prints a table.

    Args:
      options: name, metrics, n, data, split, view, num_samples, seed, extractor, neighbours.

    Returns:
      code: 0.
    """
    from tfgen.cli.show import Bar

    given = {name: getattr(options, name) for name in _OPTIONS}
    with Bar() as bar:
        if options.name.endswith(".npy"):
            numbers = _of_samples(options, given, bar)
        else:
            numbers = _of_model(options, given, bar)
    _print(numbers)
    return 0


def _print(numbers: list[dict[str, Any]]) -> None:
    from tfgen.cli.show import console, table
    from tfgen.zoo.cards import format_value

    rows, protocols = [], []
    for number in numbers:
        if number["kind"] == "pinned":
            continue
        if number["protocol"] not in protocols:
            protocols.append(number["protocol"])
        value = format_value(number["value"], 6)
        if number.get("std") is not None:
            value += f" (std {format_value(number['std'], 3)})"
        seed = "" if number["seed"] is None else str(number["seed"])
        place = [number["split"] or "", str(number["n"]), seed, str(protocols.index(number["protocol"]) + 1)]
        rows.append([number["metric"], value, number["unit"], number["kind"], *place])
    console().print(table(["metric", "value", "unit", "kind", "data", "n", "seed", "how"], rows))
    for place, protocol in enumerate(protocols, 1):
        print(f"{place}: {protocol}")
    spaces = {(extractor["name"], extractor["sha256"]) for number in numbers if (extractor := number.get("extractor"))}
    for name, sha256 in sorted(spaces):
        print(f"features: {name}, sha256 {sha256}")


def _of_model(options: argparse.Namespace, given: dict[str, Any], bar: Callable[..., None]) -> list[dict[str, Any]]:
    from tfgen import zoo
    from tfgen.cli.commands import load_model
    from tfgen.zoo.quality import Quality
    from tfgen.zoo.saving import convert

    model = convert(load_model(options.name, draws=False))
    protocol = _protocol(options.name, model).changed(**given)
    if options.extractor is None and options.neighbours is None:
        return zoo.measure(model, protocol, metrics=options.metrics, progress=bar)
    return _measure_samples(Quality(_reference(protocol, options, bar), samples=model), options)


def _of_samples(options: argparse.Namespace, given: dict[str, Any], bar: Callable[..., None]) -> list[dict[str, Any]]:
    import numpy as np

    from tfgen import zoo
    from tfgen.cli.commands import load_array
    from tfgen.zoo.quality import Quality

    samples = load_array(options.name, "samples")
    samples = samples[: options.n] if options.n else samples
    view = "binarized" if samples.size and bool(np.isin(samples, (0, 1)).all()) else "8bit"
    protocol = zoo.Protocol(data="fashion_mnist", view=view).changed(**{**given, "n": len(samples)})
    return _measure_samples(Quality(_reference(protocol, options, bar), samples=samples), options)


def _reference(protocol: Any, options: argparse.Namespace, bar: Callable[..., None]) -> Any:
    """What samples are compared with, in the feature space that was asked for."""
    from tfgen import metrics
    from tfgen.zoo.reference import Reference

    extractor = metrics.load_extractor(options.extractor or metrics.CLASSIFIER)
    return Reference(protocol, extractor=extractor, progress=bar)


def _measure_samples(quality: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures samples by name, and draws them beside their nearest training images where that is asked for."""
    from tfgen.zoo.quality import SAMPLE_MEASURES
    from tfgen.zoo.table import compute_measures

    numbers = compute_measures(SAMPLE_MEASURES, quality, options.metrics)
    if options.neighbours is not None:
        print(f"Wrote {quality.draw_neighbours(options.neighbours, _NEIGHBOURS)}")
    return numbers


def _protocol(name: str, model: Any) -> Any:
    """The recipe's protocol where there is a recipe, else what suits the model."""
    from tfgen import zoo
    from tfgen.zoo.abilities import is_binary
    from tfgen.zoo.entries import locate

    if not name.endswith(".keras") and (locate(name) / "recipe.yaml").is_file():
        return zoo.read_recipe(name).protocol()
    return zoo.Protocol(data="fashion_mnist", view="binarized" if is_binary(model) else "8bit")
