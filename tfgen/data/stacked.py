"""Stacks of three grey images as the channels of one: a data set of 1000 modes, made of one with 10 classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data.checks import check_images, check_labels, check_lengths
from tfgen.data.memory import batches, check_options, view_images
from tfgen.random import row_keys, row_seeds

__all__ = ["CHANNELS", "NUM_STACKS", "from_stacks", "read_stacks", "stack_indices"]

CHANNELS = 3
NUM_STACKS = 128_000  # published for training


def stack_indices(n: int, num_images: int, *, seed: int = 0) -> np.ndarray:
    """Chooses the images of each stack, independently and with repetition.

    `indices[i, c] = row_keys(row_seeds(seed, n)[i], c) % num_images`, so stack i does not depend on n.

    Args:
      n: number of stacks, at least 0.
      num_images: number of images to choose from, at least 1.
      seed: any integer.

    Returns:
      indices: (n, 3) int64 in [0, num_images).

    Raises:
      TypeError: `n` or `seed` is not an integer.
      ValueError: an argument out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> np.array_equal(tfgen.data.stack_indices(3, 60000), tfgen.data.stack_indices(9, 60000)[:3])
      True
    """
    num_images = checks.integer(num_images, "num_images", least=1)
    keys = row_keys(tf.constant(row_seeds(seed, n))[:, None], tf.range(CHANNELS)[None, :])
    return keys.numpy() % num_images


def from_stacks(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    n: int = NUM_STACKS,
    batch_size: int = 64,
    view: str = "8bit",
    shuffle: bool = True,
    seed: int = 0,
    draw_seed: int = 0,
) -> tf.data.Dataset:
    """Makes a data set of stacks: three images drawn at random become the red, green and blue channel of one.

    Images are kept once and stacked when a batch is read. The published set (MNIST) draws its stacks from training and test
    images together; draw these from a training split alone, so that the test images stay unseen.
    `load("stacked_fashion_mnist")` does.

    Args:
      images: (m, height, width, 1), uint8 in 0..255 or floats in [0, 1].
      labels: (m,) integers from 0 to 9, or None.
      n: number of stacks; 128 000 are published.
      batch_size: number of stacks in a batch; the last batch may be shorter.
      view: "8bit" (intensities) or "binarized" (0 and 1).
      shuffle: whether each epoch has an order of its own.
      seed: keys the order, and the draw of binary pixels.
      draw_seed: keys the stacks, `stack_indices(n, m, seed=draw_seed)`.

    Returns:
      dataset: batches of images (batch, height, width, 3) float32 in [0, 1], or pairs of those and modes
        `100 * c0 + 10 * c1 + c2` int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: wrong shape, range or length, NaN, no image at all, or an unknown view.

    Example:
      >>> import tfgen
      >>> images, labels = tfgen.data.arrays("fashion_mnist_small")
      >>> data = tfgen.data.from_stacks(images, labels, n=100)
      >>> [(stacks.shape.as_list(), int(modes[0]) < 1000) for stacks, modes in data.take(1)]
      [([64, 28, 28, 3], True)]

    Reference: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, arXiv 1611.02163; Lin, Khetan,
    Fanti, Oh, 2018, PacGAN, arXiv 1712.04086.
    """
    check_options(batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    images = np.asarray(images)
    check_images(images, shape=(None, None, 1), value_range=None if images.dtype == np.uint8 else (0.0, 1.0), name="images")
    if images.dtype != np.uint8:
        images = images.astype(np.float32)
    if labels is not None:
        check_lengths(images, labels)
        check_labels(labels, 10, name="labels")
    read = read_stacks(images, labels, stack_indices(n, len(images), seed=draw_seed))
    show = view_images(view, seed=seed, total=n, fresh=view == "binarized" and shuffle)
    return batches(read, np.arange(n), show, batch_size=batch_size, shuffle=shuffle, seed=seed)


def read_stacks(images: np.ndarray, labels: np.ndarray | None, indices: np.ndarray) -> Callable[[tf.Tensor], Any]:
    """Makes the function that stacks images when a batch is read.

    Args:
      images: (m, height, width, 1).
      labels: (m,) integers from 0 to 9, or None.
      indices: (n, 3) integers, the images of each stack.

    Returns:
      read: maps positions (batch,) to (stacks, modes), or to (stacks,).

    Example:
      >>> read = read_stacks(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), np.arange(4), np.array([[3, 0, 2]]))
      >>> [column.numpy().ravel().tolist() for column in read(tf.constant([0]))]
      [[3, 0, 2], [302]]
    """
    with tf.device("CPU:0"):  # never copied to an accelerator whole
        pictures = tf.constant(images[..., 0])
        classes = None if labels is None else tf.constant(np.asarray(labels, np.int64))
        table = tf.constant(indices.astype(np.int64))

    def read(positions: tf.Tensor) -> tuple[tf.Tensor, ...]:
        chosen = tf.gather(table, positions)
        stacks = tf.transpose(tf.gather(pictures, chosen), (0, 2, 3, 1))  # (batch, 3, height, width) -> channels last
        if classes is None:
            return (stacks,)
        return stacks, tf.reduce_sum(tf.gather(classes, chosen) * tf.constant([100, 10, 1], tf.int64), -1)

    return read
