"""Binary images: each pixel is drawn 1 with the probability that its intensity states."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.random import uniform

__all__ = ["binarize", "draw_fixed"]

_CHUNK = 1000


def binarize(images: np.ndarray | tf.Tensor, seeds: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Draws binary images: pixel j of row i is 1 where `u_ij < intensity_ij`, and 0 elsewhere.

    `u = tfgen.random.uniform(seeds, shape_of_one_image)` lies strictly inside (0, 1), so an intensity of 0 always gives 0 and
    1 always gives 1. A row depends on its own seed alone.

    Args:
      images: (batch, ...) intensities: float in [0, 1], or uint8 in 0..255, which are divided by 255.
      seeds: (batch,) int64, one seed per row.

    Returns:
      images: (batch, ...) float32, 0 or 1.

    Raises:
      TypeError: `images` are neither floats nor uint8.
      ValueError: the shape of one image is not known, or the numbers of rows differ.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.data.binarize(np.array([[0.0, 1.0]]), [7]).numpy().tolist()
      [[0.0, 1.0]]

    Reference: Salakhutdinov and Murray, 2008, On the quantitative analysis of deep belief networks, ICML.
    """
    images = tf.convert_to_tensor(images)
    seeds = tf.convert_to_tensor(seeds, tf.int64) if not tf.is_tensor(seeds) else tf.cast(seeds, tf.int64)
    if images.dtype == tf.uint8:
        images = tf.cast(images, tf.float32) / 255.0
    elif not images.dtype.is_floating:
        raise TypeError(f"Expected `images` as floats in [0, 1] or as uint8. Received: images.dtype={images.dtype.name}")
    if images.shape.rank is None or not images.shape[1:].is_fully_defined():
        raise ValueError(f"Expected images whose shape is known, all but the batch. Received: images.shape={images.shape}")
    if not images.shape[:1].is_compatible_with(seeds.shape):
        raise ValueError(f"Expected one seed per image. Received: images.shape={images.shape}, seeds.shape={seeds.shape}")
    shape: Any = images.shape[1:].as_list()
    return tf.cast(uniform(seeds, shape) < tf.cast(images, tf.float32), tf.float32)


def draw_fixed(images: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Binarizes a whole array, in chunks to save memory.

    Args:
      images: (n, ...) uint8 or floats in [0, 1].
      seeds: (n,) int64.

    Returns:
      images: (n, ...) uint8, 0 or 1.

    Example:
      >>> import numpy as np
      >>> draw_fixed(np.full((2, 3), 255, np.uint8), np.array([0, 1])).tolist()
      [[1, 1, 1], [1, 1, 1]]
    """
    drawn = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        drawn[part] = binarize(images[part], seeds[part]).numpy()
    return drawn
