"""Every model, registered once with the conformance suite. A new model is one more entry."""

from __future__ import annotations

from typing import Any

import keras

import tfgen
from tfgen.distributions import Normal
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


NETWORKS = ("sizes", "own_networks", "run_eagerly", "jit_compile", "seeds_eager_and_compiled", "summary")
TRAINING = ("fit_from_datasets", "validation", "steps_per_epoch", "steps_per_execution", "stock_callbacks", "terminate_on_nan")
NUMBERS = ("mixed_float16", "replicas", "averages", "weights_of_rows")


def as_in(family: str, *lines: str) -> dict[str, str]:
    """The exemptions of a variant: lines in which what makes it a variant has no part."""
    return {line: f"The variant has no part in it, and `{family}` keeps it." for line in (*NETWORKS, *TRAINING, *lines)}


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
