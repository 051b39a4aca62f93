"""The Diagonal BiLSTM of PixelRNN: two scans over the diagonals of an image that together see all that comes before."""

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

__all__ = ["DiagonalBiLSTM"]


@keras.saving.register_keras_serializable("tfgen")
class DiagonalBiLSTM(keras.layers.Layer):
    """Two LSTMs whose states run along the diagonals, one from the left corner and one from the right one.

    From the left: `gates[i, j] = b + M x[i, j] + K[0] h[i - 1, j] + K[1] h[i, j - 1]`, the cell from (i, j - 1); from the right
    the same with j + 1 for j - 1. What the second one knows at (i, j) lies to the right of it in its own row too, so its map is
    shifted down by one row (the first row zero) before it is added: `y[i, j] = left[i, j] + right[i - 1, j]`. Together they see
    every pixel that comes before. One is missing where the inputs come from a mask-A convolution: no map of row i has seen the
    last pixel of row i. With `pixels` the layer takes the pixels too, and the gates from the right read them as they are.

    The map is skewed, each row one step later than the one above it, so that a scan has height + width - 1 rounds, each a whole
    diagonal of both directions at once. Where colour channels are ordered, the maps come in one group per channel, and from
    the left `M` shows a group its own and earlier ones; all else belongs to complete pixels, which every group may see.

    Args:
      filters: maps of the hidden state, a multiple of `groups`.
      groups: number of colour channels that are ordered within a pixel.
      num_classes: number of classes, 0 for none.
      pixels: channels of the pixels that the gates from the right read, 0 for none.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import DiagonalBiLSTM
      >>> DiagonalBiLSTM(4)(tf.zeros((6, 5, 2, 8))).shape  # (height, width, batch, maps)
      TensorShape([6, 5, 2, 4])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(self, filters: int, *, groups: int = 1, num_classes: int = 0, pixels: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        groups = checks.integer(groups, "groups", least=1)
        filters = check_multiple(filters, "filters", groups)
        self.filters, self.groups, self.num_classes, self.pixels = filters, groups, num_classes, pixels

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        inputs, gates = int(input_shape[-1]), 4 * self.filters  # type: ignore[arg-type]
        source, target = channel_groups(inputs, self.groups), np.tile(channel_groups(self.filters, self.groups), 4)
        own = source[:, None] <= target
        self._mask = np.stack([own, np.ones_like(own)]).astype(np.float32)  # from the left, from the right
        self.input_kernel = self.add_weight(name="input_kernel", shape=(2, inputs, gates), initializer=uniform(inputs))
        shape = (2, 2 * self.filters, gates)
        self.state_kernel = self.add_weight(name="state_kernel", shape=shape, initializer=uniform(shape[1]))
        self.bias = self.add_weight(name="bias", shape=(2, gates), initializer=gate_bias)
        if self.pixels:
            shape = (self.pixels, gates)
            self.pixel_kernel = self.add_weight(name="pixel_kernel", shape=shape, initializer=uniform(inputs))
        if self.num_classes:
            self.classes = self.add_weight(name="classes", shape=(self.num_classes, 2 * gates), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def kernels(self, dtype: Any) -> dict[str, tf.Tensor]:
        """Returns the kernels of both directions, from the left first, with what must not be seen at zero.

        Args:
          dtype: the number format wanted.

        Returns:
          kernels: "own" (2, inputs, 4 * filters) of the inputs; "above" and "beside" (2, filters, 4 * filters) of the states
            of the row above and of the same row.
        """
        own, state = tf.cast(self.input_kernel, dtype), tf.cast(self.state_kernel, dtype)
        own = own if self._mask.all() else own * tf.constant(self._mask, dtype)
        return {"own": own, "above": state[:, : self.filters], "beside": state[:, self.filters :]}

    def biases(self, label: tf.Tensor | None, dtype: Any) -> tf.Tensor:
        """Returns what is added to the gates everywhere.

        Args:
          label: (batch,) integers, or None without classes.
          dtype: the number format wanted.

        Returns:
          bias: (2, batch, 4 * filters), or (2, 1, 4 * filters) without classes, from the left first.
        """
        bias = tf.cast(self.bias, dtype)[:, None]
        if label is None:
            return bias
        return bias + tf.stack(tf.split(class_bias(self.classes, label, dtype), 2, axis=-1))

    def from_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns what finished pixels add to the gates from the right.

        Args:
          pixels: (..., batch, channels).

        Returns:
          gates: (..., batch, 4 * filters).
        """
        return tf.tensordot(pixels, tf.cast(self.pixel_kernel, pixels.dtype), 1)

    def call(self, inputs: tf.Tensor, label: tf.Tensor | None = None, pixels: tf.Tensor | None = None) -> tf.Tensor:
        height, width, maps = (int(inputs.shape[axis]) for axis in (0, 1, 3))  # type: ignore[arg-type]
        batch, dtype = tf.shape(inputs)[2], inputs.dtype
        kernels = self.kernels(dtype)
        gates = tf.matmul(tf.reshape(inputs, (1, -1, maps)), kernels["own"])
        gates = tf.reshape(gates, (2, height * width, batch, 4 * self.filters)) + self.biases(label, dtype)[:, None]
        if pixels is not None:
            seen = tf.reshape(self.from_pixels(pixels), (1, height * width, batch, 4 * self.filters))
            gates = gates + tf.pad(seen, [[1, 0], [0, 0], [0, 0], [0, 0]])  # from the right only
        skewed, valid, places = _diagonals(height, width)
        lines = _exchange(tf.reshape(gates, (2 * height * width, batch, 4 * self.filters)), skewed, places)
        lines = tf.reshape(lines, (*valid.shape, batch, 4 * self.filters))
        kernel = tf.concat([kernels["above"], kernels["beside"]], 1)
        hidden = lstm_scan(lines, kernel, offsets=(-1, 0), valid=valid)
        hidden = _exchange(tf.reshape(hidden, (valid.size, batch, self.filters)), places, skewed)
        left, right = tf.unstack(tf.reshape(hidden, (2, height, width, batch, self.filters)))
        return left + tf.pad(right[:-1], [[1, 0], [0, 0], [0, 0], [0, 0]])  # down, or a pixel sees itself and its row

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in ("filters", "groups", "num_classes", "pixels")},
        }


def _diagonals(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lays the positions of both directions out in the order of the scan.

    Returns:
      skewed: (steps * 2 * height,) the position, of (2, height, width) flat, that each row of each step deals with.
      valid: (steps, 2, height) whether there is one; where not, `skewed` holds any.
      places: (2 * height * width,) the inverse: where in `skewed` a position is.
    """
    step, direction, row = np.meshgrid(np.arange(height + width - 1), np.arange(2), np.arange(height), indexing="ij")
    distance = step - row  # from the side at which the direction begins
    valid = (distance >= 0) & (distance < width)
    distance = np.clip(distance, 0, width - 1)
    column = np.where(direction == 0, distance, width - 1 - distance)
    skewed = ((direction * height + row) * width + column).ravel()
    places = np.empty(2 * height * width, np.int32)
    places[skewed[valid.ravel()]] = np.flatnonzero(valid)
    return skewed.astype(np.int32), valid.astype(np.float32), places


def _exchange(x: tf.Tensor, order: np.ndarray, inverse: np.ndarray) -> tf.Tensor:
    """Takes rows in an order; the gradient takes them back by the inverse order, where adding up would be slow.

    Rows that stand for no position carry anything, in both directions: the scan gives them neither value nor gradient.
    """

    @tf.custom_gradient
    def take(x: Any) -> Any:
        return tf.gather(x, order), lambda upstream: tf.gather(upstream, inverse)

    return take(x)
