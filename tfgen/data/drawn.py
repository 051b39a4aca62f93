"""Data sets that are drawn, under names that `load` knows: "ring", "grid", and "stacked_" before the name of a grey set.

Each is one fixed draw: its training split has draw seed 0, its test split draw seed 1. Stacks of a split are made of the images
of that split alone; the published stacked set mixes training and test images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.memory import gather
from tfgen.data.points import grid, ring
from tfgen.data.stacked import NUM_STACKS, read_stacks, stack_indices

__all__ = ["NAMES", "drawn_sizes", "read_drawn"]

NAMES = ("ring", "grid", "stacked_fashion_mnist", "stacked_fashion_mnist_small")

_POINTS = {"ring": ring, "grid": grid}
_PREFIX = "stacked_"
_POINT_SIZES = {"train": 100_000, "test": 10_000}
_STACK_SIZES = {"train": NUM_STACKS, "test": 26_000}  # as many as published samples are classified
_SEEDS = {"train": 0, "test": 1}


def drawn_sizes(name: Any) -> dict[str, int] | None:
    """Tells the splits of a data set that is drawn.

    Args:
      name: what `load` was given.

    Returns:
      sizes: number of examples of each split, or None if the data set is not drawn.

    Example:
      >>> drawn_sizes("ring"), drawn_sizes("cifar10")
      ({'train': 100000, 'test': 10000}, None)
    """
    if not isinstance(name, str):
        return None
    if name in _POINTS:
        return dict(_POINT_SIZES)
    return dict(_STACK_SIZES) if name.startswith(_PREFIX) else None


def read_drawn(
    name: str,
    split: str,
    *,
    view: str,
    image_size: tuple[int, int] | None,
    images_of: Callable[[str, str], tuple[np.ndarray, np.ndarray | None]],
) -> Callable[[tf.Tensor], Any]:
    """Makes the function that reads examples of a drawn data set, with their modes as labels.

    Args:
      name: name of the data set.
      split: "train" or "test".
      view: "8bit" or "binarized".
      image_size: (height, width) that images were resized to, or None.
      images_of: reads (images, labels) of a split of the set that stacks are made of.

    Returns:
      read: maps positions (batch,) to (points float32 or stacks uint8, modes int64).

    Raises:
      ValueError: a view or size that points do not have, or stacks of anything but grey images in at most 10 classes.

    Example:
      >>> read = read_drawn("ring", "test", view="8bit", image_size=None, images_of=None)
      >>> [column.shape.as_list() for column in read(tf.constant([0, 1]))]
      [[2, 2], [2]]
    """
    if name in _POINTS:
        if view != "8bit" or image_size is not None:
            raise ValueError(
                f"Points have neither binary pixels nor a size: leave `view` and `image_size` out. Received: name={name!r}, "
                f"view={view!r}, image_size={image_size}"
            )
        return gather(*_POINTS[name]().draw(_POINT_SIZES[split], seed=_SEEDS[split]))
    images, labels = images_of(name.removeprefix(_PREFIX), split)
    if images.shape[-1] != 1 or labels is None or labels.max() > 9:
        raise ValueError(
            f"Expected stacks of a data set of grey images in at most 10 classes. Received: name={name!r}, with images of shape "
            f"{images.shape[1:]} and {'no labels' if labels is None else f'labels up to {labels.max()}'}"
        )
    return read_stacks(images, labels, stack_indices(_STACK_SIZES[split], len(images), seed=_SEEDS[split]))
