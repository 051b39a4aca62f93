"""Rows of an image that is drawn pixel by pixel: against TensorFlow's own convolution."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.rows import padded_row, row_product

WIDTH, BATCH, INPUTS, FILTERS = 5, 3, 4, 6


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def convolved(rows: np.ndarray, kernel: np.ndarray, dilation: int) -> np.ndarray:
    """The same sum by TensorFlow: rows (rows, width, batch, inputs), as many as the kernel has."""
    images = np.moveaxis(rows, 2, 0)
    return np.moveaxis(tf.nn.conv2d(images, kernel, 1, "VALID", dilations=(1, dilation)).numpy()[:, 0], 1, 0)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("count, size", [(1, 3), (3, 5), (2, 1)])
@pytest.mark.parametrize("inputs", [1, 4, 9])
def test_a_row_is_convolved(count, size, dilation, inputs):
    rows = random(count, WIDTH + (size - 1) * dilation, BATCH, inputs)
    kernel = random(count, size, inputs, FILTERS)
    found = row_product(list(rows), kernel, dilation)
    assert found.shape == (WIDTH, BATCH, FILTERS)
    np.testing.assert_allclose(found, convolved(rows, kernel, dilation), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2, 5])  # of one alone, TensorFlow's own product of batches writes beyond its memory
def test_each_block_has_its_kernel(blocks):
    rows, kernel = random(2, WIDTH + 4, blocks, BATCH, INPUTS), random(blocks, 2, 3, INPUTS, FILTERS)
    for _ in range(20):
        found = row_product(list(rows), kernel, 2)
    expected = [convolved(rows[:, :, block], kernel[block], 2) for block in range(blocks)]
    np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-4, atol=1e-5)


def test_a_row_has_zeros_on_both_sides_of_what_is_written():
    row, values = padded_row((BATCH, INPUTS), WIDTH, 2, (None, INPUTS)), random(WIDTH, BATCH, INPUTS)
    for column in range(WIDTH):
        row = row.write(column + 2, values[column])
    np.testing.assert_array_equal(row.stack(), np.pad(values, [(2, 2), (0, 0), (0, 0)]))
