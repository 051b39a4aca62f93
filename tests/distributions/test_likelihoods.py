"""Likelihoods of pixels: tables by hand, sums to one, draws that follow the probabilities, gradients that stay finite."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from tfgen.distributions import Bernoulli, Categorical, DiscretizedLogistic, Likelihood, Normal, get_likelihood

MIN_SCALE = 1e-3


def parameters(likelihood: Likelihood, *shape: int, spread: float = 1.0, seed: int = 0) -> tf.Tensor:
    values = np.random.default_rng(seed).normal(size=(*shape, likelihood.num_parameters)) * spread
    return tf.constant(values, tf.float32)


def levels(likelihood: Likelihood) -> np.ndarray:
    return (np.arange(likelihood.levels) / (likelihood.levels - 1)).astype(np.float32)


def probabilities(likelihood: Likelihood, one: tf.Tensor) -> np.ndarray:
    """Probabilities of all levels under one value's parameters, (levels,)."""
    x = levels(likelihood)
    return np.exp(likelihood.log_prob(tf.tile(one[None], [len(x), 1]), tf.constant(x)).numpy().astype(np.float64))


def logistic_cdf(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


# ---- tables by hand ----


@pytest.mark.parametrize(
    ("logit", "x", "log_prob"),
    [(0.0, 1.0, math.log(0.5)), (math.log(3), 1.0, math.log(0.75)), (math.log(3), 0.0, math.log(0.25))],
)
def test_bernoulli_by_hand(logit: float, x: float, log_prob: float) -> None:
    likelihood = Bernoulli()
    assert float(likelihood.log_prob(tf.constant([[logit]]), tf.constant([x]))[0]) == pytest.approx(log_prob, rel=1e-6)
    assert float(likelihood.mean(tf.constant([[logit]]))[0]) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-6)


def test_categorical_by_hand() -> None:
    likelihood = Categorical(3)
    logits = tf.constant([[math.log(1.0), math.log(2.0), math.log(5.0)]])
    for x, p in ((0.0, 1 / 8), (0.5, 2 / 8), (1.0, 5 / 8)):
        assert float(likelihood.log_prob(logits, tf.constant([x]))[0]) == pytest.approx(math.log(p), rel=1e-5)
    assert float(likelihood.mean(logits)[0]) == pytest.approx(0.5 * 2 / 8 + 5 / 8, rel=1e-6)
    for u, x in ((0.12, 0.0), (0.13, 0.5), (0.37, 0.5), (0.38, 1.0), (0.999, 1.0)):
        assert float(likelihood.draw(logits, tf.constant([u]))[0]) == x


@pytest.mark.parametrize("seed", range(3))
def test_discretized_logistic_equals_integrals(seed: int) -> None:
    likelihood = DiscretizedLogistic(8, min_scale=MIN_SCALE)
    raw = parameters(likelihood, 1, seed=seed)
    loc, scale = 0.5 + float(raw[0, 0]), MIN_SCALE + 0.1 * math.log1p(math.exp(float(raw[0, 1])))
    edges = [-math.inf, *((k + 0.5) / 7 for k in range(7)), math.inf]
    cdf = [0.0, *(logistic_cdf((edge - loc) / scale) for edge in edges[1:-1]), 1.0]
    np.testing.assert_allclose(probabilities(likelihood, raw[0]), np.diff(cdf), rtol=2e-4, atol=1e-7)


def test_normal_equals_the_density() -> None:
    raw, x = tf.constant([[[0.1, -0.3]]]), tf.constant([[0.7]])
    loc, scale = 0.6, MIN_SCALE + 0.1 * math.log1p(math.exp(-0.3))
    density = -(((0.7 - loc) / scale) ** 2) / 2 - math.log(scale) - math.log(2 * math.pi) / 2
    assert float(Normal(None).log_prob(raw, x)[0, 0]) == pytest.approx(density, rel=1e-5)
    assert float(Normal(256).log_prob(raw, x)[0, 0]) == pytest.approx(density - math.log(256), rel=1e-5)
    assert float(Normal(None).mean(raw)[0, 0]) == pytest.approx(loc, rel=1e-6)


# ---- what holds for all ----

DISCRETE = [Bernoulli(), Categorical(2), Categorical(5), Categorical(256), DiscretizedLogistic(4), DiscretizedLogistic(256)]
DRAWN = [*DISCRETE, Normal(256), Normal(None)]


@pytest.mark.parametrize("likelihood", DISCRETE, ids=lambda value: f"{type(value).__name__}-{value.levels}")
@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
def test_probabilities_sum_to_one(likelihood: Likelihood, spread: float) -> None:
    for seed in range(4):
        total = probabilities(likelihood, parameters(likelihood, spread=spread, seed=seed)).sum()
        assert total == pytest.approx(1.0, abs=2e-5)


@pytest.mark.parametrize("likelihood", DISCRETE, ids=lambda value: f"{type(value).__name__}-{value.levels}")
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_follow_the_probabilities(likelihood: Likelihood, temperature: float) -> None:
    one, n = parameters(likelihood, seed=3), 20_000
    u = (np.arange(n) + 0.5) / n  # every quantile once: a frequency is a probability to 1 / n
    drawn = likelihood.draw(tf.tile(one[None], [n, 1]), tf.constant(u, tf.float32), temperature).numpy()
    frequency = np.bincount(np.round(drawn * (likelihood.levels - 1)).astype(int), minlength=likelihood.levels) / n
    np.testing.assert_allclose(frequency, probabilities(likelihood, tempered(likelihood, one, temperature)), atol=4 / n)
    assert set(np.unique(drawn)) <= set(levels(likelihood))


def tempered(likelihood: Likelihood, one: tf.Tensor, temperature: float) -> tf.Tensor:
    """The parameters of the tempered distribution."""
    if not isinstance(likelihood, DiscretizedLogistic):
        return one / temperature
    scale = temperature * (likelihood.min_scale + 0.1 * math.log1p(math.exp(float(one[1]))))
    return tf.stack([one[0], tf.math.log(tf.math.expm1((scale - likelihood.min_scale) / 0.1))])


@pytest.mark.parametrize("likelihood", DRAWN, ids=lambda value: f"{type(value).__name__}-{value.levels}")
def test_extremes_are_finite(likelihood: Likelihood) -> None:
    for size in (1e-6, 30.0, 1e3):
        for x in (0.0, 0.5, 1.0):
            x = float(np.round(x * (likelihood.levels - 1)) / (likelihood.levels - 1)) if likelihood.discrete else x
            for sign in (-1.0, 1.0):
                raw = sign * size * tf.linspace(-1.0, 1.0, likelihood.num_parameters)[None, None]
                with tf.GradientTape() as tape:
                    tape.watch(raw)
                    value = likelihood.log_prob(raw, tf.constant([[x]]))
                gradient = tape.gradient(value, raw)
                assert np.isfinite(value).all() and np.isfinite(gradient).all(), (size, x, sign)
                if likelihood in DISCRETE:
                    assert float(value[0, 0]) <= 1e-6
            for u in (2.0**-25, 1 - 2.0**-24):
                drawn = float(likelihood.draw(raw, tf.constant([[u]]))[0, 0])
                assert 0.0 <= drawn <= 1.0
            mean = float(likelihood.mean(raw)[0, 0])
            assert 0.0 <= mean <= 1.0 + 1e-6


@pytest.mark.parametrize("likelihood", DRAWN, ids=lambda value: f"{type(value).__name__}-{value.levels}")
def test_gradients_equal_differences(likelihood: Likelihood) -> None:
    raw, x = parameters(likelihood, 1, seed=1), tf.constant([levels(likelihood)[1] if likelihood.levels else 0.3], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = likelihood.log_prob(raw, x)
    gradient = tape.gradient(value, raw).numpy()[0]
    step = 1e-2
    for i in range(min(likelihood.num_parameters, 3)):
        shift = step * tf.one_hot([i], likelihood.num_parameters)
        difference = float((likelihood.log_prob(raw + shift, x) - likelihood.log_prob(raw - shift, x))[0]) / (2 * step)
        assert gradient[i] == pytest.approx(difference, rel=2e-2, abs=2e-3)


@pytest.mark.parametrize("likelihood", DRAWN, ids=lambda value: f"{type(value).__name__}-{value.levels}")
def test_shapes_and_config(likelihood: Likelihood) -> None:
    raw = parameters(likelihood, 2, 3, 4)
    x = tf.zeros((2, 3, 4))
    for values in (likelihood.log_prob(raw, x), likelihood.mean(raw), likelihood.draw(raw, x + 0.4)):
        assert values.shape == (2, 3, 4) and values.dtype == tf.float32
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert twin == likelihood and hash(twin) == hash(likelihood) and twin is not likelihood
    assert get_likelihood(keras.saving.serialize_keras_object(likelihood)) == likelihood
    assert get_likelihood(likelihood) is likelihood


def test_low_temperature_draws_the_likeliest() -> None:
    raw = parameters(Categorical(6), 50, seed=4)
    drawn = Categorical(6).draw(raw, tf.constant(np.linspace(0.01, 0.99, 50), tf.float32), 1e-3).numpy()
    np.testing.assert_array_equal(np.round(drawn * 5), raw.numpy().argmax(-1))


def test_dequantising_bounds_the_discrete_likelihood() -> None:
    """log p(level) = log of the density's integral over its interval >= mean of log p(y), y uniform in it (Jensen)."""
    likelihood, raw = Normal(4), tf.constant([[[0.1, 1.0]]])
    loc, scale = 0.6, MIN_SCALE + 0.1 * math.log1p(math.e)
    for level in range(4):
        x = tf.fill((4000, 1, 1, 1), level / 3)
        y = likelihood.prepare(x, tf.constant(random.row_seeds(level, 4000)))
        assert float(tf.reduce_min(y)) >= level / 4 and float(tf.reduce_max(y)) <= (level + 1) / 4
        bound = float(tf.reduce_mean(likelihood.log_prob(tf.tile(raw[None], [4000, 1, 1, 1]), y)))
        low, high = ((edge / 4 - loc) / (scale * math.sqrt(2)) for edge in (level, level + 1))
        exact = math.log((math.erf(high) - math.erf(low)) / 2)
        assert bound <= exact + 0.01
        if level in (1, 2):
            assert bound > exact - 0.6  # near the mode the bound is tight
    assert Normal(None).prepare(x, tf.zeros(4000, tf.int64)) is x


def test_constant_background_cannot_run_off() -> None:
    """On constant pixels the dequantised density is bounded by the interval's width: nats of 8-bit data stay above zero."""
    likelihood = Normal(256)
    for raw_scale in (-2.0, -10.0, -100.0):
        for level in (0, 128, 255):
            x = tf.fill((2000, 1, 1, 1), level / 255)
            y = likelihood.prepare(x, tf.constant(random.row_seeds(1, 2000)))
            raw = tf.tile(tf.constant([[[[(level + 0.5) / 256 - 0.5, raw_scale]]]]), [2000, 1, 1, 1])
            assert float(tf.reduce_mean(likelihood.log_prob(raw, y))) < 0.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Categorical(1), lambda: DiscretizedLogistic(1), lambda: DiscretizedLogistic(4, min_scale=0.0), lambda: Normal(1),
        lambda: Normal(min_scale=-1.0), lambda: get_likelihood("gaussian"), lambda: get_likelihood(3),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(make: Any) -> None:
    with pytest.raises(ValueError, match="Received"):
        make()
