"""Picture files: grids of samples, and curves of a training log."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["grid", "save_curves", "save_grid"]


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
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        picture[top : top + height, left : left + width] = np.round(np.clip(np.nan_to_num(image), 0, 1) * 255)  # NaN is black
    return picture


def save_grid(images: Any, path: str | os.PathLike[str], columns: int | None = None, *, zoom: int = 2) -> Path:
    """Writes a grid of images as a PNG file, aside first and then renamed.

    Args:
      images: (n, height, width, channels) in [0, 1], 1 or 3 channels, n at least 1.
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
    from PIL import Image

    picture = grid(images, columns)
    if picture.shape[-1] not in (1, 3):
        raise ValueError(f"A picture has 1 or 3 channels. Received: {picture.shape[-1]} channels")
    if zoom < 1:
        raise ValueError(f"`zoom` must be at least 1. Received: zoom={zoom}")
    picture = picture.repeat(zoom, 0).repeat(zoom, 1)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(aside, format="PNG", optimize=True)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def save_curves(history: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Draws each column of a training log against the epoch, and writes a PNG aside before renaming it.

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

    with open(history, newline="") as file:
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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        figure.savefig(aside, format="png", dpi=80)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path
