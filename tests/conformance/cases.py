"""Every model, registered once with the conformance suite. A new model is one more entry."""

from __future__ import annotations

from typing import Any

import keras

import tfgen
from tfgen.distributions import Categorical
from tfgen.layers import CausalConv2D
from tfgen.testing import Case

__all__ = ["CASES"]


def pixelcnn(image_shape: tuple[int, int, int] = (6, 5, 1), **arguments: Any) -> tfgen.PixelCNN:
    """A small PixelCNN."""
    return tfgen.PixelCNN(image_shape, **{"filters": 3, "blocks": 1, "kernel_size": 3, **arguments})


def causal_network() -> keras.Model:
    """A causal network of a user's own, without caches."""
    image = keras.Input((6, 5, 1))
    hidden = CausalConv2D(4, 5, mask="A")(image)
    hidden = keras.layers.Dropout(0.1, seed=3)(keras.layers.Activation("relu")(hidden))
    return keras.Model(image, CausalConv2D(1, 1)(hidden))


CASES = [
    Case(
        "pixelcnn-binary",
        pixelcnn,
        levels=2,
        sizes=[lambda: pixelcnn((9, 7, 3)), lambda: pixelcnn((32, 32, 1))],
        own_networks=lambda: tfgen.PixelCNN((6, 5, 1), network=causal_network()),
    ),
    Case(
        "pixelcnn-256-colour",
        lambda **overrides: pixelcnn((4, 3, 3), likelihood="categorical", **overrides),
        sizes=[lambda: pixelcnn((5, 7, 1), likelihood=Categorical(256), dilations=(1, 2), blocks=2)],
        exempt={"own_networks": "The binary case shows them, and they do not depend on the likelihood."},
    ),
]
