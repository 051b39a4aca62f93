"""The fixed draw: one binary version of a whole split, on which likelihoods are compared."""

from __future__ import annotations

import hashlib

import numpy as np

from tfgen.data.binary import draw_fixed
from tfgen.data.loading import arrays
from tfgen.random import row_seeds

__all__ = ["FIXED_SHA256", "fixed_binarized"]

# sha256 of the uint8 bytes of `fixed_binarized()`: the scoreboard's test images, all 10 000 of them in TFDS's order.
FIXED_SHA256 = {
    ("fashion_mnist", "test"): "f4c80a21fdc18a27b2846ffdde530539fcca16836fb5b6271e4a0d79b5689777",
    ("fashion_mnist_small", "test"): "9ffac84fa25aa6357264f9b3113b49e1cc6034378f83586a11259998c6bb63ed",
}


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
