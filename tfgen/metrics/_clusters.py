"""k-means of its own: seeds that k-means++ draws from a row seed each, then Lloyd's iterations; the same cells every time."""

from __future__ import annotations

import numpy as np

from tfgen.random import MAX_SEED, row_seeds

__all__ = ["k_means", "nearest_centres"]

_CHUNK = 2**20  # numbers at once: 8 MiB stay in the cache
_ITERATIONS = 100


def nearest_centres(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Assigns each row to the nearest centre, the first of equally near ones.

    Args:
      rows: (n, d) floats.
      centres: (cells, d) floats.

    Returns:
      cells: (n,) int64.
    """
    cells = np.empty(len(rows), np.int64)
    norms = (centres**2).sum(1)
    for part in _parts(rows):
        cells[part] = (norms - 2.0 * (rows[part].astype(np.float64) @ centres.T)).argmin(1)  # |x|^2 is the same for all
    return cells


def k_means(rows: np.ndarray, cells: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Partitions rows around centres that are the means of their own rows.

    Args:
      rows: (n, d) floats, with at least `cells` different rows.
      cells: number of cells, at least 1.
      seed: keys the first centres.

    Returns:
      centres: (cells, d) float64.
      assigned: (n,) int64, the cell of each row.

    Raises:
      ValueError: there are fewer different rows than cells.
    """
    centres = _first_centres(rows, cells, row_seeds(seed, cells) / (MAX_SEED + 1))
    assigned = nearest_centres(rows, centres)
    for _ in range(_ITERATIONS):
        counts = np.bincount(assigned, minlength=cells)
        if not counts.all():  # an empty cell starts again at the row that is worst off
            squares = _squares(rows, centres[assigned])
        for cell in range(cells):
            if counts[cell]:
                centres[cell] = rows[assigned == cell].mean(0, dtype=np.float64)
            else:
                worst = squares.argmax()
                centres[cell], squares[worst] = rows[worst], 0.0
        before, assigned = assigned, nearest_centres(rows, centres)
        if (assigned == before).all():
            break
    return centres, assigned


def _first_centres(rows: np.ndarray, cells: int, uniforms: np.ndarray) -> np.ndarray:
    """Chooses rows, each with a probability that grows with its squared distance to those chosen before."""
    chosen = [int(uniforms[0] * len(rows))]
    squares = np.full(len(rows), np.inf)
    for uniform in uniforms[1:]:
        squares = np.minimum(squares, _squares(rows, rows[chosen[-1]]))
        cumulated = np.cumsum(squares)
        if not cumulated[-1] > 0:
            raise ValueError(
                f"Expected at least {cells} different rows for {cells} cells. Received: {len(chosen)} different rows"
            )
        found = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
        chosen.append(int(min(found, np.flatnonzero(squares)[-1])))
    return rows[chosen].astype(np.float64)


def _squares(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Computes squared distances of rows to one other row, or to one each, from differences: 0 for equal rows."""
    squares = np.empty(len(rows))
    others = np.broadcast_to(others, rows.shape)
    for part in _parts(rows):
        squares[part] = ((rows[part].astype(np.float64) - others[part]) ** 2).sum(1)
    return squares


def _parts(rows: np.ndarray) -> list[slice]:
    """Cuts rows so that a float64 copy of a part stays small."""
    step = max(1, _CHUNK // rows.shape[1])
    return [slice(start, start + step) for start in range(0, len(rows), step)]
