"""Precision, recall, density and coverage: what lies within the distance of nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgen.metrics._arrays import feature_array, same_size

__all__ = [
    "DensityCoverage",
    "NeighbourScores",
    "PrecisionRecall",
    "density_coverage",
    "nearest_radii",
    "neighbour_scores",
    "precision_recall",
]

_ROWS = 1000  # rows of the distance matrix at a time: 80 MB for 10 000 columns


class PrecisionRecall(NamedTuple):
    """What `precision_recall` returns.

    Attributes:
      precision: share of generated rows that lie in a ball of the real set, in [0, 1].
      recall: share of real rows that lie in a ball of the generated set, in [0, 1].

    Example:
      >>> from tfgen.metrics import PrecisionRecall
      >>> PrecisionRecall(0.9, 0.5).recall
      0.5
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """What `density_coverage` returns.

    Attributes:
      density: real balls per generated row, divided by k; at least 0, near 1 for equal distributions, and it may exceed 1.
      coverage: share of real balls that hold a generated row, in [0, 1].

    Example:
      >>> from tfgen.metrics import DensityCoverage
      >>> DensityCoverage(1.0, 0.9).coverage
      0.9
    """

    density: float
    coverage: float


class NeighbourScores(NamedTuple):
    """What `neighbour_scores` returns: `PrecisionRecall` and `DensityCoverage` in one.

    Attributes:
      precision: share of generated rows that lie in a ball of the real set, in [0, 1].
      recall: share of real rows that lie in a ball of the generated set, in [0, 1].
      density: real balls per generated row, divided by k.
      coverage: share of real balls that hold a generated row, in [0, 1].

    Example:
      >>> from tfgen.metrics import NeighbourScores
      >>> NeighbourScores(0.9, 0.5, 1.0, 0.9).density
      1.0
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Any, generated: Any, *, k: int = 3) -> PrecisionRecall:
    """Measures which share of each set lies within the other set's manifold, the union of balls that reach to the k-th neighbour.

    `precision = mean{ any{ |y_j - x_i| <= r_k(x_i) : i } : j }` with `r_k(x_i)` the distance from `x_i` to its k-th nearest
    other real row; recall with the sets' roles changed. Balls are closed: a row at the very distance of the k-th neighbour
    lies inside, so that copies are inside even where all neighbours are duplicates and the radius is 0.

    Args:
      real: (n, d) features, n > k.
      generated: (m, d) features of the same extractor, m > k.
      k: which neighbour sets the radius, at least 1.

    Returns:
      scores: `precision` and `recall`.

    Raises:
      ValueError: sizes that differ, too few rows, NaN.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import precision_recall
      >>> precision_recall(np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([[0.4], [0.6]]), k=1)
      PrecisionRecall(precision=1.0, recall=0.0)

    Reference: Kynkaanniemi et al., 2019, Improved precision and recall metric for assessing generative models,
      arXiv 1904.06991.
    """
    counts = _counts(*_pair(real, generated), precision_k=k)
    return PrecisionRecall(counts["precision"], counts["recall"])


def density_coverage(real: Any, generated: Any, *, k: int = 5) -> DensityCoverage:
    """Measures how many balls of the real set hold a generated row, and which share of them holds at least one.

    `density = mean{ sum{ |y_j - x_i| < r_k(x_i) : i } : j } / k` and `coverage = mean{ any{ |y_j - x_i| < r_k(x_i) : j } : i }`
    with `r_k(x_i)` the distance from `x_i` to its k-th nearest other real row. Balls are open, unlike those of
    `precision_recall`, both as their authors compute them: a row at the very distance of the k-th neighbour lies outside, so
    that real rows scored against themselves have density 1, and a ball of radius 0 holds nothing. Ties are seldom otherwise.

    Args:
      real: (n, d) features, n > k.
      generated: (m, d) features of the same extractor, m >= 1.
      k: which neighbour sets the radius, at least 1.

    Returns:
      scores: `density` and `coverage`.

    Raises:
      ValueError: sizes that differ, too few rows, NaN.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import density_coverage
      >>> density_coverage(np.array([[0.0], [1.0], [9.0], [10.0]]), np.array([[0.4], [0.6]]), k=1)
      DensityCoverage(density=2.0, coverage=0.5)

    Reference: Naeem et al., 2020, Reliable fidelity and diversity metrics for generative models, arXiv 2002.09797.
    """
    counts = _counts(*_pair(real, generated), density_k=k)
    return DensityCoverage(counts["density"], counts["coverage"])


def neighbour_scores(real: Any, generated: Any, *, precision_k: int = 3, density_k: int = 5) -> NeighbourScores:
    """Measures precision, recall, density and coverage together, in half the time of one after the other.

    Args:
      real: (n, d) features, n > both k.
      generated: (m, d) features of the same extractor, m > precision_k.
      precision_k: `k` of `precision_recall`.
      density_k: `k` of `density_coverage`.

    Returns:
      scores: exactly the four numbers of `precision_recall` and `density_coverage`.

    Raises:
      ValueError: sizes that differ, too few rows, NaN.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import neighbour_scores
      >>> real = np.array([[0.0], [1.0], [9.0], [10.0]])
      >>> neighbour_scores(real, np.array([[0.4], [0.6]]), precision_k=1, density_k=1)
      NeighbourScores(precision=1.0, recall=0.0, density=2.0, coverage=0.5)
    """
    return NeighbourScores(**_counts(*_pair(real, generated), precision_k=precision_k, density_k=density_k))


def nearest_radii(features: Any, *, k: int | Sequence[int]) -> np.ndarray:
    """Measures the Euclidean distance from each row to its k-th nearest other row.

    The row itself is left out by its index: a duplicate of it counts, at distance 0. Distances come from products of centred
    rows in float64; those below the products' rounding error count as 0.

    Args:
      features: (n, d), n > k.
      k: which neighbour, at least 1, or several of them.

    Returns:
      radii: (n,) float64, or (n, len(k)) for several.

    Raises:
      ValueError: `k` is below 1 or not below n, or NaN.
      TypeError: no numbers.

    Example:
      >>> import numpy as np
      >>> from tfgen.metrics import nearest_radii
      >>> nearest_radii(np.array([[0.0], [1.0], [3.0]]), k=(1, 2)).tolist()
      [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]
    """
    features = feature_array(features, "features")
    _check_k(k, len(features), "features")
    wanted = np.atleast_1d(np.asarray(k))
    radii = np.sqrt(_squared_radii(_centre(features, features), wanted - 1))
    return radii[:, 0] if np.ndim(k) == 0 else radii


def _check_k(k: Any, rows: int, name: str) -> None:
    wanted = np.asarray(k)
    if wanted.dtype.kind not in "iu" or wanted.size == 0 or wanted.min() < 1 or wanted.max() >= rows:
        raise ValueError(
            f"Expected a number of neighbours from 1 to {rows - 1}, for {rows} rows of `{name}` have no more; pass more rows or a "
            f"smaller one. Received: {k}"
        )


def _pair(real: Any, generated: Any) -> tuple[np.ndarray, np.ndarray]:
    """Centres both sets on the real mean: what products of long vectors lose, they lose to the common part."""
    real, generated = feature_array(real, "real"), feature_array(generated, "generated")
    same_size(real.shape[1], generated.shape[1], ("real", "generated"))
    if not len(real) or not len(generated):
        raise ValueError(f"Expected rows in both sets. Received: {len(real)} real and {len(generated)} generated rows")
    return _centre(real, real), _centre(generated, real)


def _centre(features: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return features - reference.mean(0, dtype=np.float64)


def _norms(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _tolerance(rows: np.ndarray) -> float:
    """Bounds the error of two squared distances, `|x|^2 + |y|^2 - 2 <x, y>`, in units of `|x|^2 + |y|^2`."""
    return 4.0 * (rows.shape[1] + 4) * np.finfo(np.float64).eps


def _squared_distances(x: np.ndarray, y: np.ndarray, *, shrink: float = 0.0) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields `(1 - shrink) (|x|^2 + |y|^2) - 2 <x, y>` for some rows of x and all of y at a time."""
    x_norms, y_norms = ((1.0 - shrink) * _norms(rows) for rows in (x, y))
    for start in range(0, len(x), _ROWS):
        rows = slice(start, min(start + _ROWS, len(x)))
        squares = x[rows] @ y.T
        squares *= -2.0
        squares += x_norms[rows, None]
        squares += y_norms
        yield rows, squares


def _squared_radii(centred: np.ndarray, orders: np.ndarray) -> np.ndarray:
    radii = np.empty((len(centred), len(orders)))
    for rows, squares in _squared_distances(centred, centred):
        squares[np.arange(len(squares)), np.arange(rows.start, rows.stop)] = np.inf
        radii[rows] = np.partition(squares, sorted(set(orders.tolist())), axis=1)[:, orders]
    duplicates = radii <= 2.0 * _tolerance(centred) * _norms(centred)[:, None]
    return np.where(duplicates, 0.0, radii)


def _counts(
    real: np.ndarray, generated: np.ndarray, *, precision_k: int | None = None, density_k: int | None = None
) -> dict[str, float]:
    """Passes over the distances between the sets once, and fills in the scores that have a `k`.

    Distances are shrunk by their rounding error for the closed balls, and grown by it for the open ones, so that a tie falls
    on the same side on every machine.
    """
    wanted = [k for k in (precision_k, density_k) if k is not None]
    for k in wanted:
        _check_k(k, len(real), "real")
    squares_of_real = dict(zip(wanted, _squared_radii(real, np.array(wanted) - 1).T, strict=True))
    found: dict[str, np.ndarray] = {"precision": np.zeros(len(generated)), "density": np.zeros(len(generated))}
    found |= {"recall": np.zeros(len(real), bool), "coverage": np.zeros(len(real), bool)}
    if precision_k is not None:
        _check_k(precision_k, len(generated), "generated")
        squares_of_generated = _squared_radii(generated, np.array([precision_k - 1]))[:, 0]
    tolerance = _tolerance(real)
    growth = 2.0 * tolerance * _norms(real), 2.0 * tolerance * _norms(generated)
    for rows, squares in _squared_distances(generated, real, shrink=tolerance):
        if precision_k is not None:
            found["precision"][rows] = (squares <= squares_of_real[precision_k]).any(1)
            found["recall"] |= (squares <= squares_of_generated[rows, None]).any(0)
        if density_k is not None:
            squares += growth[1][rows, None]
            inside = squares < squares_of_real[density_k] - growth[0]
            found["density"][rows] = inside.sum(1) / density_k
            found["coverage"] |= inside.any(0)
    return {name: float(values.mean()) for name, values in found.items()}
