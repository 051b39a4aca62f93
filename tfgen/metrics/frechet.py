"""The Frechet distance between Gaussians fitted to two sets of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.metrics._arrays import same_size
from tfgen.metrics.moments import Moments

__all__ = ["frechet_distance"]


def frechet_distance(a: Any, b: Any) -> float:
    """Measures `|m_a - m_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2))` between means m and unbiased covariances C.

    It is the squared 2-Wasserstein distance between the two Gaussians, in squared units of the features. On Inception's
    features it is called FID; on any other features it is not, and the two do not compare. It is biased upward for few rows
    (two sets from one distribution are at a distance above 0 that shrinks with n), so compare equal n only.

    With `C = F F^T` for each, `trace (C_a C_b)^(1/2)` is the sum of the singular values of `F_a^T F_b`, which are the square
    roots of the eigenvalues of `C_a^(1/2) C_b C_a^(1/2)`. F is the Cholesky factor, or comes from the eigendecomposition where C
    is singular: fewer rows than features, or constant features, do no harm.

    Args:
      a: (n, d) features, or their `Moments`.
      b: (m, d) features of the same extractor, or their `Moments`.

    Returns:
      distance: at least 0.

    Raises:
      ValueError: fewer than 2 rows, sizes that differ, NaN, or numbers beyond 1e140.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import frechet_distance
      >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
      9.0

    Reference: Heusel et al., 2017, GANs trained by a two time-scale update rule converge to a local Nash equilibrium,
      arXiv 1706.08500; Dowson, Landau, 1982, The Frechet distance between multivariate normal distributions.
    """
    first, second = _moments(a, "a"), _moments(b, "b")
    same_size(len(first.mean), len(second.mean), ("a", "b"))
    covariances = first.covariance, second.covariance
    difference = first.mean - second.mean
    traces = float(difference @ difference + np.trace(covariances[0]) + np.trace(covariances[1]))
    factors = [_factor(one) for one in covariances]
    common = float(np.linalg.svd(factors[0].T @ factors[1], compute_uv=False).sum())
    return max(traces - 2.0 * common, 0.0)


def _moments(values: Any, name: str) -> Moments:
    moments = values
    if not isinstance(moments, Moments):
        moments = Moments()
        moments.update(values)
    if moments.count < 2:
        raise ValueError(f"Expected at least 2 rows in `{name}` for a covariance. Received: {moments.count} rows")
    return moments


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Finds F with `covariance = F F^T`; eigenvalues below zero are rounding errors of zero."""
    try:
        return np.linalg.cholesky(covariance)  # ten times as fast, where it exists
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))
