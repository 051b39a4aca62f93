"""Data sets held in memory: the order of an epoch is computed, batches are gathered by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data.binary import binarize
from tfgen.data.checks import check_images, check_integer, check_labels, check_lengths
from tfgen.data.position import ordered
from tfgen.random import row_keys, row_seeds

__all__ = [
    "VIEWS",
    "Batching",
    "ImageBatching",
    "as_size",
    "batches",
    "check_options",
    "epoch_order",
    "from_arrays",
    "gather",
    "rows_of",
    "view_images",
]

VIEWS = ("8bit", "binarized")


class Batching(TypedDict, total=False):
    """How examples are cut into batches: what every way of loading takes."""

    batch_size: int
    shuffle: bool
    seed: int


class ImageBatching(Batching, total=False):
    """The same for images, which have views."""

    view: str


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Computes the order in which an epoch reads its examples.

    `order = argsort(row_seeds(row_seeds(seed, epoch + 1)[epoch], n))`: sorted by a hash of (seed, epoch, index).

    Args:
      seed: any integer.
      epoch: number of the epoch, at least 0.
      n: number of examples.

    Returns:
      order: (n,) int64, each of 0..n-1 once.

    Example:
      >>> sorted(epoch_order(0, 3, 5).tolist())
      [0, 1, 2, 3, 4]
    """
    epoch_seed = int(row_seeds(seed, epoch + 1)[epoch])
    return np.argsort(row_seeds(epoch_seed, n), kind="stable").astype(np.int64)


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    batch_size: int = 64,
    view: str = "8bit",
    shuffle: bool = True,
    seed: int = 0,
) -> tf.data.Dataset:
    """Makes a data set of arrays, ordered by (seed, epoch).

    With `view="binarized"` pixels are drawn at each read: keyed by (seed, epoch, index) if `shuffle`, and otherwise once and
    for all by `row_seeds(seed, n)[index]`, as a test set should be.

    Args:
      images: (n, height, width, channels), uint8 in 0..255 or floats in [0, 1]; read when a batch is made, not copied.
      labels: (n,) integers from 0, or None.
      batch_size: number of images in a batch; the last batch may be shorter.
      view: "8bit" (intensities) or "binarized" (0 and 1).
      shuffle: whether each epoch has an order of its own.
      seed: any integer.

    Returns:
      dataset: batches of images float32 in [0, 1], or pairs of those and labels int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: wrong shape, range or length, NaN, no image at all, or an unknown view.

    Example:
      >>> import numpy as np, tfgen
      >>> data = tfgen.data.from_arrays(np.zeros((5, 2, 2, 1), np.uint8), np.arange(5), batch_size=2)
      >>> [labels.shape[0] for images, labels in data]
      [2, 2, 1]
    """
    check_options(batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    images = np.asarray(images)
    check_images(images, shape=(None, None, None), value_range=None if images.dtype == np.uint8 else (0.0, 1.0), name="images")
    if images.dtype != np.uint8:
        images = images.astype(np.float32, copy=False)
    if labels is not None:
        check_lengths(images, labels)
        labels = np.asarray(labels)
        check_labels(labels, np.iinfo(np.int64).max, name="labels")
    indices = np.arange(len(images), dtype=np.int64)
    fresh = view == "binarized" and shuffle
    view_of = view_images(view, seed=seed, total=len(images), fresh=fresh)
    return batches(gather(images, labels), indices, view_of, batch_size=batch_size, shuffle=shuffle, seed=seed)


def check_options(*, batch_size: int, view: str, shuffle: bool | None, seed: int) -> None:
    """Checks the arguments that every way of loading shares.

    Args:
      batch_size: a positive integer.
      view: "8bit" or "binarized".
      shuffle: True, False or None.
      seed: an integer of 64 bits.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: the batch size is not positive, the view unknown, or the seed too large.

    Example:
      >>> check_options(batch_size=64, view="8bit", shuffle=None, seed=0)
    """
    check_integer(batch_size, "batch_size", least=1)
    if not -(2**63) <= check_integer(seed, "seed") < 2**63:
        raise ValueError(f"Expected `seed` to fit 64 bits. Received: seed={seed}")
    checks.one_of(view, "view", VIEWS)
    if not isinstance(shuffle, (bool, np.bool_, type(None))):
        raise TypeError(f"Expected `shuffle` to be True, False or None. Received: shuffle={shuffle!r}")


def as_size(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Reads `image_size` as (height, width).

    Args:
      image_size: one positive integer, two, or None.

    Returns:
      size: (height, width), or None.

    Raises:
      ValueError: anything else.

    Example:
      >>> as_size(32), as_size((28, 20)), as_size(None)
      ((32, 32), (28, 20), None)
    """
    if image_size is None:
        return None
    if isinstance(image_size, (tuple, list)):
        height, width = checks.shape(image_size, "image_size", ("height", "width"))
        return height, width
    side = checks.integer(image_size, "image_size", least=1)
    return side, side


def gather(images: np.ndarray, labels: np.ndarray | None) -> Callable[[tf.Tensor], Any]:
    """Makes the function that reads rows of arrays in memory.

    Args:
      images: (n, height, width, channels).
      labels: (n,) integers, or None.

    Returns:
      read: maps positions (batch,) to (images, labels), or to (images,).

    Example:
      >>> read = gather(np.arange(3).reshape(3, 1, 1, 1), None)
      >>> read(tf.constant([2, 0]))[0][:, 0, 0, 0].numpy().tolist()
      [2, 0]
    """
    return rows_of(images) if labels is None else rows_of(images, np.asarray(labels, np.int64))


def rows_of(*columns: np.ndarray) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Makes the function that gathers rows of arrays; TensorFlow is handed these rows alone, never a copy of the arrays.

    Args:
      *columns: arrays with the rows first.

    Returns:
      read: maps positions (batch,) to as many tensors, of the arrays' own dtypes.

    Example:
      >>> read = rows_of(np.array([[1], [2], [3]], np.uint8), np.array([7, 8, 9]))
      >>> [part.numpy().tolist() for part in read(tf.constant([2, 0]))]
      [[[3], [1]], [9, 7]]
    """

    def take(positions: np.ndarray) -> list[np.ndarray]:
        return [column[positions] for column in columns]

    def read(positions: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # eagerly, one column is not in a list
        parts = tf.nest.flatten(tf.numpy_function(take, [positions], [tf.as_dtype(column.dtype) for column in columns]))
        return tuple(tf.ensure_shape(part, (None, *column.shape[1:])) for part, column in zip(parts, columns, strict=True))

    return read


def view_images(view: str, *, seed: int, total: int, fresh: bool) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes the function that turns stored images into the view that a model reads.

    Args:
      view: "8bit" or "binarized".
      seed: keys the draw of binary pixels.
      total: number of examples in the whole split, over which indices count.
      fresh: whether binary pixels are drawn anew in each epoch.

    Returns:
      view: maps (images, index of each example, epoch) to float32 images in [0, 1].

    Example:
      >>> show = view_images("8bit", seed=0, total=1, fresh=False)
      >>> show(tf.constant([[255]], tf.uint8), tf.constant([0]), tf.constant(0)).numpy().tolist()
      [[1.0]]
    """

    def to_float(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(images, tf.float32) / 255.0 if images.dtype == tf.uint8 else images

    if view == "8bit":
        return lambda images, index, epoch: to_float(images)
    if fresh:
        return lambda images, index, epoch: binarize(to_float(images), row_keys(seed, epoch, index))
    with tf.device("CPU:0"):
        seeds = tf.constant(row_seeds(seed, total))
    return lambda images, index, epoch: binarize(to_float(images), tf.gather(seeds, index))


def batches(
    read: Callable[[tf.Tensor], Any],
    indices: np.ndarray,
    view: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
) -> tf.data.Dataset:
    """Makes a data set of examples that can be read by number.

    Args:
      read: maps positions (batch,) to (images, labels) or (images,).
      indices: (n,) int64: the examples of this data set, as positions and as what keys their draws.
      view: what `view_images` returns.
      batch_size: number of examples in a batch.
      shuffle: whether each epoch has its own order.
      seed: keys the order.

    Returns:
      dataset: of known cardinality, to be read from any epoch and batch on.

    Raises:
      ValueError: there is no example.

    Example:
      >>> images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
      >>> show = view_images("8bit", seed=0, total=3, fresh=False)
      >>> data = batches(gather(images, None), np.arange(3), show, batch_size=2, shuffle=False, seed=0)
      >>> len(data)
      2
    """
    n = len(indices)
    if n == 0:
        raise ValueError("Expected at least one example in the data set. Received: none; look at the bounds of the split")
    count = -(-n // batch_size)

    def order_of(epoch: np.ndarray) -> np.ndarray:
        return indices[epoch_order(seed, int(epoch), n)] if shuffle else indices

    def start(epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return epoch, tf.ensure_shape(tf.numpy_function(order_of, [epoch], tf.int64), (n,))

    @tf.autograph.experimental.do_not_convert  # there is no branch to convert, and looking for one takes a second
    def load(epoch: tf.Tensor, index: tf.Tensor) -> Any:
        images, *labels = read(index)
        images = view(images, index, epoch)
        return (images, *labels) if labels else images

    def rest_of(epoch: Any, skip: Any) -> tf.data.Dataset:
        def steps(epoch: tf.Tensor, order: tf.Tensor) -> tf.data.Dataset:
            def rows(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                return epoch, order[step * batch_size : (step + 1) * batch_size]

            return tf.data.Dataset.range(tf.minimum(tf.cast(skip, tf.int64), count), count).map(rows)

        begun: Any = tf.data.Dataset.from_tensors(tf.cast(epoch, tf.int64)).map(start)
        return begun.flat_map(steps).map(load).prefetch(tf.data.AUTOTUNE)

    return ordered(rest_of, count)
