"""PixelRNN: what it sees, by gradients; sums to one; caches equal one pass per pixel, for both cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import Categorical, DiscretizedLogisticMixture
from tfgen.models.autoregressive import raster

from .small import all_images, by_steps, draw, images, moved_by_training, pixelcnn, randomise, trained_on, untouched

CELLS = ("row_lstm", "diagonal_bilstm")
Settings = dict[str, tuple[tuple[int, int, int], dict[str, Any]]]


def rnn(cell: str, shape: tuple[int, int, int], build: Any = pixelcnn, **arguments: Any) -> tfgen.PixelRNN:
    return build(shape, **{"system": tfgen.PixelRNN, "cell": cell, "filters": 4, "blocks": 2, **arguments})


# ---- what a position sees ----

FIELDS: Settings = {
    "grey": ((5, 7, 1), {"blocks": 1}),
    "colour": ((3, 4, 3), {"likelihood": Categorical(3)}),
    "two channels": ((4, 3, 2), {"filters": 6}),  # with fewer, ReLUs of the head are dead as they are built
    "coupled colour": ((3, 3, 3), {"blocks": 1, "likelihood": DiscretizedLogisticMixture(2, levels=4)}),
    "wide kernel, upright": ((6, 4, 1), {"kernel_size": 5, "blocks": 1}),
}


def row_field(model: tfgen.PixelRNN) -> np.ndarray:
    """Follows the Row LSTM's arrows from position to position: (height, width, height, width)."""
    height, width, _ = model.event_shape
    reach = model.network.first.reach
    seen = np.zeros((height, width, height, width), bool)
    for i, j in np.ndindex(height, width):  # the first convolution, mask A
        seen[i, j, max(i - reach, 0) : i, max(j - reach, 0) : j + reach + 1] = True
        seen[i, j, i, max(j - reach, 0) : j] = True
    for _ in range(model.blocks):
        hidden = np.zeros_like(seen)
        for i, j in np.ndindex(height, width):
            hidden[i, j] = seen[i, max(j - 1, 0) : j + 1].any(0)
            if i:
                hidden[i, j] |= hidden[i - 1, max(j - 1, 0) : j + 2].any(0)
        seen = seen | hidden
    return seen


def field(model: tfgen.PixelRNN) -> np.ndarray:
    """(positions, positions): everything before for the Diagonal BiLSTM, no blind spot."""
    height, width, _ = model.event_shape
    size = height * width
    if model.cell == "row_lstm":
        return row_field(model).reshape(size, size)
    return np.tri(size, k=-1, dtype=bool)


def dependence(model: tfgen.PixelRNN) -> np.ndarray:
    """Which inputs each output depends on at any of several images: (positions, channels, positions, channels).

    Row k of a batch of copies asks for output k, so that one gradient is all of the Jacobian, as long as rows are independent.
    """
    height, width, channels = model.event_shape
    size, groups = height * width, 1 if model.likelihood.coupled else channels
    # several images, as the head's ReLUs that are dead at one are alive at another
    several = images(model.event_shape, 4, model.likelihood.levels)
    copies = tf.constant(np.tile(several, (size * groups, 1, 1, 1)))
    asked = np.repeat(np.eye(size * groups, dtype=np.float32), len(several), 0)
    with tf.GradientTape() as tape:
        tape.watch(copies)
        outputs = tf.reshape(model.network(copies), (len(asked), size * groups, -1))
        weights = tf.constant(np.random.default_rng(0).normal(size=outputs.shape[2]), tf.float32)
        value = tf.reduce_sum(tf.linalg.matvec(outputs, weights) * asked)
    slopes = tape.gradient(value, copies).numpy().reshape(size, groups, len(several), size, channels)
    return np.repeat((slopes != 0).any(2), channels // groups, 1)


def check(model: tfgen.PixelRNN) -> None:
    height, width, channels = model.event_shape
    expected = np.repeat(np.repeat(field(model)[:, None, :, None], channels, 1), channels, 3)
    for position in range(height * width):
        for channel in range(channels):
            expected[position, channel, position] = np.arange(channels) < (0 if model.likelihood.coupled else channel)
    np.testing.assert_array_equal(dependence(model), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_a_batch_are_independent(cell: str) -> None:
    model = rnn(cell, (4, 5, 3))
    x = tf.constant(images((4, 5, 3), 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = tf.reduce_sum(model.network(x)[0])
    slope = tape.gradient(first, x).numpy()
    assert slope[0].any() and not slope[1:].any()


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.in_turn(every=3)
def test_sees_what_comes_before_in_its_field_and_nothing_else(cell: str, name: str) -> None:
    """As built, with large weights, after training: zero to the future and all its channels, non-zero to each past pixel."""
    shape, arguments = FIELDS[name]
    model = rnn(cell, shape, untouched, **arguments)
    check(model)
    randomise(model.network)  # biases are zero as built, but for a gate's
    check(model)
    assert all(moved_by_training(model, 8))
    check(model)


def test_the_diagonal_cell_has_no_blind_spot_where_the_row_cell_has_one() -> None:
    row, diagonal = (dependence(rnn(cell, (4, 9, 1), blocks=1))[:, 0, :, 0].reshape(4, 9, 4, 9)[3, 1] for cell in CELLS)
    assert all(row[2 - k, 2 + k] and not row[2 - k, 3 + k :].any() for k in range(3))  # a triangle
    assert diagonal[:3].all() and diagonal[3, 0] and not diagonal[3, 1:].any()


# ---- a distribution ----

TINY: Settings = {
    "2x3 binary": ((2, 3, 1), {}),
    "3x2 binary": ((3, 2, 1), {"blocks": 1}),
    "1x2x3 of three levels": ((1, 2, 3), {"likelihood": Categorical(3)}),
    "2x1 of two channels": ((2, 1, 2), {"likelihood": Categorical(3)}),
    "2x1 mixture of three channels": ((2, 1, 3), {"likelihood": DiscretizedLogisticMixture(2, levels=3)}),
}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.in_turn(every=3)
def test_sums_to_one_and_steps_multiply_to_log_prob(cell: str, name: str) -> None:
    shape, arguments = TINY[name]
    model = rnn(cell, shape, **arguments)
    x = all_images(model)
    log_prob = model.log_prob(x).astype(np.float64)
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-4)
    assert log_prob.std() > 0.1  # and is not merely uniform
    np.testing.assert_allclose(by_steps(model, x), log_prob, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_each_class_sums_to_one_and_has_probabilities_of_its_own(cell: str) -> None:
    model = rnn(cell, (2, 3, 1), num_classes=3)
    x = all_images(model)
    each = [model.log_prob(x, label).astype(np.float64) for label in range(3)]
    assert [np.exp(log_prob).sum() for log_prob in each] == pytest.approx([1.0] * 3, abs=1e-4)
    assert np.abs(each[0] - each[1]).max() > 0.1 and np.abs(each[1] - each[2]).max() > 0.1
    mixed = np.arange(len(x)) % 3
    np.testing.assert_allclose(model.log_prob(x, mixed), np.choose(mixed, each), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_steps(model, x, label=tf.constant(mixed)), model.log_prob(x, mixed), rtol=1e-4)
    drawn = model.sample(seed=[1, 2, 3, 4], label=[0, 1, 2, 0])
    np.testing.assert_array_equal(model.sample(seed=[3, 1], label=[2, 0]), drawn[[2, 0]])


# ---- the sampler ----

SETTINGS: Settings = {
    "grey": ((6, 5, 1), {}),
    "colour": ((3, 5, 3), {}),
    "two channels": ((5, 3, 2), {"likelihood": Categorical(4)}),
    "one column": ((6, 1, 1), {"kernel_size": 5}),
    "one row": ((1, 6, 3), {}),
    "one pixel": ((1, 1, 3), {}),
    "uneven filters": ((3, 3, 2), {"filters": 5, "blocks": 3}),
    "mixture of colours": ((3, 4, 3), {"likelihood": DiscretizedLogisticMixture(3, levels=16)}),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.in_turn(every=4)
def test_cached_equals_naive(cell: str, name: str) -> None:
    shape, arguments = SETTINGS[name]
    model = rnn(cell, shape, **arguments)
    x = images(shape, 5, model.likelihood.levels)
    observed = (np.random.default_rng(1).random(x.shape) < 0.3).astype(np.float32)
    for given in ((), (observed, x)):
        cached, naive = (draw(model, how, *given) for how in (raster.cached, raster.naive))
        np.testing.assert_array_equal(cached, naive)
    np.testing.assert_array_equal(cached[observed > 0], x[observed > 0])


@pytest.mark.parametrize("cell", CELLS)
def test_training_fits_the_data_and_completes_it(cell: str) -> None:
    """Two images, each half the time: the best possible is log 2 nats; one half tells the other."""
    data = np.repeat(images((4, 4, 1), 2, seed=5), 8, 0)
    model = trained_on(data, 100, tfgen.PixelRNN, cell=cell, filters=8)
    assert float(-model.log_prob(data).mean()) < 1.0
    mask = np.zeros((1, 4, 4, 1), bool)
    mask[:, :2] = True
    assert (model.complete(data, mask, seed=0, temperature=0.2) == data).mean() > 0.95


@pytest.mark.parametrize("arguments", [{"cell": "lstm"}, {"filters": 0}, {"blocks": 0}, {"kernel_size": 4}, {"kernel_size": 1}])
def test_bad_arguments_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        tfgen.PixelRNN(**{"image_shape": (4, 4, 1), **arguments})
