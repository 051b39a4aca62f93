"""Causal convolution over an image in raster order, with two faces: all positions at once, and one position at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.layers.arguments import check_multiple, check_odd
from tfgen.layers.rows import padded_row, row_product

__all__ = ["CausalConv2D"]

State = dict[str, Any]


def channel_groups(features: int, channels: int) -> np.ndarray:
    """Assigns each feature map to the colour channel whose conditional it serves, in equal consecutive groups.

    Args:
      features: number of maps.
      channels: number of colour channels.

    Returns:
      groups: (features,) integers in [0, channels).
    """
    return np.arange(features) * channels // features


@lru_cache
def has_dilated_gradient(dtype: tf.DType) -> bool:
    """Tells whether TensorFlow can train a dilated convolution on this device.

    On a CPU only oneDNN can, never in float16, and TensorFlow leaves oneDNN off where the processor has no AVX512.

    Args:
      dtype: the number format of the convolution.

    Returns:
      answer: what one such gradient showed, tried once for every format.
    """
    with tf.init_scope():
        try:
            inputs, outputs = tf.zeros((1, 3, 3, 1), dtype), tf.zeros((1, 1, 1, 1), dtype)
            tf.raw_ops.Conv2DBackpropFilter(
                input=inputs,
                filter_sizes=(2, 2, 1, 1),
                out_backprop=outputs,
                strides=[1] * 4,
                padding="VALID",
                dilations=[1, 2, 2, 1],
            )
        except tf.errors.OpError:
            return False
    return True


def phased_convolution(inputs: tf.Tensor, kernel: tf.Tensor, dilation: int) -> tf.Tensor:
    """Does what `valid_convolution` does by plain convolutions over every `dilation`-th row and column."""
    sizes = [known or size for known, size in zip(inputs.shape[1:3], tf.unstack(tf.shape(inputs)[1:3]), strict=True)]
    phases = [dilation if int(taps) > 1 else 1 for taps in kernel.shape[:2]]
    ends = [[0, -size % phase] for size, phase in zip(sizes, phases, strict=True)]  # what fills the last phase is cut off again
    outputs = tf.nn.conv2d(tf.space_to_batch(inputs, phases, ends), kernel, 1, "VALID")
    return tf.batch_to_space(outputs, phases, ends)


def valid_convolution(inputs: tf.Tensor, kernel: tf.Tensor, dilation: int) -> tf.Tensor:
    """Convolves without padding, in any number format, on any device.

    Args:
      inputs: (batch, height, width, inputs).
      kernel: (rows, columns, inputs, outputs) of the same number format.
      dilation: distance of the kernel's taps.

    Returns:
      outputs: (batch, height - (rows - 1) * dilation, width - (columns - 1) * dilation, outputs).
    """
    if dilation > 1 and not has_dilated_gradient(inputs.dtype):
        return phased_convolution(inputs, kernel, dilation)
    return tf.nn.conv2d(inputs, kernel, 1, "VALID", dilations=dilation)


@keras.saving.register_keras_serializable("tfgen")
class CausalConv2D(keras.layers.Layer):
    """A convolution in which position (i, j) sees only the rows above and, in its own row, what lies to the left.

    `y[i, j] = b + sum{ K[r, s] x[i - r * d, j + s * d] : r > 0 } + sum{ K[0, s] x[i, j + s * d] : s < 0 (or s = 0, mask B) }`

    Only the upper rows of the kernel are stored: a 3x3 kernel is held as 2x3, a third less arithmetic for the same numbers.
    At the position itself, mask "A" shows colour channel c the channels before c, mask "B" those up to c; feature
    maps are split into one consecutive group per channel. The mask acts in the forward pass, so it holds before any training.

    Args:
      filters: number of output maps, a multiple of `channels`.
      kernel_size: odd width and height of the kernel that the upper half is taken of.
      mask: "A" (the position itself is hidden) or "B" (it is visible).
      dilation: distance between taps, in pixels, at least 1.
      channels: number of colour channels that are ordered within a pixel.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import CausalConv2D
      >>> CausalConv2D(8, 7, mask="A")(tf.zeros((2, 5, 6, 1))).shape
      TensorShape([2, 5, 6, 8])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(
        self, filters: int, kernel_size: int = 3, *, mask: str = "B", dilation: int = 1, channels: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels = checks.integer(channels, "channels", least=1)
        self.filters = check_multiple(filters, "filters", self.channels)
        self.kernel_size = check_odd(kernel_size, "kernel_size")
        self.mask = checks.one_of(mask, "mask", ("A", "B"))
        self.dilation = checks.integer(dilation, "dilation", least=1)

    @property
    def reach(self) -> int:
        """How many taps lie on each side of the centre, and above it."""
        return self.kernel_size // 2

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        inputs = int(input_shape[-1])  # type: ignore[arg-type]
        self._kernel_mask = self._make_mask(inputs)
        ones = np.ones((self.reach + 1, self.kernel_size, inputs, 1), np.float32)
        visible = max(int((self._kernel_mask[..., -1:] * ones).sum()), 1)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.reach + 1, self.kernel_size, inputs, self.filters),
            # fan-in counts the visible taps only: hidden ones carry no signal
            initializer=keras.initializers.RandomUniform(-np.sqrt(3.0 / visible), np.sqrt(3.0 / visible)),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def _make_mask(self, inputs: int) -> np.ndarray:
        taps = np.ones((self.reach + 1, self.kernel_size, 1, 1), np.float32)
        taps[-1, self.reach + 1 :] = 0.0
        if self.channels == 1:  # one number per tap keeps graphs small
            taps[-1, self.reach] = self.mask == "B"
            return taps
        mask = np.tile(taps, (1, 1, inputs, self.filters))
        source = channel_groups(inputs, self.channels)[:, None]
        target = channel_groups(self.filters, self.channels)[None, :]
        mask[-1, self.reach] = source < target if self.mask == "A" else source <= target
        return mask

    def masked_kernel(self, dtype: Any = None) -> tf.Tensor:
        """Returns the kernel with its hidden taps at zero: `(rows, kernel_size, inputs, filters)`.

        Args:
          dtype: the number format wanted; None keeps the weight's.

        Returns:
          kernel: the last row is the position's own row, the centre column its own column.
        """
        kernel = tf.convert_to_tensor(self.kernel)
        kernel = kernel if dtype is None else tf.cast(kernel, dtype)
        return kernel if self._kernel_mask.all() else kernel * tf.constant(self._kernel_mask, kernel.dtype)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        pad = self.reach * self.dilation
        if pad:  # explicit padding inside the convolution has a gradient 40 times slower than padding first
            inputs = tf.pad(inputs, [[0, 0], [pad, 0], [pad, pad], [0, 0]])
        outputs = valid_convolution(inputs, self.masked_kernel(inputs.dtype), self.dilation)
        # a broadcast addition: the gradient of `bias_add` is summed in bfloat16, which stops growing at 256 terms
        return outputs + tf.cast(self.bias, outputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    # ---- one position at a time: float32, time-major (width, batch, channels) rows ----

    def initial_state(self, batch: tf.Tensor, width: int) -> State:
        """Makes the cache for an empty image; a kernel of one pixel needs none.

        Args:
          batch: number of rows of the batch, a scalar.
          width: width of the image, in pixels.

        Returns:
          state: `rows` holds the inputs of the rows above that the kernel reaches, with zeros beside them, `left` those of the
            current row.
        """
        if self.kernel_size == 1:
            return {}
        pad, inputs = self.reach * self.dilation, self.kernel.shape[2]
        rows = [tf.zeros((width + 2 * pad, batch, inputs))] * pad
        return {"rows": rows, "left": self._new_row(batch, width), "above": tf.zeros((width, batch, self.filters))}

    def _new_row(self, batch: tf.Tensor, width: int) -> tf.TensorArray:
        # with zeros beside the image, a step reads without a branch
        inputs = self.kernel.shape[2]
        return padded_row((batch, inputs), width, self.reach * self.dilation, (None, inputs))

    def start_row(self, state: State) -> State:
        """Computes what all rows above contribute to the whole row that begins, in one matrix product.

        Args:
          state: the cache; `rows` must end with the row just above.

        Returns:
          state: the cache with `above`: (width, batch, filters), bias included.
        """
        if self.kernel_size == 1:
            return state
        width, batch = int(state["above"].shape[0]), tf.shape(state["above"])[1]
        above = row_product(state["rows"][:: self.dilation], self.masked_kernel(tf.float32)[:-1], self.dilation)
        return {**state, "above": above + self.bias, "left": self._new_row(batch, width)}

    def end_row(self, state: State) -> State:
        """Moves the finished row into the cache of rows above.

        Args:
          state: the cache after the last position of a row.

        Returns:
          state: the cache, ready for `start_row`.
        """
        if self.kernel_size == 1:
            return state
        return {**state, "rows": [*state["rows"][1:], state["left"].stack()]}

    def step_kernel(self) -> tf.Tensor:
        """Lays out the visible taps of the position's own row, left to right.

        Returns:
          kernel: (visible taps * inputs, filters) float32.
        """
        kernel = self.masked_kernel(tf.float32)[-1]
        visible = self.reach + (self.mask == "B" or self.channels > 1)
        return tf.reshape(kernel[:visible], (-1, self.filters))

    def step_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what a layer of one pixel needs, for `matmul(x, kernel) - negative`.

        A sum would be fused with the product into an operation that takes four times as long at the size of one pixel.

        Returns:
          kernel: that of `step_kernel`.
          negative: (filters,), the negated bias.
        """
        return self.step_kernel(), -tf.convert_to_tensor(self.bias)

    def step(self, x: tf.Tensor, state: State, column: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, State]:
        """Computes one position from the cache.

        Args:
          x: (batch, inputs) float32, the input at this position.
          state: the cache of the current row.
          column: the position's column, a scalar.
          kernel: what `step_kernel` returned, computed once outside the loop.

        Returns:
          y: (batch, filters) float32.
          state: the cache with `x` written at this column.
        """
        if self.kernel_size == 1:
            return tf.matmul(x, kernel) + self.bias, state
        reach, dilation = self.reach, self.dilation
        taps = [state["left"].read(column + tap * dilation) for tap in range(reach)]
        state = self.write(x, state, column)
        if self.mask == "B" or self.channels > 1:
            taps.append(x)
        outputs = tf.matmul(tf.concat(taps, -1) if len(taps) > 1 else taps[0], kernel)
        return outputs + state["above"][column], state

    def write(self, x: tf.Tensor, state: State, column: tf.Tensor) -> State:
        """Writes an input into the cache of the current row, over what stood there.

        Args:
          x: (batch, inputs) float32.
          state: the cache of the current row.
          column: the position's column, a scalar.

        Returns:
          state: the cache with `x` at this column.
        """
        return {**state, "left": state["left"].write(column + self.reach * self.dilation, x)}

    def get_config(self) -> dict[str, Any]:
        names = ("filters", "kernel_size", "mask", "dilation", "channels")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
