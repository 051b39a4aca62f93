"""Likelihoods of waveforms: sums to one, the formula against numpy, draws that follow the probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.audio import mu_law_decode, mu_law_encode
from tfgen.distributions import MuLawCategorical, WaveformLogisticMixture, get_likelihood


def parameters(likelihood, rows: int = 1, scale: float = 1.0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(0.0, scale, (rows, 1, likelihood.num_parameters)), tf.float32)


def mixture(outputs: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, locations and scales of a mixture on [0, 1], from the documented formulas."""
    raw = outputs.astype(np.float64).reshape(3, components)
    spread = (np.arange(components) + 0.5) / components
    return np.exp(raw[0]) / np.exp(raw[0]).sum(), spread + raw[1], 1e-5 + np.log1p(np.exp(raw[2])) / components


@pytest.mark.parametrize("levels", [3, 256])
def test_codes_sum_to_one_and_are_a_softmax(levels):
    likelihood = MuLawCategorical(levels)
    values = mu_law_decode(tf.range(levels), levels=levels)
    logits = parameters(likelihood)[0, 0].numpy().astype(np.float64)
    log_prob = likelihood.log_prob(tf.tile(parameters(likelihood), [levels, 1, 1]), values[:, None])[:, 0]
    np.testing.assert_allclose(log_prob, logits - np.log(np.exp(logits).sum()), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(likelihood.mean(parameters(likelihood))[0, 0], np.sum(np.exp(log_prob) * values), atol=1e-5)


def test_sixteen_bits_sum_to_one_and_follow_the_logistics():
    likelihood = WaveformLogisticMixture(3)
    given, levels = parameters(likelihood, scale=0.4), np.arange(-32768, 32768)
    log_prob = likelihood.log_prob(tf.tile(given, [65536, 1, 1]), tf.constant(levels[:, None] / 32768.0, tf.float32)).numpy()[
        :, 0
    ]
    assert np.exp(log_prob.astype(np.float64)).sum() == pytest.approx(1.0, abs=2e-4)
    weights, loc, scale = mixture(given.numpy()[0, 0], 3)
    for level in (-20000, -1, 0, 12345):
        edges = [((level + 32768 + side - 0.0) / 65535 - loc) / scale for side in (0.5, -0.5)]
        expected = np.sum(weights * (1 / (1 + np.exp(-edges[0])) - 1 / (1 + np.exp(-edges[1]))))
        assert np.exp(log_prob[level + 32768]) == pytest.approx(expected, rel=2e-3)


def test_values_between_levels_are_rounded():
    likelihood = WaveformLogisticMixture(2)
    x = tf.constant([[0.25], [0.25 + 0.3 / 32768], [1.0], [32767 / 32768]])
    log_prob = likelihood.log_prob(tf.tile(parameters(likelihood), [4, 1, 1]), x).numpy()[:, 0]
    assert log_prob[0] == log_prob[1] and log_prob[2] == log_prob[3]


@pytest.mark.parametrize("likelihood", [MuLawCategorical(5), WaveformLogisticMixture(2)], ids=["codes", "mixture"])
def test_draws_are_the_inverse_of_the_distribution(likelihood):
    count = 4000
    given = tf.tile(parameters(likelihood, scale=0.5), [count, 1, 1])
    u = tf.constant((np.arange(count) + 0.5)[:, None] / count, tf.float32)
    drawn = likelihood.draw(given, u).numpy()[:, 0]
    assert (np.diff(drawn) >= 0).all() and drawn.min() >= -1 and drawn.max() <= 1
    if likelihood.levels > 5:
        weights, loc, scale = mixture(given[0, 0].numpy(), 2)
        for value in (-0.5, 0.1, 0.8):
            below = np.sum(weights / (1 + np.exp(-(((value + 1) * 32768 - 0.5) / 65535 - loc) / scale)))
            assert np.mean(drawn < value) == pytest.approx(below, abs=2 / count)
    else:
        assert drawn.mean() == pytest.approx(float(likelihood.mean(given)[0, 0]), abs=1e-3)
        values = mu_law_decode(np.arange(5), levels=5)
        shares = np.exp(likelihood.log_prob(given[:5], values[:, None]).numpy()[:, 0].astype(np.float64))
        counts = np.bincount(mu_law_encode(drawn, levels=5), minlength=5)
        assert stats.chisquare(counts, shares / shares.sum() * count).pvalue > 0.99  # a grid of uniforms is evener than chance
    cold = likelihood.draw(given, u, tf.constant(0.01)).numpy()[:, 0]
    assert cold.std() < 0.5 * drawn.std()


def test_names_configs_and_errors():
    for likelihood in (MuLawCategorical(7), WaveformLogisticMixture(4, min_scale=1e-4)):
        twin = type(likelihood).from_config(likelihood.get_config())
        assert twin == likelihood and get_likelihood(likelihood) is likelihood and twin.value_range == (-1.0, 1.0)
    with pytest.raises(ValueError, match="levels"):
        MuLawCategorical(1)
    with pytest.raises(ValueError, match="component"):
        WaveformLogisticMixture(0)
