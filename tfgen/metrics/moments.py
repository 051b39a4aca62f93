"""Mean and covariance of features that arrive in batches."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np

from tfgen.metrics._arrays import feature_array, same_size

__all__ = ["Moments"]

_ROWS = 4096  # bounds the float64 copy of a large batch
_LARGEST = 1e140  # squares of more would overflow in the sums


@typing.final
class Moments:
    """Accumulates count, mean and covariance in float64, one batch at a time.

    Two parts with counts n and m, means a and b, and sums of squared deviations S and T add up to the mean
    `a + (b - a) m / (n + m)` and the deviations `S + T + (b - a)(b - a)^T n m / (n + m)`. Nothing is squared before its mean
    is off, so features far from zero lose no digits. The result depends on the order and size of batches by rounding only.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import Moments
      >>> moments = Moments()
      >>> moments.update(np.array([[0.0, 1.0], [2.0, 1.0]]))
      >>> moments.update(np.array([[4.0, 1.0]]))
      >>> moments.count, moments.mean.tolist(), moments.covariance.tolist()
      (3, [2.0, 1.0], [[4.0, 0.0], [0.0, 0.0]])

    Reference: Chan, Golub, LeVeque, 1979, Updating formulae and a pairwise algorithm for computing sample variances,
      Stanford STAN-CS-79-773.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: np.ndarray | None = None
        self._deviations: np.ndarray | None = None

    def update(self, features: Any) -> None:
        """Adds rows.

        Args:
          features: (n, d) finite numbers; no rows change nothing.

        Raises:
          ValueError: another shape, another d than before, NaN, or numbers beyond 1e140.
          TypeError: no numbers.
        """
        features = feature_array(features, "features")
        largest = max(-float(features.min(initial=0.0)), float(features.max(initial=0.0)))
        if largest > _LARGEST:
            raise ValueError(f"Expected features whose squares float64 can hold; scale all sets down. Received: {largest}")
        for start in range(0, len(features), _ROWS):
            rows = features[start : start + _ROWS].astype(np.float64)
            mean = rows.mean(0)
            rows -= mean
            self._add(len(rows), mean, rows.T @ rows)

    def merge(self, other: Moments) -> None:
        """Adds the rows that another accumulator has seen.

        Args:
          other: stays as it is.

        Raises:
          ValueError: its features have another size.
        """
        if other._mean is not None and other._deviations is not None:
            self._add(other._count, other._mean, other._deviations)

    def _add(self, count: int, mean: np.ndarray, deviations: np.ndarray) -> None:
        if self._mean is None or self._deviations is None:
            self._count, self._mean, self._deviations = count, mean.copy(), deviations.copy()
            return
        same_size(len(self._mean), len(mean), ("self", "features"))
        total = self._count + count
        step = mean - self._mean
        self._deviations += deviations + np.outer(step, step) * (self._count * count / total)
        self._mean += step * (count / total)
        self._count = total

    @property
    def count(self) -> int:
        """The number of rows seen."""
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """The mean of the rows, (d,) float64."""
        if self._mean is None:
            raise ValueError("Expected at least 1 row for a mean; call `update(features)` first. Received: 0 rows")
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (divided by n - 1), (d, d) float64."""
        if self._deviations is None or self._count < 2:
            raise ValueError(
                f"Expected at least 2 rows for a covariance; call `update(features)` first. Received: {self._count} rows"
            )
        return self._deviations / (self._count - 1)
