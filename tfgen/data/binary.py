"""Binary images: each pixel is drawn 1 with the probability that its intensity states."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.random import row_seeds, uniform

__all__ = ["FIXED_SHA256", "binarize", "fixed_binarized"]

# sha256 of the uint8 bytes of `fixed_binarized()`: the scoreboard's test images, all 10 000 of them in TFDS's order.
FIXED_SHA256 = {
    ("fashion_mnist", "test"): "f4c80a21fdc18a27b2846ffdde530539fcca16836fb5b6271e4a0d79b5689777",
    ("fashion_mnist_small", "test"): "9ffac84fa25aa6357264f9b3113b49e1cc6034378f83586a11259998c6bb63ed",
}

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


def fixed_binarized(split: str = "test", *, name: str = "fashion_mnist") -> np.ndarray:
    """Draws the one fixed binary version of a whole split on which likelihoods are compared.

    Image i, counted in TFDS's order, is `binarize(image, row_seeds(0, n)[i])`. It is what `load(name, split, view="binarized")`
    yields, and its sha256 stands in the code for the test splits.

    Args:
      split: a split of the data set; "test" is the scoreboard's.
      name: "fashion_mnist", or another data set that fits in memory.

    Returns:
      images: (n, height, width, channels) uint8, 0 or 1; for Fashion-MNIST's test split (10000, 28, 28, 1).

    Raises:
      ValueError: the images on this machine are not the ones of the scoreboard.
      FileNotFoundError: the data set is nowhere.

    Example:
      >>> import tfgen
      >>> images = tfgen.data.fixed_binarized(name="fashion_mnist_small")
      >>> images.shape, int(images.max())
      ((500, 28, 28, 1), 1)
    """
    from tfgen.data.loading import arrays  # which is built on this module

    images, _ = arrays(name, split)
    drawn = draw_fixed(images, row_seeds(0, len(images)))
    expected = FIXED_SHA256.get((name, split))
    received = hashlib.sha256(drawn.tobytes()).hexdigest()
    if expected is not None and received != expected:
        raise ValueError(
            f"Expected the fixed draw of {name} {split} to have sha256 {expected}. Received: {received}. The images on this "
            f"machine are not the published ones in TFDS's order: look at TFGEN_DATA_DIR and TFDS_DATA_DIR"
        )
    return drawn


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
