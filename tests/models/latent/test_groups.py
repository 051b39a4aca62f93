"""A model of two groups of latents whose law is known: bounds, draws, the flat vector outside; and a prior with weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.latent.linear import (
    MIN_SCALE,
    POSTERIOR_FLOOR,
    POSTERIOR_SHIFT,
    dense_network,
    gaussian_log_prob,
    inverse_softplus,
)
from tests.models.latent.toy import Ladder
from tfgen import random
from tfgen.distributions import Normal, NormalMixture
from tfgen.objectives import ELBO, ImportanceWeighted, importance_weighted_bound
from tfgen.random import Stream

SIDE, SIZE = (2, 2, 1), 4
DOWN, SHIFT, SPREAD = np.array([[0.8, -0.5]]), np.array([0.2, -0.1]), 0.6  # z2 = z1 DOWN + SHIFT + SPREAD noise
OUT = np.array([[0.05, 0.05, 0.05, 0.05], [0.03, -0.03, 0.03, -0.03]])  # x = 0.5 + BIAS + z2 OUT + NOISE noise; orthogonal rows
BIAS, NOISE = np.array([0.02, -0.03, 0.0, 0.01]), 0.06
BELOW = OUT.T @ (DOWN.T @ DOWN + SPREAD**2 * np.eye(2)) @ OUT  # the covariance of what z2 says of x
MEAN = 0.5 + BIAS + SHIFT @ OUT


def raw(scale: Any) -> np.ndarray:
    return inverse_softplus(np.asarray(scale) - POSTERIOR_FLOOR) - POSTERIOR_SHIFT


def linear(network: Any, kernel: np.ndarray, bias: np.ndarray, scale: Any) -> None:
    """Sets the one layer of a network: means, then scales that do not depend on the input."""
    deviations = np.broadcast_to(raw(scale), bias.shape)
    network.set_weights([np.concatenate([kernel, 0.0 * kernel], 1), np.concatenate([bias, deviations])])


def ladder(mean: float = 1.0, scale: float = 1.0, **arguments: Any) -> Ladder:
    """The model of the law above; its posterior is the exact one, its means and scales taken times two numbers."""
    model = Ladder(SIDE, likelihood=Normal(levels=None, min_scale=MIN_SCALE), **arguments)
    linear(model.upper, DOWN, SHIFT, SPREAD)
    kernel, bias = np.zeros((2, 2 * SIZE)), np.full(2 * SIZE, inverse_softplus((NOISE - MIN_SCALE) / 0.1))
    kernel[:, 0::2], bias[0::2] = OUT, BIAS  # the mean and the scale of each pixel in turn
    model.lower.set_weights([kernel, bias])
    # z1 given x, from x = MEAN + z1 DOWN OUT + noise; then z2 given both
    noise = OUT.T @ OUT * SPREAD**2 + NOISE**2 * np.eye(SIZE)
    precision = 1.0 + DOWN @ OUT @ np.linalg.inv(noise) @ (DOWN @ OUT).T
    back = np.linalg.inv(noise) @ (DOWN @ OUT).T / precision
    linear(model.encoder, mean * back, -mean * MEAN @ back, scale / np.sqrt(precision[0]))
    variance = 1.0 / (1.0 / SPREAD**2 + np.diag(OUT @ OUT.T) / NOISE**2)
    joint = np.concatenate([OUT.T / NOISE**2, DOWN / SPREAD**2]) * variance
    offset = (SHIFT / SPREAD**2 - (0.5 + BIAS) @ OUT.T / NOISE**2) * variance
    linear(model.joint, mean * joint, mean * offset, scale * np.sqrt(variance))
    for network, average in model.averaged_pairs():
        average.set_weights(network.get_weights())
    return model


def images(n: int) -> np.ndarray:
    noise = np.random.default_rng(2)
    z1 = noise.normal(size=(n, 1))
    z2 = z1 @ DOWN + SHIFT + SPREAD * noise.normal(size=(n, 2))
    x = 0.5 + BIAS + z2 @ OUT + NOISE * noise.normal(size=(n, SIZE))
    return np.clip(x, 0.0, 1.0).reshape(n, *SIDE).astype(np.float32)


def exact(x: np.ndarray) -> np.ndarray:
    return gaussian_log_prob(x.reshape(len(x), SIZE), MEAN, BELOW + NOISE**2 * np.eye(SIZE))


X = images(24)


# ---- bounds ----


def test_with_the_exact_posterior_every_draw_gives_the_likelihood_itself() -> None:
    model = ladder()
    np.testing.assert_allclose(model.log_prob_bound(X, 1, seed=3), exact(X), atol=2e-4)
    np.testing.assert_allclose(model.log_prob_bound(X, 7, seed=4), exact(X), atol=2e-4)


def test_the_importance_bound_is_below_the_likelihood_and_rises_with_the_draws() -> None:
    model, truth = ladder(0.7, 1.3), exact(X)
    gaps = []
    for count, seeds in ((1, 40), (5, 20), (50, 8)):
        bounds = np.mean([model.log_prob_bound(X, count, seed=seed) for seed in range(seeds)], 0)
        gaps.append(float(np.mean(truth - bounds)))
    assert gaps[0] > gaps[1] + 0.1 > gaps[2] + 0.12 and gaps[2] > 0.0, gaps


def log_weights(model: Ladder, x: np.ndarray, u: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The log-weights of each draw, (batch, K), and the log-likelihoods, written out in float64 from the networks' own numbers."""

    def normal(value: Any, loc: Any, scale: Any) -> np.ndarray:
        return np.sum(-0.5 * ((value - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi), -1)

    def split(outputs: Any) -> tuple[np.ndarray, np.ndarray]:
        loc, scale = np.split(np.asarray(outputs, np.float64), 2, -1)
        return loc, np.log1p(np.exp(scale + POSTERIOR_SHIFT)) + POSTERIOR_FLOOR

    rows, noise = np.repeat(x, u.shape[1], 0), np.asarray(tf.math.ndtri(tf.reshape(u, (-1, 3))), np.float64)
    flat = rows.reshape(-1, SIZE)
    first = split(model.encoder(rows))
    z1 = first[0] + first[1] * noise[:, :1]
    second, prior = split(model.joint(np.concatenate([flat, z1], 1))), split(model.upper(z1))
    z2 = second[0] + second[1] * noise[:, 1:]
    parameters = np.asarray(model.lower(z2), np.float64).reshape(-1, SIZE, 2)
    likelihood = normal(flat, 0.5 + parameters[..., 0], MIN_SCALE + 0.1 * np.log1p(np.exp(parameters[..., 1])))
    weights = likelihood + normal(z1, 0.0, 1.0) + normal(z2, *prior) - normal(z1, *first) - normal(z2, *second)
    return weights.reshape(len(x), -1), likelihood.reshape(len(x), -1)


def bound_of(weights: np.ndarray) -> np.ndarray:
    top = weights.max(1, keepdims=True)
    return (top + np.log(np.mean(np.exp(weights - top), 1, keepdims=True)))[:, 0]


def uniforms(seed: int, rows: int, count: int) -> tf.Tensor:
    return random.uniform(tf.constant(random.row_seeds(seed, rows)), (count, 3), stream=Stream.POSTERIOR)


@pytest.mark.parametrize("count", [3, 512, 600])
def test_the_bound_is_the_one_computed_directly_in_one_piece_or_in_parts(count: int) -> None:
    """More than 512 draws of a row are drawn part by part."""
    model, x, u = ladder(0.7, 1.3), X[:4], uniforms(5, 4, count)
    weights, _ = log_weights(model, x, u)
    received = model.log_prob_bound(x, count, seed=5)
    np.testing.assert_allclose(received, bound_of(weights), atol=1e-4)

    def draws(u: tf.Tensor) -> tf.Tensor:
        summary = model.summarise(tf.constant(np.repeat(x, u.shape[1], 0)), None, False)
        found = model.infer(summary, tf.constant(np.repeat(x, u.shape[1], 0)), None, tf.reshape(u, (-1, 3)), False)
        log_prob = model.likelihood.log_prob(model.generate(found.latents, None, False), np.repeat(x, u.shape[1], 0))
        return tf.reshape(tf.reduce_sum(log_prob, [1, 2, 3]) + found.log_prior - found.log_q, (4, -1))

    np.testing.assert_allclose(received, importance_weighted_bound(draws(u)), rtol=0, atol=3e-6)
    np.testing.assert_allclose(model.log_prob_bound(x, count, seed=5, batch_size=1), received, rtol=0, atol=3e-6)


def test_two_thousand_draws_come_within_their_own_error_of_the_likelihood() -> None:
    model, count = ladder(0.85, 1.3), 2000
    weights, _ = log_weights(model, X[:8], uniforms(6, 8, count))
    shares = np.exp(weights - weights.max(1, keepdims=True))
    error = shares.std(1) / shares.mean(1) / np.sqrt(count)  # of the logarithm of the mean, to first order
    received = model.log_prob_bound(X[:8], count, seed=6)
    assert error.max() < 0.05
    assert (np.abs(received - exact(X[:8])) < 4 * error + 1e-4).all()
    assert np.abs(model.log_prob_bound(X[:8], 3, seed=6) - exact(X[:8])).max() > 0.05  # of few draws it is far off


def test_the_elbo_is_the_likelihood_of_a_draw_less_the_kl_of_each_group() -> None:
    model, x = ladder(0.7, 1.3), X[:6]
    _, likelihood = log_weights(model, x, uniforms(8, 6, 1))
    found = model.infer(model.summarise(tf.constant(x), None, False), tf.constant(x), None, uniforms(8, 6, 1)[:, 0], False)
    loc, scale = (found.extra[name].numpy().astype(np.float64) for name in ("loc", "scale"))
    given = found.latents.numpy()[:, :1] @ DOWN + SHIFT
    above = (loc[:, 0] ** 2 + scale[:, 0] ** 2 - 1) / 2 - np.log(scale[:, 0])
    below = (((loc[:, 1:] - given) ** 2 + scale[:, 1:] ** 2) / SPREAD**2 - 1) / 2 - np.log(scale[:, 1:] / SPREAD)
    np.testing.assert_allclose(found.kl, np.concatenate([above[:, None], below], 1), atol=1e-4)
    np.testing.assert_allclose(model.elbo(x, seed=8), likelihood[:, 0] - above - below.sum(1), atol=1e-3)
    averages = np.mean([model.elbo(x, seed=seed) for seed in range(60)], 0)
    assert (averages < exact(x)).all()


@pytest.mark.parametrize("bound", [ELBO(beta=2.0), ImportanceWeighted(4)])
def test_training_descends_the_bound_it_was_given(bound: Any) -> None:
    model = ladder(0.5, 1.5, bound=bound)
    model.compile(keras.optimizers.Adam(0.01))
    before = model.evaluate(X, verbose=0, return_dict=True)
    seeds = random.row_keys(0, random.Purpose.EVALUATION, tf.range(len(X)))
    weights, likelihood = log_weights(model, X, random.uniform(seeds, (bound.num_samples, 3), stream=Stream.POSTERIOR))
    if isinstance(bound, ImportanceWeighted):
        assert before["loss"] == pytest.approx(-bound_of(weights).mean(), abs=1e-3)
        assert before["elbo"] == pytest.approx(weights.mean(), abs=1e-3)
    else:
        assert before["reconstruction"] == pytest.approx(-likelihood.mean(), abs=1e-3)
        assert before["loss"] == pytest.approx(before["reconstruction"] + 2.0 * before["kl"], abs=1e-3)
    model.fit(X, batch_size=24, epochs=15, verbose=0)
    assert model.evaluate(X, verbose=0, return_dict=True)["loss"] < before["loss"] - 0.2


# ---- draws, and the flat vector ----


def test_samples_have_the_moments_of_the_law() -> None:
    drawn = ladder().sample(20_000, seed=1).reshape(-1, SIZE)
    np.testing.assert_allclose(drawn.mean(0), MEAN, atol=0.003)
    np.testing.assert_allclose(np.cov(drawn.T), BELOW, atol=3e-4)
    assert np.abs(BELOW).max() > 2e-3


def test_temperature_narrows_both_groups() -> None:
    model, half = ladder(), 0.5
    drawn = model.sample(20_000, seed=1, temperature=half).reshape(-1, SIZE)
    np.testing.assert_allclose(drawn.mean(0), MEAN, atol=0.003)
    np.testing.assert_allclose(np.cov(drawn.T), half**2 * BELOW, atol=1e-4)


def test_outside_latents_are_one_flat_vector() -> None:
    model = ladder()
    loc, scale = model.encode(X)
    assert loc.shape == scale.shape == (len(X), 3) and model.latent_dim == 3
    covariance = np.zeros((3, 3))  # of (z1, z2)
    covariance[0, 0], covariance[:1, 1:] = 1.0, DOWN
    covariance[1:, :1], covariance[1:, 1:] = DOWN.T, DOWN.T @ DOWN + SPREAD**2 * np.eye(2)
    gain = covariance[:, 1:] @ OUT @ np.linalg.inv(BELOW + NOISE**2 * np.eye(SIZE))
    expected = np.concatenate([[0.0], SHIFT]) + (X.reshape(-1, SIZE) - MEAN) @ gain.T
    np.testing.assert_allclose(loc, expected, atol=1e-4)  # the middle of z2 at the middle of z1 is that of z2 alone
    decoded = model.decode(loc)
    np.testing.assert_allclose(decoded.reshape(-1, SIZE), np.clip(0.5 + BIAS + loc[:, 1:] @ OUT, 0, 1), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(X), decoded, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), decoded, atol=1e-6)
    walk = model.interpolate(X[:2], X[2:4], 3)
    np.testing.assert_allclose(walk[:, 1], model.decode((loc[:2] + loc[2:4]) / 2), atol=1e-5)
    with pytest.raises(ValueError, match=r"`latents` of shape \(n, 3\)"):
        model.decode(loc[:, 1:])


def test_gradients_flow_from_examples_to_the_flat_vector() -> None:
    model = ladder()
    latents = tf.constant(model.encode(X[:4])[0])
    with tf.GradientTape() as tape:
        tape.watch(latents)
        total = tf.reduce_sum(model.decode(latents))
    gradient = tape.gradient(total, latents)
    np.testing.assert_allclose(gradient, np.tile(np.concatenate([[0.0], OUT.sum(1)]), (4, 1)), atol=1e-6)
    x = tf.constant(X[:4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model.log_prob_bound(x, 600, seed=1))  # through the parts too
    slope = -(X[:4].reshape(-1, SIZE) - MEAN) @ np.linalg.inv(BELOW + NOISE**2 * np.eye(SIZE))
    np.testing.assert_allclose(tf.reshape(tape.gradient(total, x), (-1, SIZE)), slope, atol=2e-2 * np.abs(slope).max())


def test_gradients_pass_through_the_rounding_of_dequantised_data() -> None:
    """A step of whole levels changes the bound by what its gradient says; the numbers themselves are rounded as before."""
    likelihood, x, seeds = Normal(), tf.constant(np.round(X * 255) / 255, tf.float32), tf.constant(random.row_seeds(3, len(X)))
    noise = random.uniform(seeds, SIDE, stream=Stream.DEQUANTISATION)
    np.testing.assert_array_equal(likelihood.prepare(x + 0.001, seeds), (tf.round((x + 0.001) * 255) + noise) / 256)
    model = Ladder(SIDE, likelihood=likelihood)
    model.set_weights(ladder().get_weights())
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model.elbo(x, seed=3))
    gradient = tf.reduce_sum(tape.gradient(total, x), [1, 2, 3])
    up, down = (model.elbo(tf.round(x * 255) / 255 + levels / 255, seed=3) for levels in (1.0, -1.0))
    np.testing.assert_allclose(gradient, (up - down) * 255 / 2, atol=0.02 * np.abs(gradient).max())


# ---- a prior with weights ----


def test_a_learned_prior_is_trained_averaged_saved_and_drawn_from(tmp_path: Any) -> None:
    keras.utils.set_random_seed(1)
    encoder, decoder = dense_network(SIDE, (4,), "encoder"), dense_network((2,), (2, 2, 2), "decoder")
    prior = NormalMixture(2, 3, seed=4)
    model = tfgen.VAE(
        SIDE, latent_dim=2, likelihood=Normal(levels=None), prior=prior, encoder=encoder, decoder=decoder, ema=0.9
    )
    model.compile(keras.optimizers.Adam(1e-3))
    begin = [w.numpy() for w in prior.weights]
    model.fit(X, batch_size=8, verbose=0)
    assert all(not np.array_equal(w.numpy(), old) for w, old in zip(prior.weights, begin, strict=True))
    assert not np.array_equal(model.averaged_prior.loc.numpy(), prior.loc.numpy())
    model.averaged_prior.loc.assign(model.averaged_prior.loc + 1.0)  # so that it cannot be taken for the raw one
    seeds = random.row_seeds(1, 5)
    latents = model.averaged_prior.draw(random.uniform(tf.constant(seeds), (3,), stream=Stream.LATENTS))
    drawn = model.sample(seed=seeds)
    np.testing.assert_allclose(drawn, model.decode(latents), atol=1e-6)
    assert np.abs(drawn - model.decode(prior.draw(random.uniform(tf.constant(seeds), (3,))))).max() > 1e-3
    found = model.infer(model.summarise(tf.constant(X), None, False), tf.constant(X), None, tf.fill((len(X), 2), 0.4), False)
    np.testing.assert_allclose(found.log_prior, model.averaged_prior.log_prob(found.latents), rtol=1e-6)
    assert found.kl is None
    model.save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    np.testing.assert_array_equal(loaded.sample(seed=seeds), drawn)
    np.testing.assert_array_equal(loaded.log_prob_bound(X, 5, seed=1), model.log_prob_bound(X, 5, seed=1))
