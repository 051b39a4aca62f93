"""The part of Fashion-MNIST that travels with the package, and how it was drawn: `python -m tfgen.data.subset` draws it again.

Images are numbered in TFDS's order and sorted by `tfgen.random.row_seeds(0, n)`. Of the training split the first 200 of each
class are taken, of the test split the first 50, and they stay in that sorted order.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np

from tfgen.random import row_seeds

__all__ = ["CLASS_NAMES", "SIZES", "draw_subset", "main", "read_subset"]

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


def draw_subset(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Chooses the same number of examples of each class.

    Args:
      labels: (n,) integers.
      per_class: how many of each class.

    Returns:
      indices: (classes * per_class,) int64, in ascending order of `row_seeds(0, n)`.

    Raises:
      ValueError: a class has too few examples.

    Example:
      >>> import numpy as np
      >>> labels = np.array([0, 1, 0, 1, 1])
      >>> np.bincount(labels[draw_subset(labels, 2)]).tolist()
      [2, 2]
    """
    order = np.argsort(row_seeds(0, len(labels)), kind="stable")
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = order[labels[order] == label][:per_class]
        if len(members) < per_class:
            raise ValueError(f"Expected at least {per_class} examples of class {label}. Received: {len(members)}")
        chosen[members] = True
    return order[chosen[order]].astype(np.int64)


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


def main() -> None:
    """Draws the subset from the whole Fashion-MNIST and writes `fashion_mnist_small.npz` beside this module.

    Raises:
      FileNotFoundError: the whole data set is not to be had.

    Example:
      >>> callable(main)
      True
    """
    from tfgen.data.loading import arrays  # `load` reads the subset through this module

    columns = {}
    for split, size in SIZES.items():
        images, labels = arrays("fashion_mnist", split)
        labels = np.asarray(labels)
        chosen = draw_subset(labels, size // len(CLASS_NAMES))
        columns[f"{split}_images"] = images[chosen]
        columns[f"{split}_labels"] = labels[chosen].astype(np.uint8)
    aside = FILE.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(aside, **columns)
    os.replace(aside, FILE)
    print(f"Wrote {FILE} ({FILE.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
