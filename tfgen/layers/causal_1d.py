"""The gated block of WaveNet: a dilated causal convolution over time whose kernel has two taps."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.layers.compiled import gate

__all__ = ["GatedBlock1D"]


def product(inputs: tf.Tensor, kernel: Any) -> tf.Tensor:
    """Multiplies the features of every time by a kernel, as one matrix product: batched ones take longer, their gradients too.

    Args:
      inputs: (batch, time, features).
      kernel: (features, outputs), of any number format.

    Returns:
      outputs: (batch, time, outputs) of the inputs' number format.
    """
    shape = [size if known is None else known for size, known in zip(tf.unstack(tf.shape(inputs)), inputs.shape, strict=True)]
    kernel = tf.cast(kernel, inputs.dtype)
    flat = tf.matmul(tf.reshape(inputs, (-1, shape[-1])), kernel)
    return tf.reshape(flat, (*shape[:-1], int(kernel.shape[-1])))


def later(inputs: tf.Tensor, steps: int) -> tf.Tensor:
    """Moves a sequence to later times, zeros before it.

    Args:
      inputs: (batch, time, features).
      steps: how far.

    Returns:
      outputs: the same shape; what would stand after the end is left out.
    """
    time = inputs.shape[1] or tf.shape(inputs)[1]
    gap = tf.minimum(steps, time) if tf.is_tensor(time) else min(steps, time)
    kept = tf.slice(inputs, (0, 0, 0), (-1, time - gap, -1))  # the gradient of `inputs[:, :n]` takes five times as long
    outputs = tf.pad(kept, [[0, 0], [gap, 0], [0, 0]])
    outputs.set_shape(inputs.shape)
    return outputs


@keras.saving.register_keras_serializable("tfgen")
class GatedBlock1D(keras.layers.Layer):
    """One layer of WaveNet.

    `m[t] = gate(K1 h[t] + K0 h[t - d] + V c[t] + b)`, `h'[t] = h[t] + R m[t]`; before the clip h is zero.

    `c` is what the block is conditional on: a class's one-hot vector, the same at all times, or features of each time. Both taps
    are one matrix product, so that a step costs one, and every number format has its gradient. The block holds the weights of
    its skip path, `skip_kernel`, too: the network multiplies the units of all blocks by those of all at once.

    Args:
      filters: features of the residual path.
      gated: gated units, half of what the convolution computes.
      skip: features of the skip path.
      dilation: distance of the taps in samples, at least 1.
      conditions: features of c, 0 for none.
      last: whether it is the last block, after which nobody reads h.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import GatedBlock1D
      >>> h, m = GatedBlock1D(4, gated=3, skip=8, dilation=2)(tf.zeros((2, 10, 4)))
      >>> h.shape, m.shape
      (TensorShape([2, 10, 4]), TensorShape([2, 10, 3]))

    Reference: van den Oord et al., 2016, WaveNet, arXiv 1609.03499, sections 2.3 to 2.5.
    """

    def __init__(
        self, filters: int, *, gated: int, skip: int, dilation: int = 1, conditions: int = 0, last: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = checks.integer(filters, "filters", least=1)
        self.gated = checks.integer(gated, "gated", least=1)
        self.skip = checks.integer(skip, "skip", least=1)
        self.dilation = checks.integer(dilation, "dilation", least=1)
        self.conditions, self.last = checks.integer(conditions, "conditions", least=0), last

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] != self.filters:
            raise ValueError(f"Expected {self.filters} features, those of the residual path. Received: {input_shape}")
        self.kernel = self.add_weight(name="kernel", shape=(2 * self.filters, 2 * self.gated))
        self.bias = self.add_weight(name="bias", shape=(2 * self.gated,), initializer="zeros")
        self.conditional = None
        if self.conditions:
            self.conditional = self.add_weight(name="conditional", shape=(self.conditions, 2 * self.gated))
        self.out = None if self.last else self.add_weight(name="out", shape=(self.gated, self.filters))
        self.skip_kernel = self.add_weight(name="skip", shape=(self.gated, self.skip))
        self.built = True

    def call(self, inputs: tf.Tensor, conditions: Any = None, training: bool = False) -> tuple[Any, tf.Tensor]:
        dtype = inputs.dtype
        terms = [product(tf.concat([inputs, later(inputs, self.dilation)], -1), self.kernel), tf.cast(self.bias, dtype)]
        if self.conditional is not None:
            terms.append(tf.matmul(tf.cast(conditions, dtype), tf.cast(self.conditional, dtype)))
        m = gate(*terms, training=training)
        return None if self.out is None else inputs + product(m, self.out), m

    def step_kernel(self) -> tf.Tensor:
        """Lays out what a step multiplies [h[t], h[t - d], 1, c[t]] by.

        Returns:
          kernel: (2 * filters + 1 + conditions, 2 * gated) float32.
        """
        rows = [self.kernel, tf.convert_to_tensor(self.bias)[None]]
        rows += [self.conditional] if self.conditional is not None else []
        return tf.concat([tf.cast(tf.convert_to_tensor(part), tf.float32) for part in rows], 0)

    def get_config(self) -> dict[str, Any]:
        names = ("filters", "gated", "skip", "dilation", "conditions", "last")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
