"""Memorisation: nearest training examples, and a test whether samples lie nearer to them than unseen data does."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen import checks
from tfgen.metrics._arrays import feature_array, same_size
from tfgen.metrics._clusters import k_means, nearest_centres

__all__ = ["DataCopying", "data_copying_statistic", "mann_whitney_z", "nearest_neighbours"]

_BLOCK = 2048  # references at once; with as many queries 32 MiB of distances
_FEW = 20  # generated rows below which a cell says nothing (published)


def nearest_neighbours(queries: Any, references: Any, *, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest rows by Euclidean distance, exactly: every query is compared with every reference.

    Candidates come from `|x|^2 + |y|^2 - 2 <x, y>` in float64, and their distances are computed anew from the differences, so
    that a copy lies at distance 0. Two references whose squared distances differ by less than the rounding of `|x|^2` may change
    places. Memory stays bounded whatever the numbers of rows.

    Args:
      queries: (n, d) features, or flat images.
      references: (m, d) of the same kind, m at least k.
      k: how many neighbours of each query.

    Returns:
      indices: (n, k) int64, rows of `references`, nearest first.
      distances: (n, k) float64.

    Raises:
      TypeError: the values are not numbers.
      ValueError: shapes that do not fit, NaN, or fewer references than `k`.

    Example:
      >>> import numpy as np, tfgen
      >>> indices, distances = tfgen.metrics.nearest_neighbours(np.array([[0.0], [5.0]]), np.array([[4.0], [1.0]]))
      >>> indices.tolist(), distances.tolist()
      ([[1], [0]], [[1.0], [1.0]])
    """
    queries, references = feature_array(queries, "queries"), feature_array(references, "references")
    same_size(queries.shape[1], references.shape[1], ("queries", "references"))
    k = checks.integer(k, "k", least=1, most=len(references))
    middle = references.mean(0, dtype=np.float64)  # shorter vectors lose less in the products below
    indices = np.empty((len(queries), k), np.int64)
    distances = np.full((len(queries), k), np.inf)
    for first in range(0, len(references), _BLOCK):
        block = references[first : first + _BLOCK] - middle
        norms = np.einsum("ij,ij->i", block, block)
        for start in range(0, len(queries), _BLOCK):
            rows = slice(start, start + _BLOCK)
            shifted = queries[rows] - middle
            squares = norms - 2.0 * shifted @ block.T  # |x|^2 does not change the order
            few = _smallest(squares, min(k, len(block))) + first
            found = np.stack([_distances(queries[rows], references[column]) for column in few.T], 1)
            ours = slice(0, min(k, first))  # the others have not been filled yet
            _merge(indices[rows], distances[rows], (indices[rows, ours], distances[rows, ours]), (few, found))
    return indices, distances


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Finds the columns of the k smallest values of each row, in any order."""
    if k == 1:
        return values.argmin(1)[:, None]  # several times as fast
    if k == values.shape[1]:
        return np.broadcast_to(np.arange(k), values.shape)
    return np.argpartition(values, k - 1, axis=1)[:, :k]


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    difference = x.astype(np.float64) - y
    return np.sqrt(np.einsum("ij,ij->i", difference, difference))


def _merge(indices: np.ndarray, distances: np.ndarray, *found: tuple[np.ndarray, np.ndarray]) -> None:
    """Writes the nearest of what was found, nearest first; of equally near ones the lower row number first."""
    rows, values = (np.concatenate(parts, 1) for parts in zip(*found, strict=True))
    order = np.lexsort((rows, values), axis=1)[:, : indices.shape[1]]
    width = order.shape[1]
    indices[:, :width] = np.take_along_axis(rows, order, 1)
    distances[:, :width] = np.take_along_axis(values, order, 1)


def mann_whitney_z(first: Any, second: Any) -> float:
    """Compares two sets of numbers by their ranks: z-score of the number of pairs in which the first is larger.

    `U = sum(rank of first) - n (n + 1) / 2` with mid-ranks for ties, and `z = (U - n m / 2) / sqrt(n m / 12 *
    (N + 1 - sum(t**3 - t) / (N (N - 1))))`, where t counts equal values and N = n + m. No continuity correction.

    Args:
      first: (n,) numbers, n at least 1.
      second: (m,) numbers, m at least 1.

    Returns:
      z: about standard normal if both are drawn from one law; 0 if all numbers are equal.

    Raises:
      ValueError: a set is empty or not flat.

    Example:
      >>> mann_whitney_z([1, 2, 3], [1, 2, 3]), mann_whitney_z([7, 8, 9], [1, 2, 3]) > 1.9
      (0.0, True)

    Reference: Mann and Whitney, 1947, On a test of whether one of two random variables is stochastically larger than the other.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 1 or second.ndim != 1 or not len(first) or not len(second):
        raise ValueError(f"Expected two flat sets of numbers, none empty. Received: shapes {first.shape} and {second.shape}")
    n, m = len(first), len(second)
    _, place, ties = np.unique(np.concatenate([first, second]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    pairs = ranks[:n].sum() - n * (n + 1) / 2
    ties = ties.astype(np.float64)
    variance = n * m / 12 * (n + m + 1 - (ties**3 - ties).sum() / ((n + m) * (n + m - 1)))
    return float((pairs - n * m / 2) / np.sqrt(variance)) if variance > 0 else 0.0


@typing.final
@dataclass(frozen=True)
class DataCopying:
    """What `data_copying_statistic` found.

    Args:
      statistic: C_T, the mean of `z` over the cells in use, weighted by their share of the test rows.
      null_scale: standard deviation of `statistic` if generated and test rows follow one law, about 1 / sqrt(cells).
      z: (cells,) z-score of each cell; NaN where no generated row lies.
      used: (cells,) whether the cell has enough generated rows.
      test_share: (cells,) share of the test rows.
      generated_share: (cells,) share of the generated rows.

    Example:
      >>> import numpy as np, tfgen
      >>> rows = tfgen.random.normal(np.arange(300), (2,)).numpy()
      >>> found = tfgen.metrics.data_copying_statistic(rows[:100], rows[100:200], rows[200:], cells=2)
      >>> found.z.shape, bool(found.used.all())
      ((2,), True)
    """

    statistic: float
    null_scale: float
    z: np.ndarray = field(repr=False, compare=False)
    used: np.ndarray = field(repr=False, compare=False)
    test_share: np.ndarray = field(repr=False, compare=False)
    generated_share: np.ndarray = field(repr=False, compare=False)


def data_copying_statistic(
    train: Any, test: Any, generated: Any, *, cells: int = 10, min_share: float | None = None, seed: int = 0
) -> DataCopying:
    """Tests whether generated rows lie nearer to the training rows than unseen rows of the same law do.

    The training rows are partitioned by k-means. In each cell, `z` compares the distances of generated rows to their nearest
    training row of the cell with those of test rows (`mann_whitney_z`), and `C_T = sum(test_share * z) / sum(test_share)` over
    the cells whose share of generated rows exceeds `min_share`. Far below 0 the rows are copied, far above 0 they are
    under-fitted. Cells that the generator leaves out do not count, so look at coverage as well. Against the published code,
    ties lower the variance and there is no continuity correction of half a pair.

    Args:
      train: (n, d) training rows, in a feature space where near means alike.
      test: (m, d) held-out rows.
      generated: (l, d) generated rows.
      cells: number of cells.
      min_share: None means 20 rows, `20 / l`, as published.
      seed: keys the partition.

    Returns:
      found: `DataCopying`.

    Raises:
      TypeError: the values are not numbers.
      ValueError: shapes that do not fit, NaN, fewer different training rows than cells, a cell without test rows, or no cell
        with enough generated rows.

    Example:
      >>> import numpy as np, tfgen
      >>> rows = tfgen.random.normal(np.arange(900), (2,)).numpy()
      >>> copies = rows[:300] + 1e-3
      >>> tfgen.metrics.data_copying_statistic(rows[:300], rows[300:600], copies, cells=3).statistic < -5
      True

    Reference: Meehan, Chaudhuri, Dasgupta, 2020, A non-parametric test to detect data-copying in generative models,
    arXiv 2004.05675.
    """
    train, test, generated = _three(train, test, generated)
    cells = checks.integer(cells, "cells", least=1, most=len(train))
    centres, train_cells = k_means(train, cells, seed=seed)
    test_cells, generated_cells = (nearest_centres(rows, centres) for rows in (test, generated))
    counts = [np.bincount(assigned, minlength=cells) for assigned in (train_cells, test_cells, generated_cells)]
    empty = np.flatnonzero((counts[0] == 0) | (counts[1] == 0))
    if len(empty):
        raise ValueError(
            f"Expected training and test rows in every cell; pass fewer cells or more rows. Received: cells={cells}, of which "
            f"{empty.tolist()} hold none of {len(test)} test rows"
        )
    z = np.full(cells, np.nan)
    for cell in np.flatnonzero(counts[2]):
        near = train[train_cells == cell]
        theirs, unseen = generated[generated_cells == cell], test[test_cells == cell]
        z[cell] = mann_whitney_z(*(nearest_neighbours(rows, near)[1][:, 0] for rows in (theirs, unseen)))
    test_share, generated_share = counts[1] / len(test), counts[2] / len(generated)
    least = _FEW / len(generated) if min_share is None else min_share
    used = generated_share > least
    if not used.any():
        raise ValueError(
            f"Expected a cell with more than {least:.3g} of the generated rows; pass fewer cells or more rows. Received: "
            f"cells={cells}, {len(generated)} generated rows, at most {counts[2].max()} in one cell"
        )
    weights = test_share[used] / test_share[used].sum()
    statistic, null_scale = float(weights @ z[used]), float(np.sqrt((weights**2).sum()))
    return DataCopying(statistic, null_scale, z, used, test_share, generated_share)


def _three(train: Any, test: Any, generated: Any) -> list[np.ndarray]:
    """Reads the three sets, each with rows, all of one size."""
    sets = [feature_array(rows, name) for rows, name in ((train, "train"), (test, "test"), (generated, "generated"))]
    for rows, name in zip(sets, ("train", "test", "generated"), strict=True):
        same_size(sets[0].shape[1], rows.shape[1], ("train", name))
        if not len(rows):
            raise ValueError(f"Expected at least one row in `{name}`. Received: {name} of shape {rows.shape}")
    return sets
