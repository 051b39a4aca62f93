"""The fixed draw is the published one."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.data.test_binary import uniform
from tfgen.data import FIXED_SHA256, arrays, fixed_binarized
from tfgen.random import row_seeds


@pytest.mark.parametrize("name", ["fashion_mnist", "fashion_mnist_small"])
def test_the_fixed_draw_is_the_published_one(name):
    drawn = fixed_binarized(name=name)
    images, _ = arrays(name, "test")
    assert drawn.shape == images.shape and drawn.dtype == np.uint8
    assert hashlib.sha256(drawn.tobytes()).hexdigest() == FIXED_SHA256[name, "test"]
    assert (drawn[images == 0] == 0).all() and (drawn[images == 255] == 1).all()
    row = len(images) - 1
    seed = int(row_seeds(0, len(images))[row])
    expected = [uniform(seed, pixel) < np.float32(v) / np.float32(255) for pixel, v in enumerate(images[row].ravel())]
    np.testing.assert_array_equal(drawn[row].ravel(), np.array(expected, np.uint8))
