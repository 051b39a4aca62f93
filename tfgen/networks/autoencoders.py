"""Encoders and decoders: convolutional and fully connected, for images of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfgen.layers import ExactConv2D, ExactConv2DTranspose, WithLabel

__all__ = ["convolutional_decoder", "convolutional_encoder", "mlp_decoder", "mlp_encoder"]

_LAST = "channels_last"  # whatever Keras's global image data format is


def convolutional_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    width: int = 32,
    num_classes: int = 0,
    dtype: Any = None,
    name: str = "encoder",
) -> keras.Model:
    """Builds an encoder of strided convolutions: images to `outputs` numbers.

    `y = dense(relu(dense(flatten(relu(conv(... relu(conv(2 x - 1))))))))`: three 4x4 and 3x3 convolutions, the first two
    of stride 2.

    Args:
      image_shape: (height, width, channels).
      outputs: numbers per image.
      width: maps of the first convolution; the others have twice as many.
      num_classes: classes of the labels that it takes as its second input; 0 for none.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      encoder: from (batch, *image_shape) in [0, 1] to (batch, outputs) float32.

    Example:
      >>> from tfgen.networks import convolutional_encoder
      >>> convolutional_encoder((28, 28, 1), 8, width=4).output_shape
      (None, 8)
    """
    inputs, images, label = _inputs(image_shape, "images", num_classes)
    x = keras.layers.Rescaling(2.0, -1.0, dtype=dtype)(images)
    x = x if label is None else WithLabel(num_classes, dtype=dtype)([x, label])
    for filters, size, strides in ((width, 4, 2), (2 * width, 4, 2), (2 * width, 3, 1)):
        x = ExactConv2D(filters, size, strides=strides, padding="same", data_format=_LAST, activation="relu", dtype=dtype)(x)
    x = keras.layers.Flatten(data_format=_LAST, dtype=dtype)(x)
    x = keras.layers.Dense(8 * width, activation="relu", dtype=dtype)(x)
    return keras.Model(inputs, keras.layers.Dense(outputs, dtype="float32", name="outputs")(x), name=name)


def convolutional_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    outputs: int,
    *,
    width: int = 32,
    num_classes: int = 0,
    dtype: Any = None,
    name: str = "decoder",
) -> keras.Model:
    """Builds a decoder of transposed convolutions: latents to `outputs` numbers per pixel.

    The first grid is a quarter of the image, rounded up; what is drawn beyond the image is cropped.

    Args:
      image_shape: (height, width, channels) of the image.
      latent_dim: number of latents.
      outputs: numbers per pixel.
      width: maps of the last hidden convolution; those before have twice as many.
      num_classes: classes of the labels that it takes as its second input; 0 for none.
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
    inputs, x, label = _inputs((latent_dim,), "latents", num_classes)
    x = x if label is None else WithLabel(num_classes, dtype=dtype)([x, label])
    x = keras.layers.Dense(8 * width, activation="relu", dtype=dtype)(x)
    x = keras.layers.Dense(rows * cols * 2 * width, activation="relu", dtype=dtype)(x)
    x = keras.layers.Reshape((rows, cols, 2 * width), dtype=dtype)(x)
    for filters in (2 * width, width):
        x = ExactConv2DTranspose(filters, 4, strides=2, padding="same", data_format=_LAST, activation="relu", dtype=dtype)(x)
    if (4 * rows, 4 * cols) != (height, columns):
        x = keras.layers.Cropping2D(((0, 4 * rows - height), (0, 4 * cols - columns)), data_format=_LAST, dtype=dtype)(x)
    x = ExactConv2D(outputs, 3, padding="same", data_format=_LAST, dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name=name)


def mlp_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    width: int = 300,
    layers: int = 2,
    num_classes: int = 0,
    dtype: Any = None,
    name: str = "encoder",
) -> keras.Model:
    """Builds a fully connected encoder: `y = dense(relu(dense(... flatten(x))))`.

    Args:
      image_shape: (height, width, channels).
      outputs: numbers per image.
      width: hidden units of each layer.
      layers: hidden layers.
      num_classes: classes of the labels that it takes as its second input; 0 for none.
      dtype: Keras dtype policy of the hidden layers; the outputs are float32.
      name: the model's name.

    Returns:
      encoder: from (batch, *image_shape) in [0, 1] to (batch, outputs) float32.

    Example:
      >>> from tfgen.networks import mlp_encoder
      >>> mlp_encoder((28, 28, 1), 8, width=4).output_shape
      (None, 8)
    """
    inputs, images, label = _inputs(image_shape, "images", num_classes)
    x = keras.layers.Flatten(data_format=_LAST, dtype=dtype)(images)
    x = x if label is None else WithLabel(num_classes, dtype=dtype)([x, label])
    for _ in range(layers):
        x = keras.layers.Dense(width, activation="relu", dtype=dtype)(x)
    return keras.Model(inputs, keras.layers.Dense(outputs, dtype="float32", name="outputs")(x), name=name)


def mlp_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    outputs: int,
    *,
    width: int = 300,
    layers: int = 2,
    num_classes: int = 0,
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
      num_classes: classes of the labels that it takes as its second input; 0 for none.
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
    inputs, x, label = _inputs((latent_dim,), "latents", num_classes)
    x = x if label is None else WithLabel(num_classes, dtype=dtype)([x, label])
    for _ in range(layers):
        x = keras.layers.Dense(width, activation="relu", dtype=dtype)(x)
    x = keras.layers.Dense(math.prod(shape), dtype="float32", name="outputs")(x)
    return keras.Model(inputs, keras.layers.Reshape(shape, dtype="float32")(x), name=name)


def _inputs(shape: Sequence[int], name: str, num_classes: int) -> tuple[Any, Any, Any]:
    """Makes the inputs of a network: all of them as Keras takes them, the first, and the label or None."""
    first = keras.Input(tuple(shape), name=name)
    if not num_classes:
        return first, first, None
    label = keras.Input((), dtype="int64", name="label")
    return [first, label], first, label
