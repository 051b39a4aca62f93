"""Class labels inside networks: beside vectors, as maps beside images, and as directions in a feature space."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["ClassProjection", "WithLabel"]


@keras.saving.register_keras_serializable("tfgen")
class WithLabel(keras.layers.Layer):
    """Puts the one-hot code of a label beside features: beside a vector, or as constant maps beside the channels of an image.

    Args:
      num_classes: number of classes.
      **kwargs: Keras's `name` and `dtype`.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.layers.WithLabel(3)([tf.zeros((2, 1)), tf.constant([0, 2])]).numpy().tolist()
      [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
      >>> tfgen.layers.WithLabel(3)([tf.zeros((2, 8, 8, 1)), tf.constant([0, 2])]).shape
      TensorShape([2, 8, 8, 4])

    Reference: Mirza, Osindero, 2014, Conditional generative adversarial nets, arXiv 1411.1784.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        features, label = inputs
        code = tf.one_hot(tf.cast(label, tf.int32), self.num_classes, dtype=features.dtype)
        if features.shape.rank > 2:
            # (batch, classes) -> (batch, 1, 1, classes) -> (batch, height, width, classes)
            code = tf.reshape(code, [-1, *[1] * (features.shape.rank - 2), self.num_classes])
            code = tf.broadcast_to(code, tf.concat([tf.shape(features)[:-1], [self.num_classes]], 0))
        return tf.concat([features, code], -1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[0][:-1], input_shape[0][-1] + self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable("tfgen")
class ClassProjection(keras.layers.Layer):
    """Adds to a score how far features point in the direction of a class: `y[0] + <v[label], features>`; other outputs stay.

    Args:
      num_classes: number of classes.
      initializer: of the directions v.
      **kwargs: Keras's `name` and `dtype`.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> layer = tfgen.layers.ClassProjection(3, initializer="ones")
      >>> layer([tf.zeros((1, 2)), tf.constant([[2.0, 3.0]]), tf.constant([1])]).numpy().tolist()
      [[5.0, 0.0]]

    Reference: Miyato, Koyama, 2018, cGANs with projection discriminator, arXiv 1802.05637.
    """

    def __init__(self, num_classes: int, *, initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape: Any) -> None:
        shape = (self.num_classes, input_shape[1][-1])
        self.directions = self.add_weight(name="directions", shape=shape, initializer=self.initializer)

    def call(self, inputs: Any) -> tf.Tensor:
        outputs, features, label = inputs
        directions = tf.gather(tf.convert_to_tensor(self.directions), tf.cast(label, tf.int32))
        inner = tf.reduce_sum(directions * tf.cast(features, directions.dtype), -1, keepdims=True)
        return tf.concat([outputs[:, :1] + tf.cast(inner, outputs.dtype), outputs[:, 1:]], -1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.initializer)
        return {**super().get_config(), "num_classes": self.num_classes, "initializer": initializer}
