"""Lines about the weights of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.testing._bench import Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._lines import line
from tfgen.testing._state import copies

_EXERCISED = ("fit", "evaluate", "train_step", "take_step", "test_step", "per_example", "mean", "target", "bound")


def _weights(bench: Bench) -> np.ndarray:
    return np.linspace(0.0, 2.0, bench.rows, dtype=np.float32)


@line("fit", asked=lambda model, case: not model.accepts_sample_weight)
def no_weights_of_rows(bench: Bench) -> None:
    """`sample_weight` and `class_weight` are refused where there is no per-example loss to weigh, in one sentence."""
    labels, weights = bench.labels(bench.rows), _weights(bench)
    for given in ({"sample_weight": weights}, {"class_weight": {0: 2.0}, "y": labels}):
        refuses(lambda given=given: bench.fit(bench.fresh(), **given), f"{sorted(given)}")
    weighted = bench.dataset(bench.x, labels, weights)
    refuses(lambda: bench.fit(bench.fresh(), x=weighted, y=None, batch_size=None), "a dataset with weights")


@line(*_EXERCISED, asked=lambda model, case: model.accepts_sample_weight)
def weights_of_rows(bench: Bench) -> None:
    """`sample_weight` and `class_weight` weigh: the step is linear in them, and so is the evaluated mean."""
    labels, weights = bench.labels(bench.rows), _weights(bench)

    def change(**keywords: Any) -> np.ndarray:
        model = bench.plain()
        before = copies(model.trainable_variables)
        bench.fit(model, **{"y": None if "x" in keywords else labels, "batch_size": bench.rows, "shuffle": False, **keywords})
        after = copies(model.trainable_variables)
        return np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])

    one, other, full = (change(sample_weight=w) for w in (weights, 2.0 - weights, np.ones_like(weights)))
    largest = float(np.abs(full).max())
    close((one + other) / largest, 2.0 * full / largest, 1e-3, "the step must be linear in `sample_weight`")
    expect(np.abs(one - full).max() > 1e-3 * largest, "`sample_weight` changes nothing")
    if labels.ndim == 1:
        by_class = np.where(labels == 0, 3.0, np.where(labels == 1, 0.5, 1.0)).astype(np.float32)
        classes, same_rows = change(class_weight={0: 3.0, 1: 0.5}), change(sample_weight=by_class)
        close(classes / largest, same_rows / largest, 1e-5, "`class_weight` against the same `sample_weight`")
    else:
        refuses(lambda: change(class_weight={0: 2.0}), "class_weight beside features")
    weighted = {"x": bench.dataset(bench.x, labels, weights, batch=bench.rows), "batch_size": None}
    close(change(**weighted) / largest, one / largest, 1e-5, "a dataset with weights against arrays")
    wrong = {"too few": weights[1:], "NaN": weights * np.nan, "one column": weights[:, None]}
    for what, given in wrong.items():
        refuses(lambda given=given: bench.fit(bench.fresh(), sample_weight=given), f"sample_weight: {what}")
    refuses(lambda: bench.fit(bench.fresh(), y=None, class_weight={0: 2.0}), "class_weight without labels")
    _weighted_means(bench, labels, weights)


def _weighted_means(bench: Bench, labels: np.ndarray, weights: np.ndarray) -> None:
    """Expects `evaluate` to give weighted means: those of w and 2 - w average to the plain one, as both sum to n."""
    model = bench.trained()
    one, other, plain = (bench.evaluate(model, y=labels, sample_weight=w) for w in (weights, 2.0 - weights, None))
    for name, value in plain.items():
        close((one[name] + other[name]) / 2.0, value, 1e-4, f"weighted `{name}`")
    expect(any(abs(one[name] - value) > 1e-6 for name, value in plain.items()), "evaluate passes over `sample_weight`")
