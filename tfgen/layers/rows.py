"""Rows of an image that is drawn pixel by pixel: time-major, (width, ..., batch, features), with zeros on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

__all__ = ["padded_row", "row_product"]

_FEW = 8  # inputs: a pixel's colours, not feature maps


def padded_row(shape: Sequence[Any], width: int, pad: int, element_shape: Sequence[int | None]) -> tf.TensorArray:
    """Makes room for a row that is written column by column: column j stands at `j + pad`, zeros lie left and right of the image.

    Args:
      shape: shape of one column, tensors allowed.
      width: columns of the image.
      pad: columns of zeros on each side.
      element_shape: `shape` as far as it is static.

    Returns:
      row: `stack()` of it is the whole row, (width + 2 * pad, *shape) float32.

    Example:
      >>> from tfgen.layers.rows import padded_row
      >>> padded_row((3,), 0, 2, (3,)).stack().shape
      TensorShape([4, 3])
    """
    row = tf.TensorArray(tf.float32, size=width + 2 * pad, element_shape=tuple(element_shape), clear_after_read=False)
    zeros = tf.zeros(shape)
    for position in (*range(pad), *range(width + pad, width + 2 * pad)):
        row = row.write(position, zeros)
    return row


def row_product(rows: Sequence[tf.Tensor], kernel: tf.Tensor, dilation: int) -> tf.Tensor:
    """Convolves one row with the rows that a kernel sees, `y[j] = sum{ K[r, s] rows[r][j + s * d] : r, s }`, at once.

    Args:
      rows: the rows, the top one first, each (width + (kernel_size - 1) * dilation, ..., batch, inputs).
      kernel: (..., rows, kernel_size, inputs, filters).
      dilation: distance of the kernel's columns, in pixels.

    Returns:
      y: (width, ..., batch, filters).

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers.rows import row_product
      >>> row_product([tf.ones((6, 2, 4))], tf.ones((1, 3, 4, 5)), 1).shape
      TensorShape([4, 2, 5])
    """
    size, inputs, filters = map(int, kernel.shape[-3:])
    width = int(rows[0].shape[0]) - (size - 1) * dilation
    if inputs < _FEW and len(kernel.shape) == 4:  # to lay out columns of single numbers takes longer than the product
        images = tf.transpose(tf.stack(rows), (2, 0, 1, 3))
        return tf.transpose(tf.nn.conv2d(images, kernel, 1, "VALID", dilations=(1, dilation))[:, 0], (1, 0, 2))
    # parts of the first axis are not copied
    taps = [row[s * dilation : s * dilation + width] for row in rows for s in range(size)]
    columns, flat = tf.concat(taps, -1), tf.reshape(kernel, (-1, len(rows) * size * inputs, filters))
    # TensorFlow 2.21 writes beyond its memory where a product of batches is broadcast over a batch of one
    return tf.tensordot(columns, flat[0], 1) if flat.shape[0] == 1 else tf.matmul(columns, flat)
