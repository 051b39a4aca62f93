"""A small image classifier of strided convolutions, whose last hidden layer is a feature space to compare images in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfgen import checks
from tfgen.layers.arguments import check_rate

__all__ = ["image_classifier"]

_LAST = "channels_last"  # whatever Keras's global image data format is


def image_classifier(
    image_shape: Sequence[int],
    num_classes: int,
    *,
    width: int = 32,
    num_features: int = 128,
    dropout: float = 0.3,
    dtype: Any = None,
    name: str = "classifier",
) -> keras.Model:
    """Builds a classifier: images to logits, through a layer called "features".

    `features = mean over places of conv_6(... conv_1(2 image - 1))`, `logits = dense(dropout(features))`: 3x3 convolutions, each
    with batch normalisation and ReLU, the third and fifth of stride 2; `width` maps, then twice, then four times as many, the
    last `num_features`.

    Args:
      image_shape: (height, width, channels), positive.
      num_classes: number of classes, at least 2.
      width: maps of the first two convolutions, positive.
      num_features: size of the feature space, positive.
      dropout: share of the features left out while training, in [0, 1).
      dtype: Keras dtype policy of the hidden layers; None takes the global policy. Features and logits are float32.
      name: the model's name.

    Returns:
      classifier: a functional Keras model from (batch, height, width, channels) in [0, 1] to (batch, num_classes) float32.

    Raises:
      ValueError: a size is out of range.

    Example:
      >>> import tensorflow as tf
      >>> classifier = image_classifier((28, 28, 1), 10, width=4, num_features=8)
      >>> classifier(tf.zeros([2, 28, 28, 1])).shape, classifier.get_layer("features").output.shape
      (TensorShape([2, 10]), (None, 8))

    Reference:
      Springenberg, Dosovitskiy, Brox and Riedmiller, 2015, Striving for Simplicity: the All Convolutional Net,
      arXiv:1412.6806.
    """
    image_shape, num_classes = checks.shape(image_shape, "image_shape"), checks.integer(num_classes, "num_classes", least=2)
    width, num_features = checks.integer(width, "width", least=1), checks.integer(num_features, "num_features", least=1)
    dropout = check_rate(dropout, "dropout")
    images = keras.Input(image_shape, name="images")
    x = keras.layers.Rescaling(2.0, -1.0, dtype=dtype, name="centre")(images)
    filters = (width, width, 2 * width, 2 * width, 4 * width, num_features)
    for number, count in enumerate(filters, 1):
        stride = 2 if number in (3, 5) else 1
        x = keras.layers.Conv2D(
            count,
            3,
            strides=stride,
            padding="same",
            data_format=_LAST,
            use_bias=False,
            dtype=dtype,
            name=f"convolution_{number}",
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9, synchronized=True, dtype=dtype, name=f"norm_{number}")(x)
        x = keras.layers.ReLU(dtype=dtype, name=f"relu_{number}")(x)
    features = keras.layers.GlobalAveragePooling2D(data_format=_LAST, dtype="float32", name="features")(x)
    hidden = keras.layers.Dropout(dropout, seed=0, dtype="float32", name="dropout")(features)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(hidden)
    return keras.Model(images, logits, name=name)
