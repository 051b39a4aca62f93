"""Posteriors of latents: draws and densities against TensorFlow Probability, closed KLs against Monte Carlo, configs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from tfgen.distributions import (
    DiagonalNormal,
    FullNormal,
    NormalMixture,
    PointMass,
    Posterior,
    StandardNormal,
    Uniform,
    get_posterior,
)

POSTERIORS = [DiagonalNormal(3), FullNormal(3), PointMass(3)]
GAUSSIANS = POSTERIORS[:2]


def outputs(posterior: Posterior, rows: int = 4) -> tf.Tensor:
    return tf.constant(np.random.default_rng(2).normal(size=(rows, posterior.num_parameters)), tf.float32)


def reference(posterior: Posterior, parameters: dict[str, tf.Tensor]):
    from tensorflow_probability import distributions as tfd

    if "cholesky" in parameters:
        return tfd.MultivariateNormalTriL(parameters["loc"], parameters["cholesky"])
    return tfd.MultivariateNormalDiag(parameters["loc"], parameters["scale"])


def named(posterior: Posterior) -> str:
    return type(posterior).__name__


@pytest.mark.parametrize("posterior", POSTERIORS, ids=named)
def test_outputs_of_any_number_format_become_float32_parameters(posterior: Posterior) -> None:
    half = tf.cast(outputs(posterior), tf.float16)
    parameters = posterior.split(half)
    assert parameters["loc"].shape == (4, 3)
    assert all(value.dtype == tf.float32 and value.shape[0] == 4 for value in parameters.values())
    np.testing.assert_array_equal(parameters["loc"], tf.cast(half[:, :3], tf.float32))
    z, _ = posterior.draw(parameters, tf.fill((4, 3), 0.3))
    assert z.shape == (4, 3) and z.dtype == tf.float32


@pytest.mark.parametrize("posterior", GAUSSIANS, ids=named)
def test_zero_outputs_are_the_standard_normal(posterior: Posterior) -> None:
    parameters = posterior.split(tf.zeros((2, posterior.num_parameters)))
    np.testing.assert_allclose(parameters["scale"], 1.0, atol=1e-4)
    np.testing.assert_allclose(posterior.kl(parameters, StandardNormal(3)), 0.0, atol=1e-6)
    u = random.uniform(tf.constant([1, 2], tf.int64), (3,))
    np.testing.assert_allclose(posterior.draw(parameters, u)[0], tf.math.ndtri(u), atol=1e-3)


@pytest.mark.parametrize("posterior", GAUSSIANS, ids=named)
def test_log_q_is_that_of_tensorflow_probability(posterior: Posterior) -> None:
    parameters = posterior.split(outputs(posterior))
    z, log_q = posterior.draw(parameters, random.uniform(tf.constant(random.row_seeds(0, 4)), (3,)))
    assert log_q.shape == (4,)
    np.testing.assert_allclose(log_q, reference(posterior, parameters).log_prob(z), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(parameters["scale"], reference(posterior, parameters).stddev(), rtol=1e-5)


@pytest.mark.parametrize("posterior", GAUSSIANS, ids=named)
def test_draws_have_the_mean_and_the_covariance(posterior: Posterior) -> None:
    rows = 20_000
    parameters = {name: tf.repeat(value, rows, 0) for name, value in posterior.split(outputs(posterior, 1)).items()}
    z, _ = posterior.draw(parameters, random.uniform(tf.constant(random.row_seeds(0, rows)), (3,)))
    law = reference(posterior, {name: value[:1] for name, value in parameters.items()})
    spread = float(tf.reduce_max(law.stddev()))
    np.testing.assert_allclose(z.numpy().mean(0), law.mean()[0], atol=5 * spread / np.sqrt(rows))
    np.testing.assert_allclose(np.cov(z.numpy().T), law.covariance()[0], atol=8 * spread**2 / np.sqrt(rows))


@pytest.mark.parametrize("posterior", GAUSSIANS, ids=named)
def test_the_closed_kl_is_that_of_monte_carlo_and_of_tensorflow_probability(posterior: Posterior) -> None:
    from tensorflow_probability import distributions as tfd

    prior, rows = StandardNormal(3), 20_000
    one = posterior.split(outputs(posterior, 1))
    kl = posterior.kl(one, prior)
    assert kl.shape == (1, 3) and float(tf.reduce_min(kl)) >= 0.0
    exact = tfd.kl_divergence(reference(posterior, one), tfd.MultivariateNormalDiag(tf.zeros(3)))
    np.testing.assert_allclose(tf.reduce_sum(kl, -1), exact, rtol=1e-5)
    parameters = {name: tf.repeat(value, rows, 0) for name, value in one.items()}
    z, log_q = posterior.draw(parameters, random.uniform(tf.constant(random.row_seeds(0, rows)), (3,)))
    ratio = (log_q - prior.log_prob(z)).numpy()
    assert ratio.mean() == pytest.approx(float(exact[0]), abs=5 * ratio.std() / np.sqrt(rows))


def test_a_diagonal_factor_has_the_diagonal_posteriors_kl() -> None:
    loc, scale = tf.constant([[0.5, -1.0, 0.0]]), tf.constant([[0.7, 1.5, 1.0]])
    full = FullNormal(3).kl({"loc": loc, "scale": scale, "cholesky": tf.linalg.diag(scale)}, StandardNormal(3))
    np.testing.assert_allclose(full, DiagonalNormal(3).kl({"loc": loc, "scale": scale}, StandardNormal(3)), atol=1e-6)


@pytest.mark.parametrize("posterior", POSTERIORS, ids=named)
def test_only_monte_carlo_will_do_for_other_priors(posterior: Posterior) -> None:
    parameters = posterior.split(outputs(posterior))
    assert posterior.kl(parameters, Uniform(3)) is None
    assert posterior.kl(parameters, NormalMixture(3)) is None
    assert (posterior.kl(parameters, StandardNormal(3)) is None) == isinstance(posterior, PointMass)


def test_a_point_mass_draws_its_point() -> None:
    parameters = PointMass(3).split(outputs(PointMass(3)))
    z, log_q = PointMass(3).draw(parameters, tf.fill((4, 3), 0.9))
    assert z is parameters["loc"] and log_q is None


@pytest.mark.parametrize("posterior", GAUSSIANS, ids=named)
def test_gradients_reach_every_output_and_stay_finite(posterior: Posterior) -> None:
    for size in (1.0, 30.0):
        raw = size * outputs(posterior, 1)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(raw)
            parameters = posterior.split(raw)
            z, log_q = posterior.draw(parameters, tf.constant([[0.2, 0.6, 0.9]]))
            total = tf.reduce_sum(z) + tf.reduce_sum(posterior.kl(parameters, StandardNormal(3)))
        assert np.isfinite(tape.gradient(log_q, raw)).all() and np.isfinite(tape.gradient(total, raw)).all()
        if size == 1.0:
            assert np.count_nonzero(tape.gradient(total, raw)) == posterior.num_parameters


def test_names_and_configs() -> None:
    assert get_posterior(None, 3) == get_posterior("diagonal", 3) == DiagonalNormal(3) != DiagonalNormal(4)
    assert get_posterior("full", 3) == FullNormal(3) and hash(FullNormal(3)) == hash(get_posterior("full", 3))
    for posterior in POSTERIORS:
        assert get_posterior(posterior, 3) is posterior
        assert get_posterior(keras.saving.serialize_keras_object(posterior), 3) == posterior
    assert [posterior.num_parameters for posterior in POSTERIORS] == [6, 9, 3]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DiagonalNormal(0), "`latent_dim` must be an integer of at least 1. Received: latent_dim=0"),
        (lambda: get_posterior("flow", 2), r"one of \['diagonal', 'full'\].*Received: posterior='flow'"),
        (lambda: get_posterior(FullNormal(3), 2), "the model's number of latents, 2. Received: posterior.latent_dim=3"),
    ],
)
def test_wrong_arguments_are_named(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
