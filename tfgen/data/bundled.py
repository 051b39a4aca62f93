"""The part of Fashion-MNIST that travels with the package; `tfgen.data.subset` says how it was drawn."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

__all__ = ["CLASS_NAMES", "FILE", "SIZES", "read_subset"]

FILE = Path(__file__).with_name("fashion_mnist_small.npz")
SIZES = {"train": 2000, "test": 500}
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@functools.lru_cache(maxsize=2)
def read_subset(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one split of the bundled subset, once a process.

    Args:
      split: "train" or "test".

    Returns:
      images: (2000 or 500, 28, 28, 1) uint8, not writeable.
      labels: (2000 or 500,) int64, not writeable.

    Raises:
      KeyError: there is no such split.

    Example:
      >>> images, labels = read_subset("test")
      >>> images.shape, labels.dtype.name
      ((500, 28, 28, 1), 'int64')
    """
    with np.load(FILE, allow_pickle=False) as columns:
        images, labels = columns[f"{split}_images"], columns[f"{split}_labels"].astype(np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels
