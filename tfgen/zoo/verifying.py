"""Recomputing the numbers of a card from its weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import writing
from tfgen.zoo.entries import locate, read_metrics
from tfgen.zoo.loading import load
from tfgen.zoo.measures import measure
from tfgen.zoo.recipes import read_recipe
from tfgen.zoo.saving import add_commands, write_card
from tfgen.zoo.table import Progress

__all__ = ["remeasure", "verify"]


def verify(
    name: str | os.PathLike[str], *, metrics: list[str] | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Computes the numbers of a card again, by their whole protocol, and says whether each holds.

    Args:
      name: a zoo name or an entry's folder.
      metrics: names of the numbers to compute; None for all.
      progress: called as `progress(what, done, total)`.

    Returns:
      results: one dict a number: metric, unit, expected, received, difference (the largest, for a list), tolerance, holds, and
        note: why it does not hold, where that is not the difference.

    Raises:
      FileNotFoundError: no such entry, or the data that a number is computed on is nowhere.
      ValueError: `model.keras` has another sha256, or the card has no number of such a name.

    Example:
      >>> import os, tempfile, tfgen
      >>> folder = tfgen.zoo.save(tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1), os.path.join(tempfile.mkdtemp(), "tiny"))
      >>> [result["holds"] for result in tfgen.zoo.verify(folder)]
      [True, True, True]
    """
    folder = locate(name)
    model = load(folder)
    stored = {number["metric"]: number for number in read_metrics(folder)["metrics"]}
    unknown = sorted(set(metrics or []) - set(stored))
    if unknown:
        raise ValueError(f"Expected `metrics` among {', '.join(stored)}. Received: {', '.join(unknown)}")
    wanted = metrics if metrics is not None else list(stored)
    protocol = read_recipe(folder).protocol() if (folder / "recipe.yaml").is_file() else None
    received = {number["metric"]: number for number in measure(model, protocol, metrics=wanted, progress=progress)}
    return [_compare(stored[metric], received[metric]) for metric in wanted]


def remeasure(name: str | os.PathLike[str], *, metrics: list[str] | None = None, progress: Progress | None = None) -> Path:
    """Computes numbers of an entry anew and writes them and its card: for a new measure, or another processor.

    Args:
      name: a zoo name or an entry's folder.
      metrics: names of the numbers to compute; those that the card has besides stay. None for all there are.
      progress: called as `progress(what, done, total)`.

    Returns:
      folder: the entry, its `metrics.json` and `README.md` replaced; the weights are what they were.

    Raises:
      FileNotFoundError: no such entry, or the data that a number is computed on is nowhere.
      ValueError: `model.keras` has another sha256, or the model has no number of such a name.

    Example:
      >>> import os, tempfile, tfgen
      >>> folder = tfgen.zoo.save(tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1), os.path.join(tempfile.mkdtemp(), "tiny"))
      >>> tfgen.zoo.remeasure(folder) == folder
      True
    """
    folder = locate(name)
    model = load(folder)
    recipe = read_recipe(folder) if (folder / "recipe.yaml").is_file() else None
    numbers = measure(model, recipe.protocol() if recipe else None, metrics=metrics, progress=progress)
    title = recipe["name"] if recipe else folder.resolve().name
    content = read_metrics(folder, check=False)
    kept = [] if metrics is None else [number for number in content["metrics"] if number["metric"] not in metrics]
    numbers = [*kept, *add_commands(numbers, title)]
    content["metrics"] = sorted(numbers, key=lambda number: number["kind"] == "pinned")  # pinned ones last
    writing.write_json(folder / "metrics.json", content)
    write_card(folder)
    return folder


def _compare(stored: dict[str, Any], received: dict[str, Any]) -> dict[str, Any]:
    expected, value = np.asarray(stored["value"], np.float64), np.asarray(received["value"], np.float64)
    same_shape = expected.shape == value.shape
    difference = float(np.abs(expected - value).max()) if same_shape else float("inf")
    notes = [
        f"computed on another {key}: {received[key]}, not {stored[key]}"
        for key in ("protocol", "split", "n", "seed", "data_sha256", "extractor")
        if stored.get(key) != received.get(key)
    ]
    return {
        "metric": stored["metric"],
        "unit": stored["unit"],
        "expected": stored["value"],
        "received": received["value"],
        "difference": difference,
        "tolerance": stored["tolerance"],
        "holds": not notes and difference <= stored["tolerance"],
        "note": "; ".join(notes),
    }
