"""Small games for the tests of the adversarial family."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfgen

__all__ = ["LATENTS", "SHAPE", "bright_images", "dense_game", "glass", "mean_logit", "snapshot", "twin"]

SHAPE, LATENTS = (4, 4, 1), 3


def _generator(dtype: str = "float32") -> keras.Model:
    latents = keras.Input((LATENTS,))
    x = keras.layers.Dense(8, activation="tanh", dtype=dtype)(latents)
    x = keras.layers.Dense(int(np.prod(SHAPE)), activation="sigmoid", dtype="float32")(x)
    return keras.Model(latents, keras.layers.Reshape(SHAPE, dtype="float32")(x), name="generator")


def _discriminator(dtype: str = "float32") -> keras.Model:
    images = keras.Input(SHAPE)
    x = keras.layers.Dense(8, activation="tanh", dtype=dtype)(keras.layers.Flatten()(images))
    return keras.Model(images, keras.layers.Dense(1, dtype="float32")(x), name="discriminator")


def dense_game(**arguments: Any) -> tfgen.GAN:
    """A GAN of dense networks without batch normalisation."""
    keras.utils.set_random_seed(6)
    generator, discriminator = (build(arguments.get("dtype", "float32")) for build in (_generator, _discriminator))
    return tfgen.GAN(SHAPE, latent_dim=LATENTS, generator=generator, discriminator=discriminator, **arguments)


def glass(**arguments: Any) -> tfgen.GAN:
    """A GAN whose images are its latents, to be seen through."""
    latents = keras.Input((16,))
    generator = keras.Model(latents, keras.layers.Reshape(SHAPE)(latents))
    return tfgen.GAN(SHAPE, latent_dim=16, generator=generator, discriminator=_discriminator(), **arguments)


def twin(model: tfgen.GAN) -> tfgen.GAN:
    """Another model with the same arguments and weights."""
    other = tfgen.GAN.from_config(model.get_config())
    other.set_weights(model.get_weights())
    return other


def bright_images(n: int = 8) -> np.ndarray:
    """Images brighter than an untrained generator's."""
    return np.random.default_rng(1).uniform(0.6, 1.0, (n, *SHAPE)).astype(np.float32)


def snapshot(network: Any, trainable: bool = False) -> list[np.ndarray]:
    """Copies of a network's weights."""
    return [weight.numpy().copy() for weight in (network.trainable_weights if trainable else network.weights)]


def mean_logit(model: tfgen.GAN, images: Any) -> float:
    """How real the discriminator finds images."""
    return float(tf.reduce_mean(model.discriminator(images, training=False)))
