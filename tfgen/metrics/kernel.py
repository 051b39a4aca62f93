"""The kernel distance (KID): an unbiased squared maximum mean discrepancy between two sets of features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfgen import checks, random
from tfgen.metrics._arrays import feature_array, same_size

__all__ = ["KernelEstimate", "kernel_distance"]


class KernelEstimate(NamedTuple):
    """What `kernel_distance` returns.

    Attributes:
      value: mean over the subsets.
      std: standard deviation over the subsets, divided by their number (ddof 0). It says how much one subset's estimate
        scatters. It is no standard error of `value`, because subsets of one set overlap.

    Example:
      >>> from tfgen.metrics import KernelEstimate
      >>> KernelEstimate(0.5, 0.1).std
      0.1
    """

    value: float
    std: float


def kernel_distance(a: Any, b: Any, *, subsets: int = 50, subset_size: int = 1000, seed: int = 0) -> KernelEstimate:
    """Measures the mean over random subsets of the unbiased squared MMD with the kernel `k(x, y) = (<x, y> / d + 1)^3`.

    With m rows x and m rows y it is `sum{ k(x_i, x_j) + k(y_i, y_j) : i != j } / (m (m - 1)) - 2 mean{ k(x_i, y_j) }`, the
    last over all pairs. Its expectation is 0 for equal distributions whatever m is, so it may be negative. Subset s takes
    without replacement the rows with the smallest hashes, `argsort(row_seeds(row_seeds(seed, 2 subsets)[2 s], n))[:m]` of
    `a`, and the same with `2 s + 1` of `b`: the order of rows matters, the machine does not.

    Args:
      a: (n, d) features.
      b: (m, d) features of the same extractor.
      subsets: number of subsets, at least 1.
      subset_size: rows per subset, at least 2 and at most the rows of the smaller set.
      seed: chooses the subsets.

    Returns:
      estimate: `value` and `std` over the subsets, in the kernel's unit.

    Raises:
      ValueError: sizes that differ, too few rows, NaN.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import kernel_distance
      >>> kernel_distance(np.zeros((4, 2)), np.ones((4, 2)), subsets=3, subset_size=2)
      KernelEstimate(value=7.0, std=0.0)

    Reference: Binkowski, Sutherland, Arbel, Gretton, 2018, Demystifying MMD GANs, arXiv 1801.01401.
    """
    first, second = feature_array(a, "a"), feature_array(b, "b")
    same_size(first.shape[1], second.shape[1], ("a", "b"))
    subsets = checks.integer(subsets, "subsets", least=1)
    subset_size = checks.integer(subset_size, "subset_size", least=2)
    smaller = min(len(first), len(second))
    if subset_size > smaller:
        raise ValueError(
            f"`subset_size` must be at most {smaller}, the rows of the smaller set; pass another one, or more rows. Received: "
            f"subset_size={subset_size}"
        )
    keys = random.row_seeds(seed, 2 * subsets).reshape(subsets, 2)
    work = np.empty((2, subset_size, subset_size))
    values = [
        _squared_discrepancy(_subset(first, subset_size, int(left)), _subset(second, subset_size, int(right)), work)
        for left, right in keys
    ]
    if not np.isfinite(values).all():
        raise ValueError("Expected features whose sixth powers float64 can hold; scale both sets down. Received: an overflow")
    return KernelEstimate(float(np.mean(values)), float(np.std(values)))


def _subset(features: np.ndarray, size: int, key: int) -> np.ndarray:
    chosen = np.argsort(random.row_seeds(key, len(features)), kind="stable")[:size]
    return features[chosen].astype(np.float64)


def _kernel_sum(x: np.ndarray, y: np.ndarray, work: np.ndarray) -> float:
    """Adds up `k(x_i, y_j)` over all pairs, in two matrices that are used again and again."""
    base, square = work
    np.matmul(x, y.T, out=base)
    base /= x.shape[1]
    base += 1.0
    np.multiply(base, base, out=square)
    return float(np.vdot(base, square))


def _diagonal_sum(x: np.ndarray) -> float:
    return float((((x * x).sum(1) / x.shape[1] + 1.0) ** 3).sum())


def _squared_discrepancy(x: np.ndarray, y: np.ndarray, work: np.ndarray) -> float:
    pairs = len(x) * (len(x) - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        within = sum(_kernel_sum(rows, rows, work) - _diagonal_sum(rows) for rows in (x, y))
        return within / pairs - 2.0 * _kernel_sum(x, y, work) / len(x) ** 2
