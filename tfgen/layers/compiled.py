"""What XLA compiles into one loop over memory while a network trains in bfloat16 on a CPU: gates, and sums before a ReLU.

TensorFlow has no fast bfloat16 tanh or sigmoid on a CPU, and no operation of several steps, so that a gate and its gradient are
casts, splits, products and sums, each a pass over a map: half of a training step where matrix units make convolutions cheap.
Only training is compiled: an exported function must hold nothing that XLA has to compile.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any, cast

import tensorflow as tf

__all__ = ["gate", "residual_relu"]


def gate(*terms: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Gates one half of the features by the other: `tanh(f) * sigmoid(g)`, `[f, g]` the halves of the last axis of the terms' sum.

    Args:
      *terms: (..., 2 * filters), the first of the full shape, the others of one that broadcasts to it, as biases do.
      training: whether gradients will be taken; then bfloat16 terms are gated in compiled loops on a CPU.

    Returns:
      outputs: (..., filters).

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import gate
      >>> gate(tf.zeros((2, 6)), tf.ones(6)).shape
      TensorShape([2, 3])

    Reference: van den Oord et al., 2016, Conditional image generation with PixelCNN decoders, arXiv 1606.05328.
    """
    if _compiles(terms[0], training):
        return cast("tf.Tensor", _compiled_gate(*terms))
    features, gates = _halves(functools.reduce(operator.add, terms))
    return tf.cast(tf.tanh(features) * tf.sigmoid(gates), terms[0].dtype)


def residual_relu(x: tf.Tensor, y: tf.Tensor, *, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds a residual block's result to its input, and rectifies the sum for the next block: `x + y` and `max(x + y, 0)`.

    Args:
      x: the input of the block, any shape.
      y: its result, the same shape.
      training: whether gradients will be taken; then bfloat16 maps go through compiled loops on a CPU.

    Returns:
      total: `x + y`.
      rectified: `max(x + y, 0)`.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import residual_relu
      >>> [part.numpy().tolist() for part in residual_relu(tf.constant([1.0, -3.0]), tf.constant([1.0, 1.0]))]
      [[2.0, -2.0], [2.0, 0.0]]
    """
    if _compiles(x, training):
        return cast("tuple[tf.Tensor, tf.Tensor]", _compiled_residual(x, y))
    total = x + y
    return total, tf.nn.relu(total)


def _compiles(inputs: tf.Tensor, training: bool) -> bool:
    return training and inputs.dtype == tf.bfloat16 and not tf.config.list_physical_devices("GPU")


def _halves(inputs: tf.Tensor) -> Sequence[tf.Tensor]:
    return tf.split(tf.cast(inputs, tf.float32), 2, axis=-1)  # in bfloat16 both functions take longer


@tf.custom_gradient
def _compiled_gate(*terms: Any) -> tuple[Any, Any]:
    def gradients(upstream: tf.Tensor) -> list[tf.Tensor]:
        gradient = _backward(upstream, *terms)
        return [gradient if i == 0 else _summed_like(gradient, term) for i, term in enumerate(terms)]

    return _forward(*terms), gradients


@tf.function(jit_compile=True, autograph=False)
def _forward(*terms: tf.Tensor) -> tf.Tensor:
    features, gates = _halves(_sum(terms))
    return tf.cast(tf.tanh(features) * tf.sigmoid(gates), terms[0].dtype)


@tf.function(jit_compile=True, autograph=False)
def _backward(upstream: tf.Tensor, *terms: tf.Tensor) -> tf.Tensor:
    features, gates = _halves(_sum(terms))
    t, s, upstream = tf.tanh(features), tf.sigmoid(gates), tf.cast(upstream, tf.float32)
    both = [upstream * s * (1.0 - tf.square(t)), upstream * t * s * (1.0 - s)]
    return tf.concat([tf.cast(part, terms[0].dtype) for part in both], -1)


def _sum(terms: Sequence[tf.Tensor]) -> tf.Tensor:
    """Adds in float32, which costs nothing where no sum is stored."""
    return functools.reduce(operator.add, [tf.cast(term, tf.float32) for term in terms])


def _summed_like(gradient: tf.Tensor, term: tf.Tensor) -> tf.Tensor:
    """Sums a gradient over the axes along which its term was repeated."""
    missing = gradient.shape.rank - term.shape.rank
    repeated = [missing + axis for axis, size in enumerate(term.shape) if size == 1 and gradient.shape[missing + axis] != 1]
    kept = tf.reduce_sum(gradient, repeated, keepdims=True) if repeated else gradient
    return tf.reduce_sum(kept, list(range(missing))) if missing else kept


@tf.custom_gradient
def _compiled_residual(x: Any, y: Any) -> tuple[Any, Any]:
    total, rectified = _residual_forward(x, y)

    def gradients(towards_total: tf.Tensor, towards_rectified: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradient = _residual_backward(towards_total, towards_rectified, rectified)
        return gradient, gradient

    return (total, rectified), gradients


@tf.function(jit_compile=True, autograph=False)
def _residual_forward(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    total = x + y
    return total, tf.nn.relu(total)


@tf.function(jit_compile=True, autograph=False)
def _residual_backward(towards_total: tf.Tensor, towards_rectified: tf.Tensor, rectified: tf.Tensor) -> tf.Tensor:
    return towards_total + tf.where(rectified > 0, towards_rectified, tf.zeros([], rectified.dtype))
