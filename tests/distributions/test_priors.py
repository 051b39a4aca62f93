"""Priors of latents: densities against TensorFlow Probability and numpy, draws against quantiles, gradients, configs."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen import random
from tfgen.distributions import NormalMixture, Prior, StandardNormal, Uniform, get_prior

GRID = tf.constant((np.arange(2000) + 0.5) / 2000, tf.float32)


def learned(latent_dim: int = 2, components: int = 3) -> NormalMixture:
    """A mixture whose weights are far from where they begin."""
    mixture, draw = NormalMixture(latent_dim, components), np.random.default_rng(1).normal
    mixture.set_weights([draw(size=weight.shape).astype(np.float32) for weight in mixture.get_weights()])
    return mixture


PRIORS = [StandardNormal(2), Uniform(2), learned()]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_log_prob_is_that_of_tensorflow_probability(prior: Prior) -> None:
    z = tf.constant(np.random.default_rng(0).uniform(-0.99, 0.99, (4, 5, 2)), tf.float32)
    found = prior.log_prob(z)
    assert found.shape == (4, 5) and found.dtype == tf.float32
    np.testing.assert_allclose(found, prior.distribution().log_prob(z), rtol=1e-5, atol=1e-6)


def test_log_prob_by_hand() -> None:
    z = np.array([[0.3, -2.0]], np.float32)
    assert float(StandardNormal(2).log_prob(z)[0]) == pytest.approx(stats.norm.logpdf(z).sum(), rel=1e-6)
    inside, outside = Uniform(3).log_prob(tf.constant([[-1.0, 0.0, 1.0], [0.0, 0.0, 1.001]])).numpy()
    assert inside == pytest.approx(-3 * math.log(2.0)) and outside == -math.inf
    mixture = learned(1, 2)
    logits, loc, raw = mixture.get_weights()
    scale, weights = np.log1p(np.exp(raw + 0.5413)) + 1e-4, np.exp(logits) / np.exp(logits).sum()
    expected = np.log((weights * stats.norm.pdf(0.7, loc[:, 0], scale[:, 0])).sum())
    assert float(mixture.log_prob(tf.constant([[0.7]]))[0]) == pytest.approx(expected, rel=1e-5)


def test_draws_keep_their_bits() -> None:
    """The stored samples hang on them."""
    seeds = tf.constant(random.row_seeds(3, 50))
    u = random.uniform(seeds, (4,))
    np.testing.assert_array_equal(StandardNormal(4).draw(u), random.normal(seeds, (4,)))
    np.testing.assert_array_equal(Uniform(4).draw(u), 2.0 * u.numpy() - 1.0)


@pytest.mark.parametrize(
    ("prior", "law"), [(StandardNormal(1), stats.norm()), (Uniform(1), stats.uniform(-1.0, 2.0))], ids=["normal", "uniform"]
)
def test_a_draw_inverts_the_cdf(prior: Prior, law) -> None:
    np.testing.assert_allclose(law.cdf(prior.draw(GRID[:, None])), GRID[:, None], atol=1e-6)


def test_a_mixture_draws_each_component_as_often_as_it_weighs() -> None:
    mixture = learned(1, 3)
    u = random.uniform(tf.constant(random.row_seeds(0, 20_000)), (mixture.num_uniforms,))
    drawn = mixture.draw(u).numpy()[:, 0]
    for quantile in (-1.5, -0.5, 0.0, 0.5, 1.5):
        assert (drawn < quantile).mean() == pytest.approx(_cdf(mixture, quantile), abs=4 * 0.5 / math.sqrt(len(drawn)))
    first = mixture.draw(tf.concat([tf.fill((2000, 1), 1e-6), GRID[:, None]], -1)).numpy()
    np.testing.assert_allclose(np.median(first), mixture.get_weights()[1][0, 0], atol=0.01)  # the first component alone


def _cdf(mixture: NormalMixture, value: float) -> float:
    logits, loc, _ = mixture.get_weights()
    weights = np.exp(logits) / np.exp(logits).sum()
    return float((weights * stats.norm.cdf(value, loc[:, 0], mixture.scale.numpy()[:, 0])).sum())


def test_a_mixture_integrates_to_one() -> None:
    z = np.linspace(-30.0, 30.0, 60_001, dtype=np.float32)
    density = np.exp(learned(1, 4).log_prob(tf.constant(z[:, None])).numpy().astype(np.float64))
    assert density.sum() * 0.001 == pytest.approx(1.0, abs=1e-4)


def test_gradients_reach_the_weights_of_a_mixture() -> None:
    mixture = learned()
    with tf.GradientTape(persistent=True) as tape:
        log_prob = mixture.log_prob(tf.constant([[0.3, -1.0], [2.0, 0.5]]))
        drawn = mixture.draw(tf.constant([[0.2, 0.4, 0.9]]))
    gradients = tape.gradient(log_prob, mixture.trainable_variables)
    assert len(gradients) == 3 and all(float(tf.reduce_max(tf.abs(gradient))) > 1e-3 for gradient in gradients)
    assert all(isinstance(gradient, tf.Tensor) for gradient in gradients)  # replicas cannot add up sparse ones
    logits, loc, scale = tape.gradient(drawn, mixture.trainable_variables)
    assert logits is None and isinstance(loc, tf.Tensor) and float(tf.reduce_sum(loc)) == 2.0 and float(scale[0, 1]) != 0.0


def test_a_mixture_begins_near_the_standard_normal_and_learns() -> None:
    mixture = NormalMixture(2, components=4, seed=5)
    np.testing.assert_allclose(mixture.scale, 1.0, atol=1e-4)
    np.testing.assert_array_equal(mixture.loc, NormalMixture(2, 4, seed=5).loc)
    assert not np.allclose(mixture.loc, NormalMixture(2, 4, seed=6).loc)
    data = tf.constant(np.random.default_rng(0).normal(3.0, 0.1, (64, 2)), tf.float32)
    optimizer, losses = keras.optimizers.Adam(0.5), []
    for _ in range(8):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(mixture.log_prob(data))
        optimizer.apply(tape.gradient(loss, mixture.trainable_variables), mixture.trainable_variables)
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 2.0


def test_restraint_acts_about_the_centre() -> None:
    z = tf.constant([[2.0, -0.5], [-3.0, 1.0]])
    half, bound = tf.constant([0.5, 1.0]), tf.constant([0.75, 2.0])
    assert StandardNormal(2).restrained(z) is z
    np.testing.assert_allclose(StandardNormal(2).restrained(z, half), [[1.0, -0.25], [-3.0, 1.0]])
    np.testing.assert_allclose(Uniform(2).restrained(z, None, bound), [[0.75, -0.5], [-2.0, 1.0]])
    np.testing.assert_allclose(StandardNormal(2).restrained(z, half, bound), [[0.75, -0.25], [-2.0, 1.0]])
    mixture = learned()
    centre = mixture.distribution().mean()
    assert mixture.restrained(z) is z
    np.testing.assert_allclose(mixture.restrained(z, half), centre + half[:, None] * (z - centre), rtol=1e-5)
    assert float(tf.reduce_max(tf.abs(mixture.restrained(10.0 * z, None, bound) - centre))) == pytest.approx(2.0, rel=1e-5)


def test_half_precision_is_computed_in_float32() -> None:
    for prior in PRIORS:
        z = tf.constant([[0.3, 0.7]], tf.float16)
        assert prior.log_prob(z).dtype == tf.float32
        np.testing.assert_allclose(prior.log_prob(z), prior.log_prob(tf.cast(z, tf.float32)), rtol=1e-6)


def test_names_and_configs() -> None:
    assert get_prior(None, 3) == get_prior("normal", 3) == StandardNormal(3) != StandardNormal(4)
    assert hash(get_prior("uniform", 3)) == hash(Uniform(3)) and Uniform(3) != StandardNormal(3)
    for prior in (StandardNormal(2), Uniform(2)):
        assert get_prior(prior, 2) is prior
        assert get_prior(keras.saving.serialize_keras_object(prior), 2) == prior
    mixture = learned()
    twin = get_prior(keras.saving.serialize_keras_object(mixture), 2)
    assert twin.get_config() == mixture.get_config() and twin != mixture and mixture == mixture
    twin.set_weights(mixture.get_weights())
    np.testing.assert_array_equal(twin.log_prob(tf.zeros((1, 2))), mixture.log_prob(tf.zeros((1, 2))))
    assert [StandardNormal(2).num_uniforms, Uniform(2).num_uniforms, mixture.num_uniforms] == [2, 2, 3]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: StandardNormal(0), "`latent_dim` must be an integer of at least 1. Received: latent_dim=0"),
        (lambda: NormalMixture(2, 0), "`components` must be an integer of at least 1"),
        (lambda: get_prior("gaussian", 2), r"one of \['normal', 'uniform'\].*Received: prior='gaussian'"),
        (lambda: get_prior(Uniform(3), 2), "the model's number of latents, 2. Received: prior.latent_dim=3"),
    ],
)
def test_wrong_arguments_are_named(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
