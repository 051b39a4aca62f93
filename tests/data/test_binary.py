"""Binary images: the draw follows its formula, and its probability is the intensity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import binarize
from tfgen.data.binary import draw_fixed
from tfgen.random import row_seeds

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(value):
    value &= MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def uniform(seed, pixel):
    """The documented formula, in plain integers."""
    return (mix(mix(seed + GAMMA) + (pixel + 1) * GAMMA) >> 40) * 2.0**-24 + 2.0**-25


def test_a_pixel_is_one_where_its_uniform_lies_below_its_intensity():
    intensities = np.random.default_rng(0).random((3, 4, 5, 1)).astype(np.float32)
    seeds = [0, 12345, 2**53 - 1]
    expected = [
        [uniform(seed, pixel) < p for pixel, p in enumerate(row.ravel())] for seed, row in zip(seeds, intensities, strict=True)
    ]
    np.testing.assert_array_equal(binarize(intensities, seeds).numpy().reshape(3, 20), np.array(expected, np.float32))


def test_a_row_depends_on_its_own_seed_alone():
    images = np.random.default_rng(1).random((5, 8, 8, 1)).astype(np.float32)
    seeds = row_seeds(3, 5)
    whole = binarize(images, seeds).numpy()
    np.testing.assert_array_equal(binarize(images[3:4], seeds[3:4]).numpy(), whole[3:4])


def test_eager_graph_and_xla_draw_the_same():
    images = tf.constant(np.random.default_rng(2).random((4, 6, 6, 1)), tf.float32)
    seeds = tf.constant(row_seeds(0, 4))
    eager = binarize(images, seeds).numpy()
    for jit in (False, True):
        np.testing.assert_array_equal(tf.function(binarize, jit_compile=jit)(images, seeds).numpy(), eager)


def test_the_mean_is_the_intensity():
    levels = np.array([0.0, 0.02, 0.25, 0.5, 0.9, 1.0], np.float32)
    n = 40_000
    drawn = binarize(np.tile(levels, (n, 1)), row_seeds(0, n)).numpy()
    error = np.sqrt(levels * (1 - levels) / n)
    assert (np.abs(drawn.mean(0) - levels) <= 4.5 * error).all()
    assert set(np.unique(drawn)) == {0.0, 1.0}


def test_bytes_are_divided_by_255():
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    seeds = row_seeds(0, 4)
    np.testing.assert_array_equal(binarize(images, seeds), binarize(images.astype(np.float32) / 255, seeds))


def test_chunks_do_not_show():
    images = np.random.default_rng(3).integers(0, 256, (2003, 2, 2, 1), np.uint8)
    seeds = row_seeds(0, 2003)
    np.testing.assert_array_equal(draw_fixed(images, seeds), binarize(images, seeds).numpy().astype(np.uint8))


def test_whole_numbers_other_than_bytes_are_refused():
    with pytest.raises(TypeError, match=r"floats in \[0, 1\] or as uint8. Received: images.dtype=int64"):
        binarize(np.zeros((2, 3), np.int64), [0, 1])


def test_one_seed_per_image():
    with pytest.raises(ValueError, match="Expected one seed per image"):
        binarize(np.zeros((2, 3), np.float32), [0])
