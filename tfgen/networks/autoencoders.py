"""Encoders and decoders: convolutional and fully connected, for images of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfgen.layers import ExactConv2D, ExactConv2DTranspose

__all__ = ["convolutional_decoder", "convolutional_encoder", "mlp_decoder", "mlp_encoder"]


def convolutional_encoder(
    image_shape: Sequence[int], outputs: int, *, width: int = 32, dtype: Any = None, name: str = "encoder"
) -> keras.Model:
    """Builds an encoder of strided convolutions: images to `outputs` numbers.

    `y = dense(relu(dense(flatten(relu(conv(... relu(conv(2 x - 1))))))))`: three 4x4 and 3x3 convolutions, the first two
    of stride 2.

    Args:
      image_shape: (height, width, channels).
      outputs: numbers per image.
      width: maps of the first convolution; the others have twice as many.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      encoder: from (batch, *image_shape) in [0, 1] to (batch, outputs) float32.

    Example:
      >>> from tfgen.networks import convolutional_encoder
      >>> convolutional_encoder((28, 28, 1), 8, width=4).output_shape
      (None, 8)
    """
    images = keras.Input(tuple(image_shape), name="images")
    x = keras.layers.Rescaling(2.0, -1.0, dtype=dtype)(images)
    for filters, size, strides in ((width, 4, 2), (2 * width, 4, 2), (2 * width, 3, 1)):
        x = ExactConv2D(filters, size, strides=strides, padding="same", activation="relu", dtype=dtype)(x)
    x = keras.layers.Flatten(dtype=dtype)(x)
    x = keras.layers.Dense(8 * width, activation="relu", dtype=dtype)(x)
    return keras.Model(images, keras.layers.Dense(outputs, dtype="float32", name="outputs")(x), name=name)


def convolutional_decoder(
    image_shape: Sequence[int], latent_dim: int, outputs: int, *, width: int = 32, dtype: Any = None, name: str = "decoder"
) -> keras.Model:
    """Builds a decoder of transposed convolutions: latents to `outputs` numbers per pixel.

    The first grid is a quarter of the image, rounded up; what is drawn beyond the image is cropped.

    Args:
      image_shape: (height, width, channels) of the image.
      latent_dim: number of latents.
      outputs: numbers per pixel.
      width: maps of the last hidden convolution; those before have twice as many.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      decoder: from (batch, latent_dim) to (batch, height, width, outputs) float32.

    Example:
      >>> from tfgen.networks import convolutional_decoder
      >>> convolutional_decoder((9, 7, 1), 3, 2, width=4).output_shape
      (None, 9, 7, 2)
    """
    height, columns = image_shape[:2]
    rows, cols = -(-height // 4), -(-columns // 4)
    latents = keras.Input((latent_dim,), name="latents")
    x = keras.layers.Dense(8 * width, activation="relu", dtype=dtype)(latents)
    x = keras.layers.Dense(rows * cols * 2 * width, activation="relu", dtype=dtype)(x)
    x = keras.layers.Reshape((rows, cols, 2 * width), dtype=dtype)(x)
    for filters in (2 * width, width):
        x = ExactConv2DTranspose(filters, 4, strides=2, padding="same", activation="relu", dtype=dtype)(x)
    if (4 * rows, 4 * cols) != (height, columns):
        x = keras.layers.Cropping2D(((0, 4 * rows - height), (0, 4 * cols - columns)), dtype=dtype)(x)
    x = ExactConv2D(outputs, 3, padding="same", dtype="float32", name="outputs")(x)
    return keras.Model(latents, x, name=name)


def mlp_encoder(
    image_shape: Sequence[int], outputs: int, *, width: int = 300, layers: int = 2, dtype: Any = None, name: str = "encoder"
) -> keras.Model:
    """Builds a fully connected encoder: `y = dense(relu(dense(... flatten(x))))`.

    Args:
      image_shape: (height, width, channels).
      outputs: numbers per image.
      width: hidden units of each layer.
      layers: hidden layers.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      encoder: from (batch, *image_shape) in [0, 1] to (batch, outputs) float32.

    Example:
      >>> from tfgen.networks import mlp_encoder
      >>> mlp_encoder((28, 28, 1), 8, width=4).output_shape
      (None, 8)
    """
    images = keras.Input(tuple(image_shape), name="images")
    x = keras.layers.Flatten(dtype=dtype)(images)
    for _ in range(layers):
        x = keras.layers.Dense(width, activation="relu", dtype=dtype)(x)
    return keras.Model(images, keras.layers.Dense(outputs, dtype="float32", name="outputs")(x), name=name)


def mlp_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    outputs: int,
    *,
    width: int = 300,
    layers: int = 2,
    dtype: Any = None,
    name: str = "decoder",
) -> keras.Model:
    """Builds a fully connected decoder: `y = reshape(dense(relu(dense(... z))))`.

    Args:
      image_shape: (height, width, channels) of the image.
      latent_dim: number of latents.
      outputs: numbers per pixel.
      width: hidden units of each layer.
      layers: hidden layers.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      decoder: from (batch, latent_dim) to (batch, height, width, outputs) float32.

    Example:
      >>> from tfgen.networks import mlp_decoder
      >>> mlp_decoder((9, 7, 1), 3, 2, width=4).output_shape
      (None, 9, 7, 2)
    """
    shape = (*image_shape[:2], outputs)
    latents = keras.Input((latent_dim,), name="latents")
    x = latents
    for _ in range(layers):
        x = keras.layers.Dense(width, activation="relu", dtype=dtype)(x)
    x = keras.layers.Dense(math.prod(shape), dtype="float32", name="outputs")(x)
    return keras.Model(latents, keras.layers.Reshape(shape, dtype="float32")(x), name=name)
