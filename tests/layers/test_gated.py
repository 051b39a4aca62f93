"""The gated block against its formula in float64, and dropout by row seeds."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from tfgen.layers import GatedBlock, RowDropout


def by_loops(block: GatedBlock, v: np.ndarray, h: np.ndarray, label: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """The formula of the class's docstring, tap by tap."""
    kernels = {name: np.asarray(kernel, np.float64) for name, kernel in block.kernels("float32").items()}
    batch, height, width, _ = v.shape
    a = np.zeros((batch, height, width, 2 * block.filters)) + np.asarray(block.vertical_bias)
    m = np.zeros_like(a) + np.asarray(block.bias)
    rows = kernels["vertical"].shape[0]
    for row, column in itertools.product(range(height), range(width)):
        for r, s in itertools.product(range(rows), range(block.kernel_size)):
            up = (rows - 1 - r) * block.dilation + block.first
            source = row - up, column + (s - block.reach) * block.dilation
            if source[0] >= 0 and 0 <= source[1] < width:
                a[:, row, column] += v[:, source[0], source[1]] @ kernels["vertical"][r, s]
        for s in range(kernels["left"].shape[0]):
            source = column + (s - block.reach) * block.dilation
            if source >= 0:
                m[:, row, column] += h[:, row, source] @ kernels["left"][s]
    m += a @ kernels["across"]
    above = beside = 0.0
    if label is not None:
        above, beside = np.split(np.asarray(block.classes, np.float64)[label][:, None, None], 2, axis=-1)

    def gated(x: np.ndarray) -> np.ndarray:
        features, gates = np.split(x, 2, axis=-1)
        return np.tanh(features) / (1.0 + np.exp(-gates))

    m = gated(m + beside)
    return gated(a + above), m @ kernels["out"] + (0.0 if block.first else h), m


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 5, "place": "first"},
        {"dilation": 2},
        {"num_classes": 3},
        {"groups": 2, "filters": 4},
        {"groups": 2, "filters": 4, "place": "first", "num_classes": 2},
    ],
)
def test_the_formula(arguments: dict) -> None:
    block = GatedBlock(**{"filters": 3, "skip": 6, **arguments})
    inputs = 2 if block.first else block.filters
    block.build((None, None, None, inputs))
    noise = np.random.default_rng(0)
    for variable in block.trainable_variables:
        variable.assign(noise.normal(0.0, 0.5, variable.shape))
    v, h = noise.normal(size=(2, 3, 4, 5, inputs))
    label = np.array([1, 0, 1]) if block.num_classes else None
    found = block((tf.constant(v, tf.float32), tf.constant(h, tf.float32)), label=None if label is None else tf.constant(label))
    for ours, theirs in zip(found, by_loops(block, v, h, label), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_ordered_channels_see_their_own_and_earlier_groups() -> None:
    for place, sees_own in (("first", False), ("middle", True)):
        block = GatedBlock(6, skip=3, groups=3, place=place)
        block.build((None, None, None, 3))
        kernels = block.kernels("float32")
        own = kernels["left"].numpy()[-1] != 0
        halves = np.tile(np.arange(6) // 2, 2)  # a feature and its gate belong to the same channel
        wanted = np.arange(3)[:, None] <= halves if sees_own else np.arange(3)[:, None] < halves
        np.testing.assert_array_equal(own, wanted)
        np.testing.assert_array_equal(kernels["out"].numpy() != 0, np.arange(6)[:, None] // 2 <= np.arange(6) // 2)
        assert kernels["vertical"].numpy().all() and kernels["across"].numpy().all() and kernels["left"].numpy()[:-1].all()


def test_config_comes_back() -> None:
    block = GatedBlock(4, skip=8, kernel_size=5, dilation=2, place="last", dropout=0.25, groups=2, num_classes=3)
    assert GatedBlock.from_config(block.get_config()).get_config() == block.get_config()
    x = tf.zeros((1, 3, 3, 4))
    v, h, m = block((x, x), label=tf.constant([0]))
    assert v is None and h is None and m.shape == (1, 3, 3, 4)


@pytest.mark.parametrize(
    "arguments", [{"kernel_size": 4}, {"kernel_size": 1}, {"dilation": 0}, {"place": "end"}, {"groups": 2}, {"skip": 0}]
)
def test_bad_arguments_are_named(arguments: dict) -> None:
    with pytest.raises(ValueError, match="Received"):
        GatedBlock(**{"filters": 3, "skip": 4, **arguments})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    seeds, ones = tf.constant(random.row_seeds(0, 50)), tf.ones((50, 7, 9, 5))
    y = RowDropout(rate)(ones, seeds=seeds).numpy()
    share = round(256 * rate) / 256
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(256 / (256 - round(256 * rate)))}
    assert (y == 0).mean() == pytest.approx(share, abs=5 * np.sqrt(share / y.size))
    assert y.mean() == pytest.approx(1.0, abs=0.05)
    np.testing.assert_array_equal(RowDropout(rate)(ones[:3], seeds=seeds[:3]), y[:3])
    assert (RowDropout(rate, stream=1)(ones, seeds=seeds).numpy() != y).any()
    assert len({row.tobytes() for row in y}) == 50
    np.testing.assert_array_equal(RowDropout(rate)(ones), ones)


def test_dropout_refuses_rates_out_of_range() -> None:
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match="Received"):
            RowDropout(rate)
    layer = RowDropout(0.25, stream=3)
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer)).get_config() == layer.get_config()
