"""The cell of a long short-term memory, and its scan over many positions at once, with a gradient written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

__all__ = ["lstm_cell", "lstm_scan"]


def lstm_cell(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes one step of a cell: `c' = sigmoid(f) * c + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c')`.

    Args:
      gates: (..., 4 * filters), the sums i, f, o and g before their activations, in this order.
      cell: (..., filters), c.

    Returns:
      hidden: (..., filters), h.
      cell: (..., filters), c'.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import lstm_cell
      >>> hidden, cell = lstm_cell(tf.zeros((2, 12)), tf.ones((2, 3)))
      >>> cell.shape
      TensorShape([2, 3])

    Reference: Hochreiter, Schmidhuber, 1997, Long short-term memory, Neural Computation 9.
    """
    i, f, o, g = _activated(gates)
    cell = f * cell + i * g
    return o * tf.tanh(cell), cell


def lstm_scan(inputs: tf.Tensor, kernel: tf.Tensor, *, offsets: Sequence[int] = (0,), valid: Any = None) -> tf.Tensor:
    """Runs cells at all positions of a line, step by step; a cell reads its neighbours' hidden states of the step before.

    `gates[t, p] = inputs[t, p] + sum{ h[t - 1, p + s] @ K[s] : s in offsets }`, zero outside of the line and before the first
    step; `c` comes from the same position. The loop has `steps` rounds; products with the inputs belong before it. In its
    gradient the gates, and the gradient of the kernel, are products over all steps at once, and only the sums over time loop.
    Activations and cells are float32, products and the result in the format of the inputs. There is no second derivative.

    Args:
      inputs: (steps, scans, positions, batch, 4 * filters), the inputs' part of the gates in the order i, f, o, g.
      kernel: (scans, len(offsets) * filters, 4 * filters), one for each independent scan.
      offsets: neighbours that a position reads, each -1, 0 or 1.
      valid: (steps, scans, positions), 1 where a position takes part, 0 where its states stay zero; None for all.

    Returns:
      hidden: (steps, scans, positions, batch, filters).

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import lstm_scan
      >>> lstm_scan(tf.zeros((5, 1, 4, 2, 12)), tf.zeros((1, 9, 12)), offsets=(-1, 0, 1)).shape
      TensorShape([5, 1, 4, 2, 3])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """
    mask = None if valid is None else tf.cast(valid, tf.float32)[..., None, None]

    @tf.custom_gradient
    def scan(inputs: Any, kernel: Any) -> Any:
        hidden, cells = _forward(inputs, kernel, offsets, mask)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return _backward(inputs, kernel, offsets, mask, hidden, cells, upstream)

        return hidden, gradient

    return scan(inputs, kernel)


def _activated(gates: Any) -> tuple[Any, Any, Any, Any]:
    filters = int(gates.shape[-1]) // 4
    i, f, o = tf.split(tf.sigmoid(gates[..., : 3 * filters]), 3, axis=-1)
    return i, f, o, tf.tanh(gates[..., 3 * filters :])


def _neighbours(hidden: Any, offsets: Sequence[int], sign: int = 1) -> list[Any]:
    """Moves (..., positions, batch, filters) so that each position holds what its neighbour at every offset had."""
    before = [[0, 0]] * (len(hidden.shape) - 3)
    moved = {
        0: lambda: hidden,
        -1: lambda: tf.pad(hidden[..., :-1, :, :], [*before, [1, 0], [0, 0], [0, 0]]),
        1: lambda: tf.pad(hidden[..., 1:, :, :], [*before, [0, 1], [0, 0], [0, 0]]),
    }
    return [moved[sign * offset]() for offset in offsets]


def _product(x: Any, kernel: Any) -> Any:
    """Multiplies (..., scans, positions, batch, a) by (scans, a, b), all positions and rows in one product a scan."""
    flat = tf.reshape(x, (*x.shape[:-3], -1, x.shape[-1]))
    if kernel.shape[0] == 1:
        product = tf.matmul(tf.reshape(flat, (-1, x.shape[-1])), kernel[0])
    else:
        product = tf.matmul(flat, kernel)
    return tf.reshape(product, (*x.shape[:-2], -1, kernel.shape[-1]))


def _forward(inputs: Any, kernel: Any, offsets: Sequence[int], mask: Any) -> tuple[Any, Any]:
    steps, scans, positions, _, wide = inputs.shape
    shape = (scans, positions, tf.shape(inputs)[3], wide // 4)
    static = (scans, positions, inputs.shape[3], wide // 4)

    def body(step: Any, hidden: Any, cell: Any, hiddens: Any, cells: Any) -> tuple[Any, ...]:
        gates = inputs[step] + _product(tf.concat(_neighbours(hidden, offsets), -1), kernel)
        new, cell = lstm_cell(tf.cast(gates, tf.float32), cell)
        if mask is not None:  # a cell at zero has a hidden state of zero
            cell, new = cell * mask[step], new * mask[step]
        hidden = tf.cast(new, inputs.dtype)
        return step + 1, hidden, cell, hiddens.write(step, hidden), cells.write(step, cell)

    arrays = [tf.TensorArray(dtype, size=steps, element_shape=static) for dtype in (inputs.dtype, tf.float32)]
    start = (tf.constant(0), tf.zeros(shape, inputs.dtype), tf.zeros(shape), *arrays)
    found = tf.while_loop(lambda step, *_: step < steps, body, start, maximum_iterations=steps)
    return found[3].stack(), found[4].stack()


def _backward(
    inputs: Any, kernel: Any, offsets: Sequence[int], mask: Any, hidden: Any, cells: Any, upstream: Any
) -> tuple[Any, Any]:
    steps, scans, positions, _, wide = inputs.shape
    dtype, static = inputs.dtype, (scans, positions, inputs.shape[3], wide)
    before = tf.concat(_neighbours(tf.pad(hidden[:-1], [[1, 0], *[[0, 0]] * 4]), offsets), -1)
    gates = tf.cast(inputs + _product(before, kernel), tf.float32)
    slopes, through, keep = _slopes(gates, cells, mask)
    transposed = tf.transpose(kernel, (0, 2, 1))

    def body(step: Any, towards_hidden: Any, towards_cell: Any, found: Any) -> tuple[Any, ...]:
        towards_hidden = tf.cast(upstream[step], tf.float32) + towards_hidden
        towards_cell = towards_cell + towards_hidden * through[step]
        both = tf.concat([towards_cell, towards_cell, towards_hidden, towards_cell], -1) * slopes[step]
        both = tf.cast(both, dtype)
        back = tf.split(_product(both, transposed), len(offsets), axis=-1)
        moved = [_neighbours(part, (offset,), -1)[0] for part, offset in zip(back, offsets, strict=True)]
        return step - 1, tf.cast(tf.add_n(moved), tf.float32), towards_cell * keep[step], found.write(step, both)

    zeros = tf.zeros((scans, positions, tf.shape(inputs)[3], wide // 4))
    start = (tf.constant(steps - 1), zeros, zeros, tf.TensorArray(dtype, size=steps, element_shape=static))
    towards = tf.while_loop(lambda step, *_: step >= 0, body, start, maximum_iterations=steps)[3].stack()
    return towards, _towards_kernel(before, towards)


def _slopes(gates: Any, cells: Any, mask: Any) -> tuple[Any, Any, Any]:
    """Returns the derivatives of a step: of its gates' activations in their order, of h by c', and of c' by c."""
    i, f, o, g = _activated(gates)
    before = tf.pad(cells[:-1], [[1, 0], *[[0, 0]] * 4])
    tanh = tf.tanh(cells)
    slopes = tf.concat([g * i * (1.0 - i), before * f * (1.0 - f), tanh * o * (1.0 - o), i * (1.0 - g * g)], -1)
    through = o * (1.0 - tanh * tanh)
    return (slopes, through, f) if mask is None else (slopes * mask, through, f * mask)


def _towards_kernel(before: Any, towards: Any) -> Any:
    """Sums the products of what the gates read and their gradient over steps, positions and rows, for each scan."""
    sums = []
    for scan in range(before.shape[1]):
        x, y = (tf.reshape(t[:, scan], (-1, t.shape[-1])) for t in (before, towards))
        sums.append(tf.matmul(x, y, transpose_a=True))
    return tf.stack(sums)
