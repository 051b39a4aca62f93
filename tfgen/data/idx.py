"""Reads idx files, the format of MNIST and Fashion-MNIST: a magic number, the sizes of the axes, then plain bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

__all__ = ["FILES", "find_idx_files", "read_idx", "read_idx_split"]

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def find_idx_files(folder: str | Path) -> dict[str, tuple[Path, Path]] | None:
    """Looks for the four idx files, each plain or with the ending `.gz`.

    Args:
      folder: where to look.

    Returns:
      files: split -> (images file, labels file), or None when one of the four is missing.

    Example:
      >>> find_idx_files("/nowhere") is None
      True
    """
    found = {}
    for split, names in FILES.items():
        paths = [next((p for p in (Path(folder, name + ".gz"), Path(folder, name)) if p.is_file()), None) for name in names]
        if paths[0] is None or paths[1] is None:
            return None
        found[split] = (paths[0], paths[1])
    return found


def read_idx(path: str | Path) -> np.ndarray:
    """Reads one idx file of bytes, gzip-compressed if its name ends in `.gz`.

    Args:
      path: the file.

    Returns:
      values: uint8, of the shape that the file states.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file is cut short, damaged, or no idx file of bytes.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
      >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
      >>> read_idx(file).tolist()
      [7, 8, 9]
    """
    path = Path(path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _corrupted(path, f"its compressed bytes do not unpack: {error}") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise _corrupted(
            path, f"it begins with {content[:4].hex() or 'nothing'} where 000008 and the number of axes are expected"
        )
    rank = content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise _corrupted(path, "its header is cut short")
    shape = struct.unpack(f">{rank}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise _corrupted(path, f"it holds {len(content) - header} values where its header says {math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_idx_split(images_file: Path, labels_file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads the images and the labels of one split.

    Args:
      images_file: idx file of shape (n, height, width).
      labels_file: idx file of shape (n,).

    Returns:
      images: (n, height, width, 1) uint8.
      labels: (n,) int64.

    Raises:
      ValueError: a file is damaged, or the two do not belong together.

    Example:
      >>> import pathlib, tempfile
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = folder.joinpath("images").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6]))
      >>> _ = folder.joinpath("labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 9]))
      >>> images, labels = read_idx_split(folder / "images", folder / "labels")
      >>> images.shape, labels.tolist()
      ((1, 1, 2, 1), [9])
    """
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.ndim != 3:
        raise _corrupted(images_file, f"images have shape (n, height, width), this has shape {images.shape}")
    if labels.ndim != 1:
        raise _corrupted(labels_file, f"labels have shape (n,), this has shape {labels.shape}")
    if len(images) != len(labels):
        raise _corrupted(labels_file, f"it holds {len(labels)} labels for {len(images)} images")
    return images[..., None], labels.astype(np.int64)


def _corrupted(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"Expected an intact idx file. Received: {path}, but {reason}. Fetch it again, or reinstall the package it came with "
        f"(Debian: `apt-get install --reinstall dataset-fashion-mnist`)"
    )
