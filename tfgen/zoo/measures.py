"""The numbers of a zoo entry. Which ones follows from the model's family; every number says how it was computed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.audio import mu_law_encode
from tfgen.distributions import MuLawCategorical
from tfgen.metrics.codes import code_entropy, order_1_nll
from tfgen.metrics.likelihood import nats_to_bits_per_dim
from tfgen.models import AdversarialModel, AutoregressiveModel, LatentVariableModel
from tfgen.models.labels import in_turn
from tfgen.zoo import classifiers
from tfgen.zoo.environment import hardware, versions
from tfgen.zoo.numbers import make_number
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.quality import Quality

__all__ = ["Progress", "measure"]

Progress = Callable[[str, int, int], None]

_ROWS = 250  # a whole batch, often enough for a bar
_SAMPLES = 10_000
_PINNED_SEEDS = (0, 1, 2)
_FEATURES = 1  # the stream of what a pinned pass is conditional on
_EXTRACTED = (28, 28, 1)  # what the bundled extractor takes


def measure(
    model: Any, protocol: Protocol | None = None, *, metrics: list[str] | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Computes the numbers of a model.

    All models: pinned numbers of the forward pass. With a protocol also: exact `nll` and `bits_per_dim` of autoregressive
    models (of sound also `nll_per_sample`, beside `marginal_entropy` and `order_1_nll`, which it has to beat); `elbo` and
    `log_prob_bound`, both also in bits per dimension, of latent-variable models; mean and standard deviation
    of adversarial models' samples; and, where images have the shape that the bundled extractor takes, the measures of samples:
    `frechet_distance`, `kernel_distance`, `precision`, `recall`, `density`, `coverage`, `data_copying`, and of conditional
    models `class_accuracy`, `intra_class_frechet_distance`, `class_similarity`. A classifier has its accuracy and cross-entropy.

    Args:
      model: a `GenerativeModel` in float32, or a classifier.
      protocol: the data, the number of samples and the seed; None for the pinned numbers alone.
      metrics: names of the numbers wanted; None for all.
      progress: called as `progress(what, done, total)`.

    Returns:
      numbers: one dict each: metric, value (a number or a list), unit, kind, split, n, seed, protocol, tolerance, data_sha256,
        hardware, versions; of measures of samples also extractor, name and sha256.

    Raises:
      ValueError: the model has no number of such a name, or a number is not finite.
      FileNotFoundError: the data is nowhere.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.measures import measure
      >>> [number["metric"] for number in measure(tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1))]
      ['pinned_seed_0', 'pinned_seed_1', 'pinned_seed_2']
    """
    groups = _groups(model, protocol, progress)
    known = [name for names, _ in groups for name in names]
    for name in metrics or []:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"Expected `metrics` among {', '.join(known)}.{hint} Received: {name}")
    found = []
    for names, compute in groups:
        if metrics is None or set(names) & set(metrics):
            found += list(compute(progress or (lambda what, done, total: None)))
    stamp = {"hardware": hardware(), "versions": versions()}
    for number in found:
        if not np.isfinite(number["value"]).all():
            raise ValueError(f"Expected a trained model with finite numbers. Received: {number['metric']}={number['value']}")
    return [{**number, **stamp} for number in found if metrics is None or number["metric"] in metrics]


Group = tuple[list[str], Callable[[Progress], Iterator[dict[str, Any]]]]


def _groups(model: Any, protocol: Protocol | None, told: Progress | None) -> list[Group]:
    """Pairs the names of numbers with the function that computes them together."""
    groups: list[Group] = []
    if classifiers.is_classifier(model):
        names = ["accuracy", "cross_entropy", "accuracy_binarized", "cross_entropy_binarized"]
        return [] if protocol is None else [(names, lambda progress: _classes(model, protocol, progress))]
    if protocol is not None and isinstance(model, AutoregressiveModel):
        heard = model.output_name == "audio"
        names = ["nll", "bits_per_dim", *(["nll_per_sample"] if heard else [])]
        groups.append((names, lambda progress: _exact(model, protocol, progress)))
        if heard:
            groups.append((["marginal_entropy", "order_1_nll"], lambda progress: _codes(model, protocol)))
    if protocol is not None and isinstance(model, LatentVariableModel):
        for name in ("elbo", "log_prob_bound"):
            names = [name, f"{name}_bits_per_dim"] if model.likelihood.discrete else [name]
            groups.append((names, lambda progress, name=name: _bound(model, name, protocol, progress)))
    if protocol is not None and isinstance(model, AdversarialModel):
        groups.append((["sample_mean", "sample_std"], lambda progress: _moments(model, progress)))
    if protocol is not None and tuple(model.event_shape) == _EXTRACTED:
        quality = Quality(protocol, samples=model, progress=told)
        groups += [(list(group), lambda progress, group=group: quality.compute(group)) for group in quality.names()]
    pinned = [f"pinned_seed_{seed}" for seed in _PINNED_SEEDS]
    groups.append((pinned, lambda progress: _pinned(model)))
    return groups


def _over(rows: int, what: str, progress: Progress, compute: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Computes one number a row, in parts, telling how far it has come."""
    parts = []
    for start in range(0, rows, _ROWS):
        progress(what, start, rows)
        parts.append(np.asarray(compute(slice(start, min(start + _ROWS, rows))), np.float64))
    progress(what, rows, rows)
    return np.concatenate(parts)


def _where(protocol: Protocol, images: np.ndarray, sha256: str) -> dict[str, Any]:
    return {"split": protocol.place, "n": len(images), "data_sha256": sha256}


def _classes(model: Any, protocol: Protocol, progress: Progress) -> Iterator[dict[str, Any]]:
    def compute(rows: int, function: Callable[[slice], np.ndarray]) -> np.ndarray:
        return _over(rows, "classes", progress, function)

    how = "over all images of the split, float32 network; binarized: pixels drawn once, by tfgen.data.fixed_binarized"
    for metric, value, unit, where in classifiers.class_numbers(model, protocol, compute):
        yield make_number(metric, value, unit, "exact", how, **where)


def _exact(model: Any, protocol: Protocol, progress: Progress) -> Iterator[dict[str, Any]]:
    if "features" in model._condition_names():
        raise ValueError(
            "Expected a data set with the features that the model is conditional on, of which there is none: take the mean of "
            f"`model.log_prob(x, features=...)` over your own. Received: data={protocol.data!r}"
        )
    images, sha256 = protocol.read()
    given = [] if model.num_classes is None else [protocol.labels()]
    values = _over(len(images), "nll", progress, lambda rows: model.log_prob(images[rows], *(part[rows] for part in given)))
    nll = -float(np.mean(values))
    density = "p(x | label)" if given else "p(x)"
    how = f"mean of -log {density} over the split, float32 network, float64 mean"
    if protocol.view == "binarized":
        how += "; pixels drawn once, by tfgen.data.fixed_binarized"
    where = _where(protocol, images, sha256)
    yield make_number("nll", nll, "nats", "exact", how, **where)
    yield make_number("bits_per_dim", float(nats_to_bits_per_dim(nll, model.event_shape)), "bits/dim", "exact", how, **where)
    if model.output_name == "audio":
        more = {**where, "tolerance": 1e-3}
        yield make_number("nll_per_sample", nll / model.event_shape[0], "nats a sample", "exact", f"{how}; per sample", **more)


def _codes(model: Any, protocol: Protocol) -> Iterator[dict[str, Any]]:
    """What a model of mu-law codes has to beat: what is known of a code without its past, and from the code before alone."""
    levels = model.likelihood.levels if isinstance(model.likelihood, MuLawCategorical) else 256
    waveforms, sha256 = protocol.read()
    training, _ = protocol.changed(split="train").read()
    held_out, known = (np.asarray(mu_law_encode(x[..., 0], levels=levels)) for x in (waveforms, training))
    more = {**_where(protocol, waveforms, sha256), "tolerance": 1e-3}
    how = f"entropy of the {levels} mu-law codes of the split, counted in it"
    yield make_number("marginal_entropy", code_entropy(held_out, levels=levels), "nats a sample", "exact", how, **more)
    how = "mean of -log p(code | code before) over the split, a table counted in the training split"
    yield make_number("order_1_nll", order_1_nll(known, held_out, levels=levels), "nats a sample", "exact", how, **more)


def _bound(model: Any, name: str, protocol: Protocol, progress: Progress) -> Iterator[dict[str, Any]]:
    images, sha256 = protocol.read()
    seeds = random.row_seeds(protocol.seed, len(images))
    if name == "elbo":
        how = "mean of the evidence lower bound, one draw of the latents an image"
        values = _over(len(images), name, progress, lambda rows: model.elbo(images[rows], seed=seeds[rows]))
    else:
        count = protocol.num_samples
        how = f"mean of the importance-weighted bound, K = {count} draws of the latents an image"
        values = _over(
            len(images), name, progress, lambda rows: model.log_prob_bound(images[rows], num_samples=count, seed=seeds[rows])
        )
    how += "; image i's noise is keyed by tfgen.random.row_seeds(seed, n)[i]"
    nats = float(np.mean(values))
    where = {**_where(protocol, images, sha256), "seed": protocol.seed}
    where["num_samples"] = 1 if name == "elbo" else protocol.num_samples
    yield make_number(name, nats, "nats", "lower bound", how, **where)
    if not model.likelihood.discrete:  # a density's bits depend on the unit of the data
        return
    bits = float(nats_to_bits_per_dim(-nats, model.event_shape))
    yield make_number(f"{name}_bits_per_dim", bits, "bits/dim", "upper bound", how, **where)


def _moments(model: Any, progress: Progress) -> Iterator[dict[str, Any]]:
    seeds = random.row_seeds(0, _SAMPLES)

    def sums(rows: slice) -> np.ndarray:
        labels = {name: values[rows] for name, values in in_turn(model, _SAMPLES).items()}
        images = model.sample(seed=seeds[rows], **labels).astype(np.float64).reshape(rows.stop - rows.start, -1)
        return np.stack([images.mean(1), np.square(images).mean(1)], 1)

    mean, square = _over(_SAMPLES, "samples", progress, sums).mean(0)
    how = f"over all values of model.sample({_SAMPLES}, seed=0)"
    more = {"n": _SAMPLES, "seed": 0, "tolerance": 1e-4}
    yield make_number("sample_mean", float(mean), "value in [0, 1]", "moment of samples", how, **more)
    yield make_number("sample_std", float(np.sqrt(square - mean**2)), "value in [0, 1]", "moment of samples", how, **more)


def _condition(model: Any, seed: int) -> tuple[np.ndarray | None, str]:
    """What a pinned pass of an autoregressive model is conditional on, and how the protocol says so."""
    if "features" in model._condition_names():
        shape = model._control_spec("features").shape[1:].as_list()
        features = random.uniform(tf.constant([seed], tf.int64), shape, stream=_FEATURES)
        return np.asarray(features), f", features = uniform(seed, stream={_FEATURES})"
    return (None if model.num_classes is None else np.array([seed % model.num_classes])), ""


def _unit(model: Any) -> str:
    """The unit of what `predict` of an autoregressive model, or `sample` of another, computes."""
    if isinstance(model, AutoregressiveModel) and model._is_binary():
        return "probability"
    return {(0.0, 1.0): "value in [0, 1]", (-1.0, 1.0): "value in [-1, 1]"}.get(model.value_range, "value")


def _pinned(model: Any) -> Iterator[dict[str, Any]]:
    """A mean and five values of what the network computes for fixed inputs: are weights and code the same?"""
    for seed in _PINNED_SEEDS:
        if isinstance(model, AutoregressiveModel):
            # a discrete sample flips with the last bit; the means of what it is drawn from do not
            x = np.asarray(random.uniform(tf.constant([seed], tf.int64), model.event_shape) < 0.5, np.float32)
            y, told = _condition(model, seed)
            output, how = model.predict(x, y=y, verbose=0)[0], f"model.predict(x), x = uniform(seed) < 0.5{told}"
        else:
            output, how = model.sample(seed=[seed], **in_turn(model, 1))[0], "model.sample(seed=[seed])"
        values = np.asarray(output, np.float64).ravel()
        places = np.linspace(0.3, 0.7, 5) * (values.size - 1)
        numbers = [float(values.mean()), *values[places.astype(int)].tolist()]
        how += ": mean, and the values at 0.3, 0.4, 0.5, 0.6, 0.7 of the flattened output"
        pinned = [round(number, 7) for number in numbers]
        yield make_number(f"pinned_seed_{seed}", pinned, _unit(model), "pinned", how, n=1, seed=seed)
