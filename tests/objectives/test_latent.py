"""The objectives of latent-variable models: hand tables, slow numpy, gradients at extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import elbo, free_bits, importance_weighted_bound

KL = np.array([[0.1, 2.0, 0.7], [0.3, 1.0, 0.5], [0.2, 0.0, 0.0]], np.float32)  # means 0.2, 1.0, 0.4


def slope(function, values):
    """The gradient of the mean over the batch, which is what training descends."""
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        mean = tf.reduce_mean(function(values))
    return tape.gradient(mean, values).numpy()


@pytest.mark.parametrize(("beta", "expected"), [(0.0, -3.0), (1.0, -4.5), (2.0, -6.0), (0.5, -3.75)])
def test_the_bound_by_hand(beta, expected):
    assert elbo(tf.constant([-3.0]), tf.constant([1.5]), beta).numpy().tolist() == [expected]


def test_the_bound_takes_a_tensor_for_its_weight_and_one_by_default():
    log_likelihood, kl = tf.constant([-3.0, -1.0]), tf.constant([1.5, 2.0])
    assert elbo(log_likelihood, kl).numpy().tolist() == [-4.5, -3.0]
    assert elbo(log_likelihood, kl, tf.constant(2.0)).numpy().tolist() == [-6.0, -5.0]


def slow_free_bits(kl, floor):
    """The formula of the paper, one latent at a time."""
    return sum(max(float(np.mean(kl[:, latent])), floor) for latent in range(kl.shape[1]))


@pytest.mark.parametrize("floor", [0.0, 0.1, 0.3, 0.45, 0.9, 5.0])
def test_free_bits_agree_with_the_papers_formula(floor):
    charged = free_bits(tf.constant(KL), floor)
    assert charged.shape == (3,)
    assert float(tf.reduce_mean(charged)) == pytest.approx(slow_free_bits(KL, floor), rel=1e-6)


def test_no_free_bits_leave_the_divergence_as_it_is():
    np.testing.assert_allclose(free_bits(tf.constant(KL), 0.0), KL.sum(1), rtol=1e-6)


def test_a_latent_below_the_floor_is_not_pressed_and_one_above_is():
    pressed = slope(lambda kl: free_bits(kl, 0.3), KL)
    np.testing.assert_allclose(pressed, np.tile([0.0, 1.0, 1.0], (3, 1)) / 3, rtol=1e-6)


def test_free_bits_of_two_parts_with_the_mean_of_both_are_those_of_the_whole():
    whole = np.concatenate([KL, 3 * KL[::-1]])
    mean = tf.constant(whole.mean(0))
    parts = [free_bits(tf.constant(part), 0.5, mean) for part in (whole[:3], whole[3:])]
    np.testing.assert_allclose(tf.concat(parts, 0), free_bits(tf.constant(whole), 0.5), rtol=1e-6)
    # a part alone would have left its first latent, of mean 0.2, below the floor of 0.35 that the mean of all, 0.4, is above
    alone = free_bits(tf.constant(KL), 0.35)
    assert not np.allclose(alone, free_bits(tf.constant(KL), 0.35, mean))


def slow_bound(log_weights):
    return [math.log(sum(math.exp(value) for value in row) / len(row)) for row in log_weights]


def test_the_weighted_bound_by_hand_and_by_slow_numpy():
    assert float(importance_weighted_bound(tf.constant([[0.0, math.log(3.0)]]))[0]) == pytest.approx(math.log(2.0))
    log_weights = np.random.default_rng(1).normal(-5.0, 3.0, (4, 7)).astype(np.float32)
    np.testing.assert_allclose(importance_weighted_bound(tf.constant(log_weights)), slow_bound(log_weights), rtol=1e-5)


def test_one_draw_gives_the_draw_itself_and_more_lie_between_mean_and_maximum():
    log_weights = np.random.default_rng(2).normal(-50.0, 10.0, (6, 5)).astype(np.float32)
    np.testing.assert_allclose(importance_weighted_bound(tf.constant(log_weights[:, :1])), log_weights[:, 0], rtol=1e-6)
    bound = importance_weighted_bound(tf.constant(log_weights)).numpy()
    assert (bound >= log_weights.mean(1)).all()
    assert (bound <= log_weights.max(1)).all()


def test_the_weighted_bounds_gradient_is_the_normalised_weight():
    log_weights = np.array([[0.0, math.log(3.0)], [-700.0, -700.0]], np.float32)
    expected = np.array([[0.25, 0.75], [0.5, 0.5]]) / 2
    np.testing.assert_allclose(slope(importance_weighted_bound, log_weights), expected, rtol=1e-5)


def test_the_weighted_bound_is_finite_at_extremes():
    log_weights = np.array([[-1e4, 1e4], [-1e4, -1e4], [1e4, 1e4]], np.float32)
    np.testing.assert_allclose(importance_weighted_bound(tf.constant(log_weights)), [1e4 - math.log(2), -1e4, 1e4], rtol=1e-6)
    assert np.isfinite(slope(importance_weighted_bound, log_weights)).all()


@pytest.mark.parametrize("function", [lambda values: free_bits(values, 0.5), lambda values: elbo(values[:, 0], values[:, 1])])
def test_divergences_of_any_size_have_finite_gradients(function):
    assert np.isfinite(slope(function, np.array([[0.0, 1e4], [1e-8, 1e30]], np.float32))).all()
