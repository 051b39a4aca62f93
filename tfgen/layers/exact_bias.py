"""Convolutions whose bias learns correctly in half precision.

TensorFlow's `BiasAdd`, which Keras layers use, sums its gradient on a CPU in the format of the activations. A bfloat16 sum
has eight bits: over the 50 000 pixels of a batch it is wrong by a tenth and more, and where all terms have one sign it stops
growing at 256 times a term. Only where the graph optimizer merges it with the gradient of a convolution's kernel is it right:
in `tf.function`, with a trainable kernel, not for transposed convolutions. A broadcast addition sums in float32 everywhere, and
is faster.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["ExactConv2D", "ExactConv2DTranspose"]


@keras.saving.register_keras_serializable("tfgen")
class ExactConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with the bias's gradient summed in float32; same arguments, same weights, same result.

    `y = activation(convolution(x, kernel) + bias)`, where the addition is a broadcast one.

    Args:
      **kwargs: those of `keras.layers.Conv2D`.

    Example:
      >>> import tensorflow as tf
      >>> ExactConv2D(8, 3, strides=2, padding="same")(tf.zeros([2, 28, 28, 1])).shape
      TensorShape([2, 14, 14, 8])
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves `inputs`, (batch, height, width, channels)."""
        return _with_bias(self, self.convolution_op(inputs, self.kernel))


@keras.saving.register_keras_serializable("tfgen")
class ExactConv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with the bias's gradient summed in float32; same arguments, same weights, same result.

    `y = activation(transposed_convolution(x, kernel) + bias)`, where the addition is a broadcast one.

    Args:
      **kwargs: those of `keras.layers.Conv2DTranspose`.

    Example:
      >>> import tensorflow as tf
      >>> ExactConv2DTranspose(8, 4, strides=2, padding="same")(tf.zeros([2, 7, 7, 16])).shape
      TensorShape([2, 14, 14, 8])
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves `inputs`, (batch, height, width, channels)."""
        outputs = keras.ops.conv_transpose(
            inputs,
            self.kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return _with_bias(self, outputs)


def _with_bias(layer: Any, outputs: tf.Tensor) -> tf.Tensor:
    """Ends a convolution: bias, then activation."""
    if layer.use_bias:
        bias = tf.convert_to_tensor(layer.bias)
        if layer.data_format == "channels_first":
            bias = tf.reshape(bias, [-1, 1, 1])
        outputs = tf.raw_ops.AddV2(x=outputs, y=tf.cast(bias, outputs.dtype))
    return outputs if layer.activation is None else layer.activation(outputs)
