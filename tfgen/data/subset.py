"""How the part of Fashion-MNIST that travels with the package was drawn: `python -m tfgen.data.subset` draws it again.

Images are numbered in TFDS's order and sorted by `tfgen.random.row_seeds(0, n)`. Of the training split the first 200 of each
class are taken, of the test split the first 50, and they stay in that sorted order.
"""

from __future__ import annotations

import numpy as np

from tfgen import writing
from tfgen.data.bundled import CLASS_NAMES, FILE, SIZES
from tfgen.data.loading import arrays
from tfgen.random import row_seeds

__all__ = ["draw_subset", "main"]


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


def main() -> None:
    """Draws the subset from the whole Fashion-MNIST and writes `fashion_mnist_small.npz` beside this module.

    Raises:
      FileNotFoundError: the whole data set is not to be had.

    Example:
      >>> callable(main)
      True
    """
    columns = {}
    for split, size in SIZES.items():
        images, labels = arrays("fashion_mnist", split)
        labels = np.asarray(labels)
        chosen = draw_subset(labels, size // len(CLASS_NAMES))
        columns[f"{split}_images"] = images[chosen]
        columns[f"{split}_labels"] = labels[chosen].astype(np.uint8)
    with writing.whole_file(FILE) as aside:
        np.savez_compressed(aside, **columns)
    print(f"Wrote {FILE} ({FILE.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
