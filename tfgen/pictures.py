"""Picture files: grids of samples, samples beside their neighbours, points in the plane, and curves of a training log."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checks, writing

__all__ = ["CHANNELS", "can_draw", "envelopes", "grid", "save_curves", "save_grid", "save_neighbours", "save_points"]

CHANNELS = (1, 3, 4)  # grey, colour, colour with alpha; two channels have no agreed reading


def can_draw(shape: Sequence[int | None]) -> bool:
    """Tells whether examples of a shape can be written as pictures.

    Args:
      shape: of one example.

    Returns:
      answer: whether it is (height, width, channels) with 1, 3 or 4 channels.

    Example:
      >>> import tfgen
      >>> tfgen.pictures.can_draw((28, 28, 1)), tfgen.pictures.can_draw((28, 28, 2)), tfgen.pictures.can_draw((4096, 1))
      (True, False, False)
    """
    return len(shape) == 3 and shape[-1] in CHANNELS


def grid(images: Any, columns: int | None = None, *, gap: int = 1) -> np.ndarray:
    """Lays images out in rows, left to right.

    Args:
      images: (n, height, width, channels) in [0, 1], n at least 1.
      columns: images a row; None makes the grid about square.
      gap: grey pixels between images.

    Returns:
      picture: (height, width, channels) uint8.

    Raises:
      ValueError: `images` has another rank or is empty, or `columns` is below 1.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.pictures.grid(np.zeros((4, 5, 5, 1))).shape
      (11, 11, 1)
    """
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(f"Expected images (n, height, width, channels), at least one. Received: shape {images.shape}")
    if columns is not None and columns < 1:
        raise ValueError(f"`columns` must be at least 1. Received: columns={columns}")
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 128, np.uint8)
    if channels == 4:
        picture[..., 3] = 255  # what lies between images is no window
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        picture[top : top + height, left : left + width] = np.round(np.clip(np.nan_to_num(image), 0, 1) * 255)  # NaN is black
    return picture


def envelopes(waveforms: Any, *, height: int = 64, width: int = 192) -> np.ndarray:
    """Draws waveforms as pictures: in each column a dark line from the least to the greatest value of its stretch of time.

    Args:
      waveforms: (n, time, 1) in [-1, 1].
      height: pixels, from 1 at the top to -1 at the bottom.
      width: pixels.

    Returns:
      images: (n, height, width, 1) float32 in [0, 1].

    Raises:
      ValueError: `waveforms` has another shape.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.pictures.envelopes(np.zeros((2, 500, 1))).shape
      (2, 64, 192, 1)
    """
    waveforms = np.asarray(waveforms)
    if waveforms.ndim != 3 or waveforms.shape[-1] != 1 or not waveforms.shape[1]:
        raise ValueError(f"Expected waveforms (n, time, 1). Received: shape {waveforms.shape}")
    values = np.nan_to_num(waveforms[:, :, 0])
    starts = np.arange(width) * values.shape[1] // width
    rows = np.linspace(1.0, -1.0, height)[None, :, None]
    half = 1.0 / (height - 1)
    least, greatest = np.minimum.reduceat(values, starts, 1), np.maximum.reduceat(values, starts, 1)
    inside = (rows >= least[:, None] - half) & (rows <= greatest[:, None] + half)
    return (1.0 - inside[..., None]).astype(np.float32)


def save_grid(images: Any, path: str | os.PathLike[str], columns: int | None = None, *, zoom: int = 2) -> Path:
    """Writes a grid of images as a PNG file.

    Args:
      images: (n, height, width, channels) in [0, 1], 1, 3 or 4 channels, n at least 1.
      path: the file; its folder is made if missing.
      columns: images a row; None makes the grid about square.
      zoom: each pixel becomes this many squared.

    Returns:
      path: where the picture is.

    Raises:
      ValueError: `images` has another rank or number of channels or is empty, or a size is below 1.

    Example:
      >>> import numpy as np, os, tempfile, tfgen
      >>> os.path.getsize(tfgen.pictures.save_grid(np.zeros((4, 5, 5, 1)), os.path.join(tempfile.mkdtemp(), "a.png"))) > 0
      True
    """
    return _save_picture(grid(images, columns), path, zoom)


def save_neighbours(samples: Any, neighbours: Any, path: str | os.PathLike[str], *, zoom: int = 2) -> Path:
    """Writes a PNG file with a row for each sample: the sample, a wide gap, and its nearest training images, nearest first.

    A picture is no test of copying: put the same rows for held-out images beside it, and `tfgen.metrics.data_copying_statistic`.

    Args:
      samples: (n, height, width, channels) in [0, 1], 1, 3 or 4 channels, n at least 1.
      neighbours: (n, k, height, width, channels), k at least 1: `train[indices]` of `tfgen.metrics.nearest_neighbours`.
      path: the file; its folder is made if missing.
      zoom: each pixel becomes this many squared.

    Returns:
      path: where the picture is.

    Raises:
      ValueError: shapes that do not fit, another number of channels, nothing to show, or a zoom below 1.

    Example:
      >>> import numpy as np, os, tempfile, tfgen
      >>> path = os.path.join(tempfile.mkdtemp(), "neighbours.png")
      >>> tfgen.pictures.save_neighbours(np.zeros((4, 5, 5, 1)), np.ones((4, 3, 5, 5, 1)), path).name
      'neighbours.png'
    """
    samples, neighbours = np.asarray(samples), np.asarray(neighbours)
    if neighbours.ndim != 5 or neighbours.shape[:1] + neighbours.shape[2:] != samples.shape or not neighbours.shape[1]:
        raise ValueError(
            f"Expected neighbours of shape (n, k, height, width, channels) for samples (n, height, width, channels). "
            f"Received: samples.shape={samples.shape}, neighbours.shape={neighbours.shape}"
        )
    left = grid(samples, 1)
    right = grid(neighbours.reshape(-1, *samples.shape[1:]), neighbours.shape[1])
    gap = np.full((len(left), max(3, samples.shape[2] // 4), left.shape[2]), 255, np.uint8)
    return _save_picture(np.concatenate([left, gap, right], 1), path, zoom)


def save_points(points: Any, path: str | os.PathLike[str], *, centres: Any = None) -> Path:
    """Draws points of the plane, and the centres of the modes that they should reach, and writes a PNG.

    With centres, the picture shows the centres' square and a quarter of it on each side, the same for every set of points; how
    many points lie outside is written above it.

    Args:
      points: (n, 2), n at least 1.
      path: the picture; its folder is made if missing.
      centres: (modes, 2), drawn as rings; or None.

    Returns:
      path: where the picture is.

    Raises:
      ValueError: another shape, no point, or NaN.

    Example:
      >>> import os, tempfile, tfgen
      >>> ring = tfgen.data.ring()
      >>> path = os.path.join(tempfile.mkdtemp(), "ring.png")
      >>> tfgen.pictures.save_points(ring.draw(100)[0], path, centres=ring.centres).name
      'ring.png'
    """
    from matplotlib.figure import Figure

    points = _plane(points, "points")
    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.scatter(*points.T, s=4, alpha=0.4, linewidths=0)
    axis.set_aspect("equal")
    if centres is not None:
        centres = _plane(centres, "centres")
        middle = (centres.max(0) + centres.min(0)) / 2
        reach = 0.75 * float(np.ptp(centres, axis=0).max()) or 1.0
        axis.scatter(*centres.T, s=60, facecolors="none", edgecolors="tab:red", linewidths=0.8)
        axis.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
        outside = int((np.abs(points - middle) > reach).any(1).sum())
        axis.set_title(f"{len(points)} points, {outside} outside", fontsize=9)
    return _write(path, lambda aside: figure.savefig(aside, format="png", dpi=80))


def save_curves(history: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Draws each column of a training log against the epoch, and writes a PNG.

    Args:
      history: a CSV file with a column `epoch`, as `keras.callbacks.CSVLogger` writes it.
      path: the picture; its folder is made if missing.

    Returns:
      path: where the picture is.

    Raises:
      ValueError: the log has no column `epoch`, no other column, or no row.

    Example:
      >>> import pathlib, tempfile, tfgen
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "history.csv").write_text("epoch,loss\\n0,2.0\\n1,1.0\\n")
      >>> tfgen.pictures.save_curves(folder / "history.csv", folder / "curves.png").name
      'curves.png'
    """
    from matplotlib.figure import Figure

    with open(checks.path(history, "history"), newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "epoch"]
    if not names or "epoch" not in rows[0]:
        raise ValueError(f"Expected a log with a column `epoch`, others, and one row or more. Received: {history}")
    epochs = [float(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(3.2 * len(names), 2.6), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        # Keras writes NA where an epoch has no value of a column
        axis.plot(epochs, [math.nan if row[name] == "NA" else float(row[name]) for row in rows])
        axis.set(title=name, xlabel="epoch")
    return _write(path, lambda aside: figure.savefig(aside, format="png", dpi=80))


def _plane(points: Any, name: str) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError(f"Expected finite `{name}` of shape (n, 2), at least one. Received: {name}.shape={points.shape}")
    return points


def _save_picture(picture: np.ndarray, path: str | os.PathLike[str], zoom: int) -> Path:
    """Writes pixels (height, width, channels) as PNG."""
    from PIL import Image

    if not can_draw(picture.shape):
        raise ValueError(f"A picture has 1, 3 or 4 channels. Received: {picture.shape[-1]} channels")
    if zoom < 1:
        raise ValueError(f"`zoom` must be at least 1. Received: zoom={zoom}")
    picture = picture.repeat(zoom, 0).repeat(zoom, 1)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    return _write(path, lambda aside: image.save(aside, format="PNG", optimize=True))


def _write(path: str | os.PathLike[str], save: Callable[[Path], None]) -> Path:
    """Writes a file whole; returns where it is."""
    with writing.whole_file(path) as aside:
        save(aside)
    return Path(path).expanduser()
