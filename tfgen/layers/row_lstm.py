"""The Row LSTM of PixelRNN: a scan down the rows of an image, each row's positions all at once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.layers.arguments import check_multiple
from tfgen.layers.causal import channel_groups
from tfgen.layers.lstm import lstm_scan
from tfgen.layers.weights import class_bias, gate_bias, uniform

__all__ = ["RowLSTM"]


@keras.saving.register_keras_serializable("tfgen")
class RowLSTM(keras.layers.Layer):
    """An LSTM whose state runs down the rows; position (i, j) reads the states at (i - 1, j - 1), (i - 1, j), (i - 1, j + 1).

    `gates[i, j] = b + L x[i, j - 1] + M x[i, j] + sum{ K[s] h[i - 1, j + s] : s = -1, 0, 1 }`, the cell from (i - 1, j).

    The inputs' part is one convolution over the whole map; the scan has one round a row. What a position sees widens by one
    column a row: a triangle above it, and of its own row what the inputs have seen. Where colour channels are ordered, the
    maps come in one group per channel, and `M` shows a group its own and earlier ones; states above are complete pixels, which
    every group may see.

    Args:
      filters: maps of the hidden state, a multiple of `groups`.
      groups: number of colour channels that are ordered within a pixel.
      num_classes: number of classes, 0 for none.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import RowLSTM
      >>> RowLSTM(4)(tf.zeros((6, 5, 2, 8))).shape  # (height, width, batch, maps)
      TensorShape([6, 5, 2, 4])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(self, filters: int, *, groups: int = 1, num_classes: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        groups = checks.integer(groups, "groups", least=1)
        filters = check_multiple(filters, "filters", groups)
        self.filters, self.groups, self.num_classes = filters, groups, num_classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        inputs, gates = int(input_shape[-1]), 4 * self.filters  # type: ignore[arg-type]
        source, target = channel_groups(inputs, self.groups), np.tile(channel_groups(self.filters, self.groups), 4)
        own = source[:, None] <= target
        self._mask = np.stack([np.ones_like(own), own]).astype(np.float32)
        visible = float(self._mask[..., -1].sum())
        self.input_kernel = self.add_weight(name="input_kernel", shape=(2, inputs, gates), initializer=uniform(visible))
        shape = (3 * self.filters, gates)
        self.state_kernel = self.add_weight(name="state_kernel", shape=shape, initializer=uniform(shape[0]))
        self.bias = self.add_weight(name="bias", shape=(gates,), initializer=gate_bias)
        if self.num_classes:
            self.classes = self.add_weight(name="classes", shape=(self.num_classes, gates), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def kernels(self, dtype: Any) -> dict[str, tf.Tensor]:
        """Returns the kernels with what must not be seen at zero.

        Args:
          dtype: the number format wanted.

        Returns:
          kernels: "left" and "own" (inputs, 4 * filters) of the inputs at (i, j - 1) and (i, j); "state" (3 * filters,
            4 * filters) of the states above, left neighbour first.
        """
        kernel = tf.cast(self.input_kernel, dtype)
        kernel = kernel if self._mask.all() else kernel * tf.constant(self._mask, dtype)
        return {"left": kernel[0], "own": kernel[1], "state": tf.cast(self.state_kernel, dtype)}

    def biases(self, label: tf.Tensor | None, dtype: Any) -> tf.Tensor:
        """Returns what is added to the gates everywhere.

        Args:
          label: (batch,) integers, or None without classes.
          dtype: the number format wanted.

        Returns:
          bias: (batch, 4 * filters), or (4 * filters,) without classes.
        """
        return tf.cast(self.bias, dtype) + class_bias(getattr(self, "classes", None), label, dtype)

    def call(self, inputs: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        kernels, dtype = self.kernels(inputs.dtype), inputs.dtype
        padded = tf.pad(inputs, [[0, 0], [1, 0], [0, 0], [0, 0]])
        # as an image of (width, batch) for each row, the two taps lie one below the other
        kernel = tf.stack([kernels["left"], kernels["own"]])[:, None]
        gates = tf.nn.conv2d(padded, kernel, 1, "VALID") + self.biases(label, dtype)
        return lstm_scan(gates[:, None], kernels["state"][None], offsets=(-1, 0, 1))[:, 0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in ("filters", "groups", "num_classes")}}
