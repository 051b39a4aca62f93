"""The numbers of a zoo entry: a table with one row a measure, of which those rows are computed that a model has an answer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfgen import random
from tfgen.zoo import classifiers, likelihoods
from tfgen.zoo.abilities import (
    conditions_in_turn,
    get_likelihood_kind,
    get_medium,
    is_discrete,
)
from tfgen.zoo.environment import hardware, versions
from tfgen.zoo.numbers import make_number
from tfgen.zoo.pinned import PINNED_SEEDS, pinned_numbers
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.quality import SAMPLE_MEASURES, shape_of_samples
from tfgen.zoo.run import Run
from tfgen.zoo.table import Measure, Number, Progress, compute_measures

__all__ = ["MEASURES", "PINNED", "measure"]

_SAMPLES = 10_000


def measure(
    model: Any, protocol: Protocol | None = None, *, metrics: list[str] | None = None, progress: Progress | None = None
) -> list[Number]:
    """Computes the numbers of a model.

    All models: pinned numbers of the forward pass. With a protocol also: exact `nll` and `bits_per_dim` of models whose
    `likelihood_kind` is "exact" (of sound also `nll_per_sample`, beside `marginal_entropy` and `order_1_nll`, which it has to
    beat); `elbo` and `log_prob_bound`, both also in bits per dimension, where it is "bound"; mean and standard deviation of
    samples where there is no likelihood; and, where samples have the shape that the bundled extractor takes, the measures of
    samples: `frechet_distance`, `kernel_distance`, `precision`, `recall`, `density`, `coverage`, `data_copying`, and of
    conditional models `class_accuracy`, `intra_class_frechet_distance`, `class_similarity`. A classifier has its accuracy and
    cross-entropy. `MEASURES` lists them all.

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
    table = (PINNED,) if protocol is None else (*MEASURES, PINNED)
    found = compute_measures(table, Run(model, protocol=protocol, progress=progress), metrics)
    for number in found:
        if not np.isfinite(number["value"]).all():
            raise ValueError(f"Expected a trained model with finite numbers. Received: {number['metric']}={number['value']}")
    stamp = {"hardware": hardware(), "versions": versions()}
    return [{**number, **stamp} for number in found]


# ---- to what models the rows apply ----


def _classifies(run: Run) -> bool:
    return hasattr(run.model, "classify")


def _draws(run: Run) -> bool:
    return hasattr(run.model, "sample")


def _is_exact(run: Run) -> bool:
    return get_likelihood_kind(run.model) == "exact"


def _is_exact_and_discrete(run: Run) -> bool:
    return _is_exact(run) and is_discrete(run.model)


def _is_exact_of_sound(run: Run) -> bool:
    return _is_exact(run) and get_medium(run.model) == "audio"


def _is_bound(run: Run) -> bool:
    return get_likelihood_kind(run.model) == "bound"


def _is_bound_and_discrete(run: Run) -> bool:
    return _is_bound(run) and is_discrete(run.model)


def _has_no_likelihood(run: Run) -> bool:
    return _draws(run) and get_likelihood_kind(run.model) is None and conditions_in_turn(run.model, 1) is not None


def _draws_what_is_compared(run: Run) -> bool:
    fits = _draws(run) and tuple(run.model.event_shape) == shape_of_samples(run.protocol)
    return fits and conditions_in_turn(run.model, 1) is not None


def _of_samples(row: Measure) -> Measure:
    """Makes a row that takes a run of one that takes samples."""
    return Measure(
        row.names,
        lambda run: _draws_what_is_compared(run) and row.applies(run.quality),
        lambda run: row.compute(run.quality),
    )


# ---- what the rows compute that is not of a module of its own ----


def _classes(run: Run) -> Iterator[Number]:
    def compute(rows: int, function: Any) -> np.ndarray:
        return run.over(rows, "classes", function)

    how = "over all images of the split, float32 network; binarized: pixels drawn once, by tfgen.data.fixed_binarized"
    for metric, value, unit, where in classifiers.class_numbers(run.model, run.protocol, compute):
        yield make_number(metric, value, unit, "exact", how, **where)


def _moments(run: Run) -> Iterator[Number]:
    seeds, conditions = random.row_seeds(0, _SAMPLES), conditions_in_turn(run.model, _SAMPLES) or {}

    def sums(rows: slice) -> np.ndarray:
        given = {name: values[rows] for name, values in conditions.items()}
        images = run.model.sample(seed=seeds[rows], **given).astype(np.float64).reshape(rows.stop - rows.start, -1)
        return np.stack([images.mean(1), np.square(images).mean(1)], 1)

    mean, square = run.over(_SAMPLES, "samples", sums).mean(0)
    how = f"over all values of model.sample({_SAMPLES}, seed=0)"
    more = {"n": _SAMPLES, "seed": 0, "tolerance": 1e-4}
    yield make_number("sample_mean", float(mean), "value in [0, 1]", "moment of samples", how, **more)
    yield make_number("sample_std", float(np.sqrt(square - mean**2)), "value in [0, 1]", "moment of samples", how, **more)


# ---- the table ----

MEASURES = (
    Measure(("accuracy", "cross_entropy", "accuracy_binarized", "cross_entropy_binarized"), _classifies, _classes),
    Measure(("nll",), _is_exact, likelihoods.exact_nll),
    Measure(("bits_per_dim",), _is_exact_and_discrete, likelihoods.exact_bits),
    Measure(("nll_per_sample",), _is_exact_of_sound, likelihoods.exact_nll_per_sample),
    Measure(("marginal_entropy", "order_1_nll"), _is_exact_of_sound, likelihoods.table_of_codes),
    Measure(("elbo",), _is_bound, likelihoods.get_bound("elbo")),
    Measure(("elbo_bits_per_dim",), _is_bound_and_discrete, likelihoods.get_bound_bits("elbo")),
    Measure(("log_prob_bound",), _is_bound, likelihoods.get_bound("log_prob_bound")),
    Measure(("log_prob_bound_bits_per_dim",), _is_bound_and_discrete, likelihoods.get_bound_bits("log_prob_bound")),
    Measure(("sample_mean", "sample_std"), _has_no_likelihood, _moments),
    *(_of_samples(row) for row in SAMPLE_MEASURES),
)
"""What is measured of a model beside data, in the order of a card; each row takes a `Run`."""

PINNED = Measure(tuple(f"pinned_seed_{seed}" for seed in PINNED_SEEDS), _draws, lambda run: pinned_numbers(run.model))
"""What is measured of every model, without data."""
