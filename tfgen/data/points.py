"""Points in the plane with known modes: the ring and the grid on which mode collapse is counted."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data.memory import batches, check_options, gather, view_images
from tfgen.random import as_row_seeds, normal, uniform

__all__ = ["GaussianModes", "grid", "ring"]

_CHUNK = 100_000


@typing.final
@dataclass(frozen=True, eq=False)
class GaussianModes:
    """A mixture of equally likely Gaussian modes, all as wide: `p(x) = mean_j Normal(x; centre_j, scale**2 I)`.

    Args:
      centres: (modes, dimensions) float32, not writeable.
      scale: standard deviation of every mode, positive.

    Raises:
      ValueError: centres of another shape, or a scale that is not positive.

    Example:
      >>> import tfgen
      >>> points, modes = tfgen.data.ring().draw(5, seed=0)
      >>> points.shape, modes.shape
      ((5, 2), (5,))
    """

    centres: np.ndarray
    scale: float

    def __post_init__(self) -> None:
        centres = np.array(self.centres, np.float32)  # a copy of its own
        if centres.ndim != 2 or not centres.size or not np.isfinite(centres).all():
            raise ValueError(f"Expected finite `centres` of shape (modes, dimensions). Received: centres={self.centres}")
        centres.setflags(write=False)
        object.__setattr__(self, "centres", centres)
        object.__setattr__(self, "scale", checks.number(self.scale, "scale", above=0))

    def draw(self, n: int | None = None, *, seed: int | Sequence[int] | np.ndarray = 0) -> tuple[np.ndarray, np.ndarray]:
        """Draws points; a point depends on its own row seed alone.

        `mode = floor(u * modes)` with `u = uniform(seeds, (1,))`, and `point = centre + scale * normal(seeds, (dimensions,), 1)`.

        Args:
          n: number of points; may be left out when `seed` lists one per point.
          seed: one integer, expanded by `tfgen.random.row_seeds`, or one per point.

        Returns:
          points: (n, dimensions) float32.
          modes: (n,) int64, the mode that each point was drawn from.

        Raises:
          TypeError: `n` or a seed is not an integer.
          ValueError: `n` and the seeds do not fit.

        Example:
          >>> import numpy as np, tfgen
          >>> ring = tfgen.data.ring()
          >>> np.array_equal(ring.draw(3, seed=1)[0], ring.draw(9, seed=1)[0][:3])
          True
        """
        seeds = as_row_seeds(seed, n)
        modes = np.empty(len(seeds), np.int64)
        points = np.empty((len(seeds), self.centres.shape[1]), np.float32)
        for start in range(0, len(seeds), _CHUNK):
            rows = slice(start, start + _CHUNK)
            keys = tf.constant(seeds[rows])
            modes[rows] = np.floor(uniform(keys, (1,)).numpy()[:, 0].astype(np.float64) * len(self.centres))
            noise = normal(keys, (self.centres.shape[1],), 1).numpy()
            points[rows] = self.centres[modes[rows]] + np.float32(self.scale) * noise
        return points, modes

    def dataset(
        self,
        n: int = 100_000,
        *,
        batch_size: int = 64,
        labels: bool = False,
        shuffle: bool = True,
        seed: int = 0,
        draw_seed: int = 0,
    ) -> tf.data.Dataset:
        """Makes a data set of drawn points, ordered by (seed, epoch).

        Args:
          n: number of points; the published protocol draws 100 000.
          batch_size: number of points in a batch; the last batch may be shorter.
          labels: whether elements are pairs (points, modes).
          shuffle: whether each epoch has an order of its own.
          seed: keys the order.
          draw_seed: keys the points, `draw(n, seed=draw_seed)`.

        Returns:
          dataset: batches of points (batch, dimensions) float32, not scaled to any range, or pairs of those and modes int64.

        Raises:
          TypeError: an argument has the wrong type.
          ValueError: an argument out of range, or no point at all.

        Example:
          >>> import tfgen
          >>> [batch.shape.as_list() for batch in tfgen.data.ring().dataset(100, batch_size=64)]
          [[64, 2], [36, 2]]
        """
        check_options(batch_size=batch_size, view="8bit", shuffle=shuffle, seed=seed)
        points, modes = self.draw(n, seed=draw_seed)
        show = view_images("8bit", seed=seed, total=n, fresh=False)  # floats pass as they are
        read = gather(points, modes if labels else None)
        return batches(read, np.arange(n), show, batch_size=batch_size, shuffle=shuffle, seed=seed)


def ring(modes: int = 8, *, radius: float = 1.0, scale: float = 0.01) -> GaussianModes:
    """Places Gaussian modes evenly on a circle: `centre_j = radius * (cos(2 pi j / modes), sin(2 pi j / modes))`.

    All of them are different: spacing the angles over [0, 2 pi] with both ends, as widely copied code does, puts the last mode
    on the first.

    Args:
      modes: how many, at least 1.
      radius: of the circle, positive.
      scale: standard deviation of each mode, positive.

    Returns:
      mixture: `GaussianModes` in the plane.

    Raises:
      ValueError: an argument out of range.

    Example:
      >>> import tfgen
      >>> tfgen.data.ring(4).centres.round(3).tolist()
      [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]

    Reference: Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, arXiv 1705.07761.
    """
    modes, radius = checks.integer(modes, "modes", least=1), checks.number(radius, "radius", above=0)
    angles = 2 * np.pi * np.arange(modes) / modes
    return GaussianModes(radius * np.stack([np.cos(angles), np.sin(angles)], -1), scale)


def grid(side: int = 5, *, spacing: float = 2.0, scale: float = 0.05) -> GaussianModes:
    """Places Gaussian modes on a square grid around the origin; by default 25, at {-4, -2, 0, 2, 4} squared.

    Args:
      side: modes along each axis, at least 1.
      spacing: distance of neighbours, positive.
      scale: standard deviation of each mode, positive.

    Returns:
      mixture: `GaussianModes` in the plane, row by row.

    Raises:
      ValueError: an argument out of range.

    Example:
      >>> import tfgen
      >>> tfgen.data.grid().centres[:2].tolist()
      [[-4.0, -4.0], [-4.0, -2.0]]

    Reference: Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, arXiv 1705.07761.
    """
    side, spacing = checks.integer(side, "side", least=1), checks.number(spacing, "spacing", above=0)
    line = spacing * (np.arange(side) - (side - 1) / 2)
    return GaussianModes(np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2), scale)
