"""Every model, registered once with the conformance suite. A new model is one more entry."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import tfgen
from tfgen.distributions import DiscretizedLogisticMixture, MuLawCategorical, Normal, WaveformLogisticMixture
from tfgen.layers import CausalConv2D
from tfgen.testing import Case

__all__ = ["CASES", "FAMILIES", "OF_THE_FAMILY", "VARIANTS", "is_slow"]


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


def gan(image_shape: tuple[int, int, int] = (8, 6, 1), **arguments: Any) -> tfgen.GAN:
    """A small GAN with the DCGAN's networks."""
    return tfgen.GAN(image_shape, **{"latent_dim": 4, "width": 2, **arguments})


def nade(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.NADE:
    """A small NADE."""
    return tfgen.NADE(image_shape, **{"hidden": 5, **arguments})


def made(image_shape: tuple[int, int, int] = (5, 4, 1), **arguments: Any) -> tfgen.MADE:
    """A small MADE with three orders."""
    return tfgen.MADE(image_shape, **{"hidden": (7, 6), "ordering": "random", "num_masks": 3, **arguments})


def wavenet(length: int = 12, **arguments: Any) -> tfgen.WaveNet:
    """A small WaveNet."""
    return tfgen.WaveNet(length, **{"dilations": (1, 2), "blocks": 1, "filters": 3, "skip": 4, **arguments})


NETWORKS = ("sizes", "own_networks", "run_eagerly", "jit_compile", "seeds_eager_and_compiled", "summary")
TRAINING = ("fit_from_datasets", "validation", "steps_per_epoch", "steps_per_execution", "stock_callbacks", "terminate_on_nan")
NUMBERS = ("mixed_float16", "replicas", "averages", "weights_of_rows")


def as_in(family: str, *lines: str) -> dict[str, str]:
    """The exemptions of a variant: lines in which what makes it a variant has no part."""
    return {line: f"The variant has no part in it, and `{family}` keeps it." for line in (*NETWORKS, *TRAINING, *lines)}


# each traces all of a model again, or waits for new processes
_COSTLY = (
    "mixed_bfloat16",
    "resume_in_new_process",
    "resume_after_kill",
    "order_of_data",
    "averages",
    "weights_of_rows",
    "no_retracing",
)
# what a family does for all its models, in these numbers and on replicas: one case of each family, and the slow tests the others
OF_THE_FAMILY = ("mixed_float16", "replicas", "jit_compile")
FAMILIES = ("pixelcnn-binary", "vae-convolutional", "gan-non-saturating")
VARIANTS = (
    "pixelcnn-256-colour",
    "gated-pixelcnn-class-conditional",
    "gated-pixelcnn-mixture-of-logistics",
    "made-256-colour",
    "wavenet-logistic-mixture-classes",
    "wavenet-local-conditions",
    "vae-bernoulli-importance-weighted-averaged",
    "vae-normal-dequantised-free-bits",
    "vae-normal-continuous",
    "gan-saturating-averaged",
)


def is_slow(case: Case, line: str) -> bool:
    """Tells whether a line is checked with the slow tests: a costly one, over a variant of a model that keeps it, or of its family."""
    return (case.name in VARIANTS and line in _COSTLY) or (case.name not in FAMILIES and line in OF_THE_FAMILY)


_OWN_MASKS = "Its one layout of weights is the model; PixelCNN takes any causal network of a user's own."

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
        lambda **overrides: pixelcnn((4, 3, 3), likelihood="categorical", dilations=(1, 2), blocks=2, **overrides),
        exempt=as_in("pixelcnn-binary"),
    ),
    Case(
        "gated-pixelcnn-binary-dropout",
        lambda **overrides: gated(dropout=0.25, **overrides),
        levels=2,
        sizes=[lambda: gated((9, 7, 3)), lambda: gated((20, 20, 1))],
        own_networks=lambda: tfgen.GatedPixelCNN((6, 5, 1), network=causal_network()),
    ),
    Case(
        "gated-pixelcnn-class-conditional",
        lambda **overrides: gated(num_classes=3, **overrides),
        levels=2,
        num_classes=3,
        own_networks=lambda: tfgen.GatedPixelCNN((5, 4, 1), num_classes=3, network=conditional_causal_network()),
        exempt={
            line: "Labels have no part in it, and `gated-pixelcnn-binary-dropout` keeps it."
            for line in ("sizes", "summary", "run_eagerly", "stock_callbacks", "terminate_on_nan", "steps_per_execution")
        },
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
        num_classes=3,
        own_networks=lambda: tfgen.PixelRNN((5, 4, 1), num_classes=3, network=conditional_causal_network()),
        exempt={"sizes": "Labels have no part in it, and `pixel-rnn-diagonal-bilstm` keeps it."},
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
        sizes=[lambda: nade((9, 7, 3)), lambda: nade((20, 20, 1), ordering="random")],
        exempt={"own_networks": _OWN_MASKS},
    ),
    Case(
        "made-binary-three-orders",
        made,
        levels=2,
        sizes=[lambda: made((9, 7, 3)), lambda: made((20, 20, 1))],
        exempt={"own_networks": _OWN_MASKS},
    ),
    Case(
        "made-256-colour",
        lambda **overrides: made(
            (3, 2, 3), **{"likelihood": "categorical", "hidden": (6,), "ordering": "raster", "num_masks": 1, **overrides}
        ),
        exempt=as_in("made-binary-three-orders", *NUMBERS),
    ),
    Case(
        "gated-pixelcnn-mixture-of-logistics",
        lambda **overrides: gated((4, 3, 3), likelihood=DiscretizedLogisticMixture(2), **overrides),
        exempt=as_in("gated-pixelcnn-binary-dropout", *NUMBERS),
    ),
    Case(
        "wavenet-mu-law",
        lambda **overrides: wavenet(**{"likelihood": MuLawCategorical(8), **overrides}),
        levels=None,
        value_range=(-1.0, 1.0),
        sizes=[lambda: wavenet(5), lambda: wavenet(300, dilations=(1, 2, 4, 8), blocks=2)],
        exempt={"own_networks": "Its queues are those of its one network, whose every size is an argument."},
    ),
    Case(
        "wavenet-logistic-mixture-classes",
        lambda **overrides: wavenet(
            **{"likelihood": WaveformLogisticMixture(2, min_scale=1e-3), "num_classes": 3, "ema": 0.9, **overrides}
        ),
        levels=None,
        value_range=(-1.0, 1.0),
        num_classes=3,
        exempt=as_in("wavenet-mu-law", "own_networks", "mixed_float16", "replicas"),
    ),
    Case(
        "wavenet-local-conditions",
        lambda **overrides: wavenet(**{"likelihood": MuLawCategorical(8), "local_channels": 2, "hop": 3, **overrides}),
        levels=None,
        value_range=(-1.0, 1.0),
        conditions=lambda n: np.random.default_rng(3).normal(size=(n, 4, 2)).astype(np.float32),
        exempt={
            **{line: "Features have no part in it, and `wavenet-mu-law` keeps it." for line in ("summary", "stock_callbacks")},
            "terminate_on_nan": "Features have no part in it, and `wavenet-mu-law` keeps it.",
            "sizes": "Another length has another number of frames; `wavenet-mu-law` keeps it.",
            "own_networks": "Its queues are those of its one network, whose every size is an argument.",
        },
    ),
    Case(
        "vae-convolutional",
        convolutional_vae,
        sizes=[lambda: convolutional_vae((9, 7, 3)), lambda: convolutional_vae((32, 32, 1))],
        own_networks=lambda: vae(encoder=dense((6, 5, 1), (6,)), decoder=dense((3,), (6, 5, 1))),
    ),
    Case(
        "vae-bernoulli-importance-weighted-averaged",
        lambda **overrides: vae(**{"ema": 0.9, "importance_samples": 3, **overrides}),
        levels=2,
        exempt=as_in("vae-convolutional"),
    ),
    Case(
        "vae-normal-dequantised-free-bits",
        lambda **overrides: vae(likelihood="normal", beta=2.0, free_bits=0.1, **overrides),
        exempt=as_in("vae-convolutional"),
    ),
    Case(
        "vae-normal-continuous",
        lambda **overrides: vae(likelihood=Normal(levels=None), **overrides),
        levels=None,
        exempt=as_in("vae-normal-dequantised-free-bits", *NUMBERS),
    ),
    Case(
        "gan-non-saturating",
        gan,
        sizes=[lambda: gan((9, 7, 3)), lambda: gan((32, 32, 1))],
        own_networks=lambda: gan(generator=dense((4,), (8, 6, 1), "sigmoid"), discriminator=dense((8, 6, 1), (1,))),
    ),
    Case(
        "gan-saturating-averaged",
        lambda **overrides: gan(**{"objective": "saturating", "latent_distribution": "uniform", "ema": 0.9, **overrides}),
        exempt=as_in("gan-non-saturating"),
    ),
]
