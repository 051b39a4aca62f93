"""The bounds on the likelihood, where the likelihood is known: a linear VAE of Gaussian pixels, and integrals of one pixel."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.latent.linear import LATENTS, PIXELS, gaussian_log_prob, inverse_softplus, linear_model
from tfgen import random
from tfgen.distributions import Normal, kl_to_standard_normal, normal_log_prob, normal_quantile

IMAGES, DRAWS = 4, 1000


def of_each_image(values):
    """Means over the draws of each image, and their standard errors."""
    values = values.reshape(IMAGES, DRAWS).astype(np.float64)
    return values.mean(1), values.std(1) / math.sqrt(DRAWS)


def bounds(model, x):
    """The ELBO and the weighted bounds of K = 1, 5, 200 for every image, each with its error."""
    repeated = np.repeat(x, DRAWS, 0)
    found = [of_each_image(model.elbo(repeated, seed=1, batch_size=4000))]
    for num_samples in (1, 5, 200):
        found.append(of_each_image(model.log_prob_bound(repeated, num_samples, seed=2, batch_size=1000)))
    return found


def test_the_bounds_rise_towards_the_exact_likelihood():
    model, law = linear_model("rough")
    x = law.draw(IMAGES)
    exact = law.log_prob(x)
    (elbo, error), (single, single_error), (five, five_error), (many, many_error) = bounds(model, x)
    np.testing.assert_array_less(np.abs(elbo - single), 5 * (error + single_error))  # K = 1 is the ELBO
    assert (elbo + 0.1 < five).all()
    assert (five + 0.02 < many).all()
    assert (many < exact + 5 * many_error).all()
    np.testing.assert_allclose(many, exact, atol=0.05)
    assert max(error.max(), five_error.max()) < 0.1  # so that the gaps above are no accident of the draws


def test_the_elbo_falls_short_of_the_likelihood_by_the_posteriors_divergence():
    model, law = linear_model("rough")
    x = law.draw(IMAGES)
    elbo, error = of_each_image(model.elbo(np.repeat(x, DRAWS, 0), seed=1))
    loc, scale = model.encode(x)
    exact_loc, variance = (x.reshape(IMAGES, PIXELS) - 0.5 - law.bias) @ law.posterior_weights, law.posterior_variance
    divergence = 0.5 * (scale**2 / variance + (loc - exact_loc) ** 2 / variance - 1 - np.log(scale**2 / variance))
    np.testing.assert_array_less(np.abs(law.log_prob(x) - divergence.sum(1) - elbo), 5 * error + 1e-3)


def test_with_the_exact_posterior_every_bound_is_the_likelihood():
    model, law = linear_model("exact")
    x = law.draw(IMAGES)
    exact = law.log_prob(x)
    elbo, error = of_each_image(model.elbo(np.repeat(x, DRAWS, 0), seed=3))
    np.testing.assert_array_less(np.abs(elbo - exact), 5 * error + 1e-3)
    for num_samples in (1, 7):  # each single weight is p(x)
        np.testing.assert_allclose(model.log_prob_bound(x, num_samples, seed=4), exact, atol=2e-3)


def test_the_law_of_the_linear_model_is_a_density():
    _, law = linear_model()
    x = law.draw(3)
    latents = np.random.default_rng(1).normal(size=(20000, LATENTS))
    for row, expected in zip(x, law.log_prob(x), strict=True):  # p(x) = mean of p(x | z) over the prior
        given = law.log_prob_given(np.repeat(row[None], len(latents), 0), latents)
        assert np.logaddexp.reduce(given) - math.log(len(latents)) == pytest.approx(expected, abs=0.15)


def test_the_reconstruction_term_is_the_whole_log_density_of_the_pixels():
    # every constant of the Gaussian is there, summed over pixels: without them bounds of two models cannot be compared
    model, law = linear_model("certain")
    model.compile()
    x = law.draw(8)
    loc, _ = model.encode(x)
    result = model.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert result["reconstruction"] == pytest.approx(-law.log_prob_given(x, loc).mean(), abs=0.02)


def test_the_divergence_is_that_of_monte_carlo_and_never_negative():
    loc = tf.constant([[0.0, 0.5, -2.0, 1.0]])
    scale = tf.constant([[1.0, 0.3, 2.0, 1e-4]])
    exact = kl_to_standard_normal(loc, scale).numpy()[0]
    u = random.uniform(random.row_keys(9, tf.range(20000)), (4,))
    z = normal_quantile(u, loc, scale)
    draws = (normal_log_prob(z, loc, scale) - normal_log_prob(z, 0.0, 1.0)).numpy()
    np.testing.assert_array_less(np.abs(draws.mean(0) - exact), 5 * draws.std(0) / math.sqrt(20000) + 1e-6)
    by_hand = (np.square(loc) + np.square(scale) - 1) / 2 - np.log(scale)
    np.testing.assert_allclose(exact, by_hand[0], rtol=1e-5, atol=1e-6)
    assert (exact >= 0).all()
    assert exact[0] == 0.0


# ---- dequantised pixels ----


def cumulative(value, loc, scale):
    return 0.5 * math.erfc((loc - value) / scale / math.sqrt(2))


def parameters_of(loc, scale):
    """The network outputs that mean this Gaussian."""
    return tf.constant([loc - 0.5, float(inverse_softplus((scale - 1e-3) / 0.1))], tf.float32)


@pytest.mark.parametrize(("levels", "loc", "scale"), [(256, 0.302, 0.0015), (256, 0.5, 0.05), (4, 0.4, 0.06), (2, 0.2, 0.3)])
def test_a_dequantised_pixel_is_a_lower_bound_on_the_probability_of_its_level(levels, loc, scale):
    likelihood, draws = Normal(levels=levels), 2000
    nearest = int(loc * levels)
    chosen = sorted({min(max(nearest + step, 0), levels - 1) for step in (-1, 0, 1, 2)})
    x = np.repeat(np.array(chosen, np.float32) / (levels - 1), draws).reshape(-1, 1, 1, 1)
    prepared = likelihood.prepare(tf.constant(x), tf.constant(random.row_seeds(3, len(x))))
    single = likelihood.log_prob(parameters_of(loc, scale), prepared).numpy().reshape(len(chosen), draws)
    bound, error = single.mean(1), single.std(1) / math.sqrt(draws)
    exact = [math.log(cumulative((k + 1) / levels, loc, scale) - cumulative(k / levels, loc, scale)) for k in chosen]
    assert (bound <= np.array(exact) + 5 * error + 1e-4).all()
    # and it is the mean of the log-density over the level's interval, by the midpoint rule
    middles = (np.arange(1000) + 0.5) / 1000
    for k, value, deviation in zip(chosen, bound, error, strict=True):
        density = -0.5 * (((k + middles) / levels - loc) / scale) ** 2 - math.log(scale * math.sqrt(2 * math.pi) * levels)
        assert abs(value - density.mean()) < 5 * deviation + 1e-3


def test_dequantised_images_lie_within_their_levels():
    x = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 255
    prepared = Normal().prepare(tf.constant(np.repeat(x, 50, 0)), tf.constant(random.row_seeds(0, 50))).numpy()
    np.testing.assert_array_equal(np.floor(prepared * 256), np.repeat(np.arange(256.0).reshape(1, 16, 16, 1), 50, 0))
    assert np.abs((prepared * 256) % 1.0 - 0.5).mean() == pytest.approx(0.25, abs=0.01)
    assert (prepared[0] != prepared[1]).all()  # every row has noise of its own


def trained_on_black_images(likelihood):
    """A model that could not do better than to press all its density onto one value."""
    keras.utils.set_random_seed(1)
    model = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=8, likelihood=likelihood)
    model.compile(keras.optimizers.Adam(0.1))
    dataset = tf.data.Dataset.from_tensors(np.zeros((16, 4, 4, 1), np.float32)).repeat()
    model.fit(dataset, steps_per_epoch=100, verbose=0)
    return model


def test_constant_images_do_not_run_off_to_infinite_density():
    model = trained_on_black_images("normal")
    result = model.evaluate(np.zeros((64, 4, 4, 1)), batch_size=64, verbose=0, return_dict=True)
    assert all(math.isfinite(value) for value in result.values())
    assert -0.02 < result["bits_per_dim"] < 6.0  # a bound on the log-probability of levels, of which a guess costs 8 bits
    assert result["kl"] >= 0


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.2])
def test_the_narrowest_density_a_dequantised_pixel_can_have_is_no_more_than_certainty(shift):
    parameters = tf.constant([(0.5 + shift) / 256 - 0.5, -50.0])  # near the middle of the lowest level, at the scale's floor
    x = tf.constant(Normal().prepare(tf.zeros((2000, 1, 1, 1)), tf.constant(random.row_seeds(0, 2000))))
    single = Normal().log_prob(parameters, x).numpy()
    assert single.max() > 0  # one draw of the dequantised density may exceed 1: it is the mean that is a bound
    assert single.mean() < 0


def test_the_floor_of_the_scale_bounds_the_density_of_continuous_images():
    model = trained_on_black_images(Normal(levels=None))
    most = 16 * -math.log(1e-3 * math.sqrt(2 * math.pi))
    elbo = model.elbo(np.zeros((8, 4, 4, 1)), seed=0)
    assert np.isfinite(elbo).all()
    assert 0 < elbo.max() <= most


def test_the_hand_written_density_is_right():
    x = np.array([[0.3, -0.2]])
    covariance = np.array([[0.5, 0.1], [0.1, 0.2]])
    determinant = 0.5 * 0.2 - 0.01
    squared = (0.2 * 0.09 + 2 * 0.1 * 0.3 * 0.2 + 0.5 * 0.04) / determinant
    expected = -0.5 * squared - math.log(2 * math.pi * math.sqrt(determinant))
    assert gaussian_log_prob(x, np.zeros(2), covariance)[0] == pytest.approx(expected)


def test_a_bound_inside_a_graph_draws_anew_in_each_call():
    model = tfgen.VAE((2, 2, 1), latent_dim=2, network="mlp", width=3)
    x = tf.zeros((3, 2, 2, 1))
    bound = tf.function(lambda x: (model.elbo(x), model.log_prob_bound(x, 2), model.elbo(x, seed=1)))
    (elbo, weighted, fixed), (again, weighted_again, same) = bound(x), bound(x)
    assert (elbo != again).numpy().any() and (weighted != weighted_again).numpy().any()
    assert len({*elbo.numpy().tolist()}) == 3  # and for each row
    np.testing.assert_array_equal(fixed, same)
