"""The mixture of discretized logistics: exact sums, its conditionals, its draws, and its numerical edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tfgen.distributions import DiscretizedLogisticMixture, get_likelihood

SMALL = [(1, 2, 1), (3, 5, 1), (2, 4, 2), (3, 3, 3), (2, 2, 4)]  # components, levels, channels


def parameters(likelihood: DiscretizedLogisticMixture, channels: int, rows: int = 1, spread: float = 1.5, seed: int = 0):
    size = (rows, likelihood.num_outputs(channels))
    return tf.constant(np.random.default_rng(seed).normal(size=size) * spread, tf.float32)


def all_values(levels: int, channels: int) -> np.ndarray:
    grid = np.arange(levels) / (levels - 1)
    return np.array(list(itertools.product(grid, repeat=channels)), np.float32)


@pytest.mark.parametrize(("components", "levels", "channels"), SMALL)
@pytest.mark.parametrize("spread", [0.3, 5.0])
def test_all_pixels_sum_to_one_channel_by_channel(components: int, levels: int, channels: int, spread: float) -> None:
    likelihood = DiscretizedLogisticMixture(components, levels=levels)
    x = all_values(levels, channels)
    one = parameters(likelihood, channels, spread=spread)
    log_prob = likelihood.log_prob(tf.repeat(one, len(x), 0), tf.constant(x)).numpy().astype(np.float64)
    assert log_prob.shape == x.shape
    assert np.exp(log_prob.sum(-1)).sum() == pytest.approx(1.0, abs=1e-5)
    conditionals = np.exp(log_prob).reshape((levels,) * channels + (channels,))
    for channel in range(
        channels
    ):  # p(channel | those before) sums to one whatever stands before, and ignores what comes after
        sums = conditionals[..., channel].sum(channel)
        np.testing.assert_allclose(sums, 1.0, atol=1e-5)
        later = tuple(range(channel + 1, channels))
        np.testing.assert_allclose(np.ptp(conditionals[..., channel], axis=later), 0.0, atol=1e-6)


def by_hand(likelihood: DiscretizedLogisticMixture, raw: np.ndarray, x: np.ndarray) -> float:
    """The formula of the class's docstring for a pixel of three channels, in float64."""
    k, levels = likelihood.num_components, likelihood.levels
    parts = raw.astype(np.float64).reshape(-1, k)
    weights = scipy.special.softmax(parts[0])
    start = (np.arange(k) + 0.5) / k

    def factor(value: float, loc: np.ndarray, raw_scale: np.ndarray) -> np.ndarray:
        scale = likelihood.min_scale + np.logaddexp(0.0, raw_scale) / k
        low = -np.inf if value == 0 else value - 0.5 / (levels - 1)
        high = np.inf if value == 1 else value + 0.5 / (levels - 1)
        return scipy.stats.logistic.cdf(high, loc, scale) - scipy.stats.logistic.cdf(low, loc, scale)

    y = 2.0 * x.astype(np.float64) - 1.0  # the coupling acts on values in [-1, 1], locations stand in [0, 1]
    red = factor(x[0], start + parts[1], parts[2])
    green = factor(x[1], start + parts[3] + 0.5 * np.tanh(parts[5]) * y[0], parts[4])
    blue = factor(x[2], start + parts[6] + 0.5 * (np.tanh(parts[8]) * y[0] + np.tanh(parts[9]) * y[1]), parts[7])
    return float(np.log((weights * red * green * blue).sum()))


def test_the_formula() -> None:
    likelihood = DiscretizedLogisticMixture(4, levels=9)
    assert likelihood.num_outputs(3) == 40
    for seed in range(5):
        raw = parameters(likelihood, 3, seed=seed)
        x = (np.random.default_rng(seed).integers(0, 9, 3) / 8).astype(np.float32)
        found = float(tf.reduce_sum(likelihood.log_prob(raw, tf.constant(x[None]))))
        assert found == pytest.approx(by_hand(likelihood, raw.numpy()[0], x), rel=1e-4, abs=1e-4)


def test_one_component_of_one_channel_is_a_discretized_logistic() -> None:
    likelihood, x = DiscretizedLogisticMixture(1, levels=256), tf.linspace(0.0, 1.0, 256)[:, None]
    found = likelihood.log_prob(tf.repeat(tf.constant([[3.0, 0.1, -2.0]]), 256, 0), x).numpy()[:, 0]
    loc, scale = 0.6, 1e-3 + np.log1p(np.exp(-2.0))
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    np.testing.assert_allclose(np.exp(found), np.diff(scipy.stats.logistic.cdf(edges, loc, scale)), rtol=2e-4)


def tempered(likelihood: DiscretizedLogisticMixture, raw: tf.Tensor, channels: int, temperature: float) -> tf.Tensor:
    """The parameters of the mixture of weights to the power of 1 / temperature and of scales times it."""
    parts = raw.numpy().astype(np.float64).reshape(-1, likelihood.num_components)
    parts[0] /= temperature
    for channel in range(channels):
        row = 2 + 2 * channel + channel * (channel - 1) // 2
        scale = temperature * (likelihood.min_scale + np.logaddexp(0.0, parts[row]) / likelihood.num_components)
        parts[row] = np.log(np.expm1((scale - likelihood.min_scale) * likelihood.num_components))
    return tf.constant(parts.reshape(1, -1), tf.float32)


@pytest.mark.parametrize(("components", "levels", "channels"), SMALL)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_a_draw_is_the_inverse_of_the_cumulative_probability(
    components: int, levels: int, channels: int, temperature: float
) -> None:
    """On an even grid of uniforms, each level of each channel comes as often as its conditional says."""
    likelihood, n = DiscretizedLogisticMixture(components, levels=levels), 4096
    u = (np.arange(n) + 0.5) / n
    for channel in range(channels):
        raw = parameters(likelihood, channels, seed=channel)
        before = np.random.default_rng(channel).integers(0, levels, channels) / (levels - 1)
        x = np.tile(before.astype(np.float32), (n, 1))
        drawn = likelihood.draw_channel(
            tf.repeat(raw, n, 0), channel, tf.constant(x), tf.constant(u, tf.float32), tf.fill([n], temperature)
        ).numpy()
        assert (np.diff(drawn) >= 0).all()  # the inverse CDF rises with u
        each = np.tile(before.astype(np.float32), (levels, 1))
        each[:, channel] = np.arange(levels) / (levels - 1)
        law = tf.repeat(tempered(likelihood, raw, channels, temperature), levels, 0)
        wanted = np.exp(likelihood.log_prob(law, tf.constant(each)).numpy()[:, channel])
        counts = np.bincount(np.round(drawn * (levels - 1)).astype(int), minlength=levels) / n
        np.testing.assert_allclose(counts, wanted, atol=2.0 / n)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 17, 255, 256, 257])
def test_every_level_can_be_drawn(levels: int) -> None:
    likelihood = DiscretizedLogisticMixture(2, levels=levels)
    flat = tf.constant([[0.0, 0.0, 0.0, 0.0, 9.0, 9.0]])  # so wide that u walks through all levels
    u = tf.linspace(1e-6, 1.0 - 1e-6, 40 * levels)
    drawn = likelihood.draw(tf.repeat(flat, 40 * levels, 0), u[:, None]).numpy()
    assert sorted({round(float(v) * (levels - 1)) for v in drawn.ravel()}) == list(range(levels))


def test_draw_is_draw_channel_in_turn() -> None:
    likelihood = DiscretizedLogisticMixture(3, levels=16)
    raw, u = parameters(likelihood, 3, 50), np.random.default_rng(0).random((50, 3)).astype(np.float32)
    drawn = likelihood.draw(raw, tf.constant(u), 0.7).numpy()
    for channel in range(3):
        alone = likelihood.draw_channel(raw, channel, tf.constant(drawn), tf.constant(u[:, channel]), 0.7)
        np.testing.assert_array_equal(drawn[:, channel], alone.numpy())
    np.testing.assert_allclose(drawn * 15, np.round(drawn * 15), atol=1e-5)


def test_colours_are_coupled_and_the_observed_channels_reweigh_the_components() -> None:
    """Two components far apart: a red from one leaves green no choice but the same one."""
    likelihood = DiscretizedLogisticMixture(2, levels=16)
    narrow = -9.0
    raw = tf.constant([[0.0, 0.0, -0.05, 0.05, narrow, narrow, 0.05, -0.05, narrow, narrow, 0.0, 0.0]])
    low = likelihood.draw_channel(tf.repeat(raw, 9, 0), 1, tf.zeros((9, 2)) + 0.2, tf.linspace(0.1, 0.9, 9), 1.0).numpy()
    high = likelihood.draw_channel(tf.repeat(raw, 9, 0), 1, tf.zeros((9, 2)) + 0.8, tf.linspace(0.1, 0.9, 9), 1.0).numpy()
    assert (np.abs(low - 0.3) < 0.1).all() and (np.abs(high - 0.7) < 0.1).all()


def test_float32_stays_finite_with_gradients_at_the_edges() -> None:
    likelihood = DiscretizedLogisticMixture(10)
    for size in (0.0, 10.0, 1e3, 1e5):
        for seed in range(3):
            raw = size * parameters(likelihood, 3, 8, 1.0, seed)
            x = tf.constant(np.random.default_rng(seed).integers(0, 2, (8, 3)), tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(raw)
                log_prob = likelihood.log_prob(raw, x)
            gradient = tape.gradient(log_prob, raw).numpy()
            assert np.isfinite(log_prob.numpy()).all() and np.isfinite(gradient).all()
            assert (log_prob.numpy() < 1e-3).all()
            assert ((likelihood.mean(raw).numpy() >= 0) & (likelihood.mean(raw).numpy() <= 1)).all()


def test_zero_outputs_spread_over_the_range() -> None:
    likelihood = get_likelihood("discretized_logistic_mixture")
    x = tf.linspace(0.0, 1.0, 256)[:, None]
    nats = -likelihood.log_prob(tf.zeros((256, 30)), x).numpy()
    assert abs(nats.mean() - np.log(256)) < 0.1 and nats.max() < np.log(256) + 1
    assert float(likelihood.mean(tf.zeros((1, 30)))[0, 0]) == pytest.approx(0.5, abs=1e-6)


def test_equality_and_bad_arguments() -> None:
    likelihood = DiscretizedLogisticMixture(3, levels=8, min_scale=0.01)
    assert DiscretizedLogisticMixture.from_config(likelihood.get_config()) == likelihood
    assert likelihood != DiscretizedLogisticMixture(3, levels=8)
    for arguments in ({"num_components": 0}, {"levels": 1}, {"min_scale": 0.0}):
        with pytest.raises(ValueError, match="Received"):
            DiscretizedLogisticMixture(**arguments)


def test_means_are_those_given_the_channels_before() -> None:
    likelihood, x = DiscretizedLogisticMixture(2), np.array([0.4, 0.6, 0.5], np.float32)
    outputs = np.random.default_rng(3).normal(0.0, 0.1, (1, likelihood.num_outputs(3))).astype(np.float32)
    outputs[:, :2] = [[0.5, -0.5]]
    for first in (4, 8, 14):  # the scales of each channel: narrow, so that little is clipped
        outputs[:, first : first + 2] = -4.0
    found = likelihood.mean(tf.constant(outputs), tf.constant(x[None]))[0]
    levels = np.arange(256, dtype=np.float32) / 255.0
    for channel in range(3):
        given = np.tile(x, (256, 1))
        given[:, channel] = levels
        log_prob = likelihood.log_prob(tf.constant(np.tile(outputs, (256, 1))), tf.constant(given))[:, channel]
        np.testing.assert_allclose(found[channel], np.sum(np.exp(log_prob) * levels), atol=1.0 / 255.0)
    blind = likelihood.mean(tf.constant(outputs))[0]
    assert blind[0] == found[0] and abs(blind[2] - found[2]) > 2.0 / 255.0
