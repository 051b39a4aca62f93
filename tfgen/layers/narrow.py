"""A convolution to very few channels that is fast on a CPU.

An image generator ends in a convolution to very few channels, for which CPU libraries have no good kernel: a 7x7
convolution from 128 channels to one can take three quarters of a training step for a tenth of its arithmetic.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen.layers.exact_bias import ExactConv2D

__all__ = ["NarrowConv2D"]

# With more output channels the ordinary convolution is as fast (measured: 1x1 to 7x7 kernels, 64 and 128 channels in).
_MAX_NARROW_FILTERS = 2


@keras.saving.register_keras_serializable("tfgen")
class NarrowConv2D(ExactConv2D):
    """`keras.layers.Conv2D` of stride 1 for one or two output channels: same weights, same result, faster on a CPU.

    `y[i, j] = sum_ab x[i + a, j + b] @ kernel[a, b]` becomes one matrix product from the input channels to all taps at once,
    then shifted additions. The gradient is the reverse: shifted copies of the output's gradient, then two matrix products. It
    is written by hand and can itself be differentiated, any number of times. With more than two filters, or where TensorFlow
    sees a GPU, the layer computes the ordinary convolution.

    Args:
      filters: number of output channels, positive.
      kernel_size: side of the kernel, or (rows, columns).
      **kwargs: other arguments of `keras.layers.Conv2D`; strides and dilation must be 1, groups 1, padding "same" (the default
        here) and the data format "channels_last".

    Raises:
      ValueError: `kwargs` ask for strides, dilation, groups, padding or a data format that the layer does not compute.

    Example:
      >>> import tensorflow as tf
      >>> NarrowConv2D(1, 7)(tf.zeros([2, 28, 28, 128])).shape
      TensorShape([2, 28, 28, 1])
    """

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any) -> None:
        kwargs.setdefault("padding", "same")
        kwargs.setdefault("data_format", "channels_last")
        super().__init__(filters, kernel_size, **kwargs)
        expected = {"strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "padding": "same", "data_format": "channels_last"}
        received = {key: getattr(self, key) for key in expected}
        for key, value in expected.items():
            if received[key] != value:
                raise ValueError(
                    f"Expected `{key}={value!r}` in NarrowConv2D. Received: {key}={received[key]!r}. "
                    "Use keras.layers.Conv2D, whose weights are the same."
                )

    def convolution_op(self, inputs: tf.Tensor, kernel: Any) -> Any:
        """Convolves as the product where that is faster; `keras.layers.Conv2D` calls it."""
        if self.filters > _MAX_NARROW_FILTERS or tf.config.list_physical_devices("GPU"):
            return super().convolution_op(inputs, kernel)
        return _convolve(inputs, tf.convert_to_tensor(kernel))


@tf.custom_gradient
def _convolve(inputs: Any, kernel: Any) -> tuple[Any, Any]:
    """Convolves with padding "same"; linear in both arguments, and so are `_gradients`, which makes the pair closed."""
    rows, columns, channels, filters = kernel.shape
    _, height, width, _ = _sizes(inputs)
    weights = tf.reshape(tf.transpose(kernel, [0, 1, 3, 2]), [rows * columns * filters, channels])
    # (rows, columns * filters, batch, height, width): taps first, so that each shifted addition reads contiguous memory.
    taps = tf.matmul(weights, tf.reshape(inputs, [-1, channels]), transpose_b=True)
    taps = tf.reshape(taps, [rows, columns * filters, -1, height, width])
    taps = tf.pad(taps, [[0, 0], [0, 0], [0, 0], [(rows - 1) // 2, rows // 2], [0, 0]])
    sums = tf.add_n([taps[row, :, :, row : row + height] for row in range(rows)])
    # Half precision would lose the small terms of a long sum.
    sums = tf.cast(
        tf.reshape(sums, [columns, filters, -1, height, width]), tf.float32 if inputs.dtype.size < 4 else inputs.dtype
    )
    sums = tf.pad(sums, [[0, 0], [0, 0], [0, 0], [0, 0], [(columns - 1) // 2, columns // 2]])
    sums = tf.add_n([sums[column, :, :, :, column : column + width] for column in range(columns)])
    outputs = tf.cast(tf.transpose(sums, [1, 2, 3, 0]), inputs.dtype)  # (batch, height, width, filters)
    return outputs, lambda upstream: _gradients(inputs, kernel, upstream)


@tf.custom_gradient
def _gradients(inputs: Any, kernel: Any, upstream: Any) -> tuple[tuple[Any, Any], Any]:
    """Gradients of `sum(_convolve(inputs, kernel) * upstream)` for inputs and kernel, themselves differentiable."""
    rows, columns, channels, filters = kernel.shape
    patches = _patches(upstream, rows, columns)
    weights = tf.reshape(tf.transpose(kernel, [0, 1, 3, 2]), [rows * columns * filters, channels])
    for_inputs = tf.reshape(tf.matmul(patches, weights, transpose_a=True), tf.shape(inputs))
    for_inputs.set_shape(inputs.shape)
    for_kernel = tf.reshape(tf.matmul(patches, tf.reshape(inputs, [-1, channels])), [rows, columns, filters, channels])

    def second_order(towards_inputs: Any, towards_kernel: Any) -> tuple[Any, Any, Any]:
        # for_inputs is linear in (kernel, upstream), for_kernel in (inputs, upstream): the same pair, arguments exchanged.
        to_inputs, to_kernel = _gradients(towards_inputs, towards_kernel, upstream)
        return to_inputs, to_kernel, _convolve(towards_inputs, kernel) + _convolve(inputs, towards_kernel)

    return (for_inputs, tf.transpose(for_kernel, [0, 1, 3, 2])), second_order


def _patches(upstream: Any, rows: int, columns: int) -> Any:
    """Stacks the shifted copies of an output's gradient: one row a tap and filter, one column a pixel."""
    _, height, width, filters = _sizes(upstream)
    planes = tf.transpose(upstream, [3, 0, 1, 2])
    planes = tf.pad(planes, [[0, 0], [0, 0], [rows // 2, (rows - 1) // 2], [columns // 2, (columns - 1) // 2]])
    # Tap (row, column) adds its product to the output `row - (rows - 1) // 2` above, so its copy is shifted the other way.
    shifted = tf.stack([planes[:, :, :, columns - 1 - column : columns - 1 - column + width] for column in range(columns)])
    shifted = tf.stack([shifted[:, :, :, rows - 1 - row : rows - 1 - row + height] for row in range(rows)])
    return tf.reshape(shifted, [rows * columns * filters, -1])  # (rows, columns, filters) by (batch, height, width)


def _sizes(tensor: Any) -> Any:
    """Lists the sizes of a tensor: integers where they are known, scalars of the graph elsewhere."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
