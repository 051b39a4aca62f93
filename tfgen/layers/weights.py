"""How the weights of causal layers begin, and what classes add to them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["class_bias", "gate_bias", "uniform"]


def uniform(fan_in: float) -> keras.initializers.Initializer:
    """Draws weights of unit gain.

    Args:
      fan_in: number of visible inputs of an output.

    Returns:
      initializer: uniform, of variance `1 / fan_in`.
    """
    limit = float(np.sqrt(3.0 / max(fan_in, 1.0)))
    return keras.initializers.RandomUniform(-limit, limit)


def gate_bias(shape: Any, dtype: Any = None) -> tf.Tensor:
    """Makes biases of zero, but one for the gates that keep the cell: it forgets slowly from the start.

    Args:
      shape: (..., 4 * filters).
      dtype: the number format wanted.

    Returns:
      bias: of that shape.
    """
    filters = shape[-1] // 4
    values = np.zeros(shape, np.float32)
    values[..., filters : 2 * filters] = 1.0
    return tf.constant(values, dtype or tf.float32)


def class_bias(classes: Any, label: tf.Tensor | None, dtype: Any) -> Any:
    """Returns what classes add to the gates of their rows.

    Args:
      classes: (num_classes, features), a weight.
      label: (batch,) integers, or None without classes.
      dtype: the number format wanted.

    Returns:
      bias: (batch, features), or 0.
    """
    if label is None:
        return 0.0
    # a product, as the gradient of a lookup is a sparse one that replicas cannot add up
    table = tf.convert_to_tensor(classes)
    return tf.cast(tf.matmul(tf.one_hot(label, int(table.shape[0]), dtype=table.dtype), table), dtype)
