"""Every model, registered once with the conformance suite. A new model is one more entry."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import tfgen
from tfgen.distributions import DiscretizedLogisticMixture, MuLawCategorical, Normal, WaveformLogisticMixture
from tfgen.layers import CausalConv2D
from tfgen.objectives import WeightClipping
from tfgen.testing import Case

from ..models.toys import CASES as TOYS
from .readme import OneConvolution

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


def gated(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.GatedPixelCNN:
    """A small Gated PixelCNN."""
    return tfgen.GatedPixelCNN(image_shape, **{"filters": 4, "blocks": 1, "kernel_size": 3, **arguments})


def pixel_rnn(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.PixelRNN:
    """A small PixelRNN."""
    return tfgen.PixelRNN(image_shape, **{"filters": 4, "blocks": 1, "kernel_size": 3, **arguments})


def conditional_causal_network() -> keras.Model:
    """A causal network of a user's own that takes labels."""
    image, label = keras.Input((5, 4, 1)), keras.Input((), dtype="int64")
    hidden = CausalConv2D(4, 5, mask="A")(image)
    classes = keras.layers.Reshape((1, 1, 4))(keras.layers.Embedding(3, 4)(label))
    hidden = keras.layers.Activation("tanh")(keras.layers.Add()([hidden, classes]))
    return keras.Model([image, label], CausalConv2D(1, 1)(hidden))


def vae(image_shape: tuple[int, int, int] = (6, 5, 1), **arguments: Any) -> tfgen.VAE:
    """A small VAE with dense networks."""
    return tfgen.VAE(image_shape, **{"latent_dim": 3, "network": "mlp", "width": 6, **arguments})


def convolutional_vae(image_shape: tuple[int, int, int] = (8, 6, 1), **arguments: Any) -> tfgen.VAE:
    """A small VAE with convolutions for 8-bit images."""
    settings = {"latent_dim": 3, "width": 3, "likelihood": "discretized_logistic", "kl_warmup_steps": 20}
    return tfgen.VAE(image_shape, **{**settings, **arguments})


def dense(inputs: tuple[int, ...], outputs: tuple[int, ...], activation: str | None = None) -> keras.Model:
    """A dense network of a user's own, with noise of Keras's."""
    tensor = keras.Input(inputs)
    hidden = keras.layers.Dense(6, activation="relu")(keras.layers.Flatten()(tensor))
    hidden = keras.layers.Dropout(0.2, seed=3)(hidden)
    size = 1
    for length in outputs:
        size *= length
    values = keras.layers.Dense(size, activation=activation)(hidden)
    return keras.Model(tensor, keras.layers.Reshape(outputs)(values))


def labelled(network: keras.Model, first: tuple[int, ...]) -> keras.Model:
    """A network of a user's own that takes labels: their one-hot codes stand below the first input, along its first axis."""
    inputs, label = keras.Input(first), keras.Input((), dtype="int64")
    codes = keras.layers.Embedding(3, 3, embeddings_initializer="identity", trainable=False)(label)
    if len(first) > 1:  # (batch, 3) -> (batch, 3, width, channels)
        codes = keras.layers.RepeatVector(first[1] * first[2])(codes)
        codes = keras.layers.Reshape((3, *first[1:]))(keras.layers.Permute((2, 1))(codes))
    return keras.Model([inputs, label], network(keras.layers.Concatenate(axis=1)([inputs, codes])))


def gan(image_shape: tuple[int, int, int] = (8, 6, 1), **arguments: Any) -> tfgen.GAN:
    """A small GAN with the DCGAN's networks."""
    return tfgen.GAN(image_shape, **{"latent_dim": 4, "width": 2, **arguments})


def classifier(image_shape: tuple[int, int, int] = (8, 6, 1), **arguments: Any) -> tfgen.Classifier:
    """A small classifier, without dropout: Keras draws other noise on each replica, and other noise in XLA."""
    settings = {"num_classes": 3, "width": 2, "num_features": 4, "augment": True, "dropout": 0.0}
    return tfgen.Classifier(image_shape, **{**settings, **arguments})


def nade(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.NADE:
    """A small NADE."""
    return tfgen.NADE(image_shape, **{"hidden": 5, **arguments})


def made(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.MADE:
    """A small MADE with three orders."""
    return tfgen.MADE(image_shape, **{"hidden": (7, 6), "ordering": "random", "num_masks": 3, **arguments})


def wavenet(length: int = 12, **arguments: Any) -> tfgen.WaveNet:
    """A small WaveNet."""
    return tfgen.WaveNet(length, **{"dilations": (1, 2), "blocks": 1, "filters": 3, "skip": 4, **arguments})


_OWN_MASKS = "Its one layout of weights is the model; PixelCNN takes any causal network of a user's own."

CASES = [
    Case(
        "pixelcnn-binary",
        pixelcnn,
        levels=2,
        sizes=[lambda: pixelcnn((9, 7, 3)), lambda: pixelcnn((20, 20, 1))],
        own_networks=lambda: tfgen.PixelCNN((6, 5, 1), network=causal_network()),
    ),
    Case(
        "pixelcnn-256-colour",
        lambda **overrides: pixelcnn((4, 3, 3), likelihood="categorical", dilations=(1, 2), blocks=2, **overrides),
        variant_of="pixelcnn-binary",
    ),
    Case(
        "gated-pixelcnn-binary-dropout",
        lambda **overrides: gated(dropout=0.25, **overrides),
        levels=2,
        sizes=[lambda: gated((9, 7, 3)), lambda: gated((12, 12, 1))],
        own_networks=lambda: tfgen.GatedPixelCNN((6, 5, 1), network=causal_network()),
    ),
    Case(
        "gated-pixelcnn-class-conditional",
        lambda **overrides: gated(num_classes=3, **overrides),
        levels=2,
        own_networks=lambda: tfgen.GatedPixelCNN((5, 4, 1), num_classes=3, network=conditional_causal_network()),
        variant_of="gated-pixelcnn-binary-dropout",
    ),
    Case(
        "pixel-rnn-diagonal-bilstm",
        lambda **overrides: pixel_rnn(cell="diagonal_bilstm", **overrides),
        levels=2,
        sizes=[lambda: pixel_rnn((7, 5, 3), cell="diagonal_bilstm"), lambda: pixel_rnn((12, 14, 1), cell="diagonal_bilstm")],
        own_networks=lambda: tfgen.PixelRNN((6, 5, 1), network=causal_network()),
    ),
    Case(
        "pixel-rnn-row-lstm-class-conditional",
        lambda **overrides: pixel_rnn(cell="row_lstm", num_classes=3, **overrides),
        levels=2,
        own_networks=lambda: tfgen.PixelRNN((5, 4, 1), num_classes=3, network=conditional_causal_network()),
        variant_of="pixel-rnn-diagonal-bilstm",
    ),
    Case(
        "fvbn-binary",
        lambda **overrides: tfgen.FVBN((5, 4, 1), **overrides),
        levels=2,
        sizes=[lambda: tfgen.FVBN((9, 7, 3)), lambda: tfgen.FVBN((1, 67, 1), ordering="random")],
        exempt={"own_networks": _OWN_MASKS},
    ),
    Case(
        "nade-binary",
        nade,
        levels=2,
        sizes=[lambda: nade((9, 7, 3)), lambda: nade((12, 12, 1), ordering="random")],
        exempt={"own_networks": _OWN_MASKS},
    ),
    Case(
        "made-binary-three-orders",
        made,
        levels=2,
        sizes=[lambda: made((9, 7, 3)), lambda: made((12, 12, 1))],
        exempt={"own_networks": _OWN_MASKS},
    ),
    Case(
        "made-256-colour",
        lambda **overrides: made(
            (3, 2, 3), **{"likelihood": "categorical", "hidden": (6,), "ordering": "raster", "num_masks": 1, **overrides}
        ),
        variant_of="made-binary-three-orders",
    ),
    Case(
        "gated-pixelcnn-mixture-of-logistics",
        lambda **overrides: gated((4, 3, 3), likelihood=DiscretizedLogisticMixture(2), **overrides),
        variant_of="gated-pixelcnn-binary-dropout",
    ),
    Case(
        "wavenet-mu-law",
        lambda **overrides: wavenet(**{"likelihood": MuLawCategorical(8), **overrides}),
        levels=None,
        value_range=(-1.0, 1.0),
        sizes=[lambda: wavenet(5), lambda: wavenet(100, dilations=(1, 2, 4, 8), blocks=2)],
        exempt={"own_networks": "Its queues are those of its one network, whose every size is an argument."},
    ),
    Case(
        "wavenet-logistic-mixture-classes",
        lambda **overrides: wavenet(
            **{"likelihood": WaveformLogisticMixture(2, min_scale=1e-3), "num_classes": 3, "ema": 0.9, **overrides}
        ),
        levels=None,
        value_range=(-1.0, 1.0),
        variant_of="wavenet-mu-law",
    ),
    Case(
        "wavenet-local-conditions",
        lambda **overrides: wavenet(**{"likelihood": MuLawCategorical(8), "local_channels": 2, "hop": 3, **overrides}),
        levels=None,
        value_range=(-1.0, 1.0),
        conditions=lambda n: np.random.default_rng(3).normal(size=(n, 4, 2)).astype(np.float32),
        variant_of="wavenet-mu-law",
    ),
    Case(
        "vae-convolutional",
        convolutional_vae,
        sizes=[lambda: convolutional_vae((9, 7, 3)), lambda: convolutional_vae((16, 16, 1))],
        own_networks=lambda: vae(encoder=dense((6, 5, 1), (6,)), decoder=dense((3,), (6, 5, 1))),
    ),
    Case(
        "vae-bernoulli-importance-weighted-averaged",
        lambda **overrides: vae(**{"ema": 0.9, "importance_samples": 3, **overrides}),
        levels=2,
        variant_of="vae-convolutional",
    ),
    Case(
        "vae-normal-dequantised-free-bits",
        lambda **overrides: vae(likelihood="normal", beta=2.0, free_bits=0.1, **overrides),
        variant_of="vae-convolutional",
    ),
    Case(
        "vae-normal-continuous",
        lambda **overrides: vae(likelihood=Normal(levels=None), **overrides),
        levels=None,
        variant_of="vae-convolutional",
    ),
    Case(
        "vae-class-conditional",
        lambda **overrides: vae(**{"num_classes": 3, "ema": 0.9, **overrides}),
        levels=2,
        num_classes=3,
        own_networks=lambda: vae(
            num_classes=3, encoder=labelled(dense((9, 5, 1), (6,)), (6, 5, 1)), decoder=labelled(dense((6,), (6, 5, 1)), (3,))
        ),
        variant_of="vae-convolutional",
    ),
    Case(
        "gan-non-saturating",
        gan,
        sizes=[lambda: gan((9, 7, 3)), lambda: gan((16, 16, 1))],
        own_networks=lambda: gan(generator=dense((4,), (8, 6, 1), "sigmoid"), discriminator=dense((8, 6, 1), (1,))),
    ),
    Case(
        "gan-saturating-averaged",
        lambda **overrides: gan(**{"objective": "saturating", "latent_distribution": "uniform", "ema": 0.9, **overrides}),
        variant_of="gan-non-saturating",
    ),
    Case(
        "gan-least-squares-class-concatenated",
        lambda **overrides: gan(objective="least_squares", num_classes=3, **overrides),
        num_classes=3,
        own_networks=lambda: gan(
            num_classes=3,
            generator=labelled(dense((7,), (8, 6, 1), "sigmoid"), (4,)),
            discriminator=labelled(dense((11, 6, 1), (1,)), (8, 6, 1)),
        ),
        variant_of="gan-non-saturating",
    ),
    Case(
        "gan-hinge-class-projected",
        lambda **overrides: gan(
            **{"objective": "hinge", "num_classes": 3, "conditioning": "projection", "ema": 0.9, **overrides}
        ),
        num_classes=3,
        variant_of="gan-non-saturating",
    ),
    Case(
        "gan-clipped-critic-steps",
        lambda **overrides: gan(**{"penalty": WeightClipping(0.05), "critic_steps": 2, **overrides}),
        variant_of="gan-non-saturating",
    ),
    Case(
        "classifier",
        classifier,
        sizes=[lambda: classifier((9, 7, 3))],
        own_networks=lambda: tfgen.Classifier((8, 6, 1), num_classes=3, network=dense((8, 6, 1), (3,))),
    ),
    Case(
        "readme",
        lambda **overrides: OneConvolution((5, 4, 1), **overrides),
        levels=2,
        sizes=[lambda: OneConvolution((9, 7, 3))],
        modules=("tfgen", "tests.conformance.readme"),
        exempt={"own_networks": "Its one convolution is the model, as the README has it."},
    ),
    # what the bases promise beyond the systems that stand on them
    *TOYS,
]
