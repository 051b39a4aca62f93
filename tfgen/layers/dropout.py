"""Dropout whose mask is drawn row by row from seeds, so that replicas and resumed runs repeat it exactly."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen import random
from tfgen.layers.arguments import check_rate

__all__ = ["RowDropout"]


@keras.saving.register_keras_serializable("tfgen")
class RowDropout(keras.layers.Layer):
    """Sets a share of the numbers to zero and scales the others: `y = x * mask / (1 - rate)`, the mask a function of row seeds.

    Without seeds (in evaluation and sampling) nothing is dropped. A random byte decides each number, so the rate is the
    nearest multiple of 1/256, and the scale makes good for just that rate.

    Args:
      rate: share of the numbers that are dropped, in [0, 1).
      stream: distinguishes this layer's masks from those of others with the same seeds.

    Raises:
      ValueError: `rate` is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import RowDropout
      >>> y = RowDropout(0.5)(tf.ones((2, 100)), seeds=tf.constant([7, 8], tf.int64))
      >>> sorted(set(y.numpy().ravel().tolist()))
      [0.0, 2.0]

    Reference: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, 2014, Dropout, JMLR 15.
    """

    def __init__(self, rate: float, *, stream: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.stream = check_rate(rate, "rate"), stream
        self.dropped = min(round(256 * self.rate), 255)  # of 256 byte values

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.built = True

    def call(self, inputs: tf.Tensor, seeds: tf.Tensor | None = None) -> tf.Tensor:
        if seeds is None or not self.dropped:
            return inputs
        kept = random.byte_values(seeds, inputs.shape[1:], self.stream) >= tf.constant(self.dropped, tf.uint8)
        return inputs * (tf.cast(kept, inputs.dtype) * (256.0 / (256 - self.dropped)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "stream": self.stream}
