"""Diagonal Gaussians through TensorFlow Probability: against formulas and against Monte Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from tfgen.distributions import kl_to_standard_normal, normal_log_prob, normal_quantile


@pytest.mark.parametrize(("x", "loc", "scale"), [(0.0, 0.0, 1.0), (1.5, -0.5, 2.0), (-3.0, 0.2, 0.1), (1e3, 0.0, 5.0)])
def test_log_prob_equals_the_formula(x: float, loc: float, scale: float) -> None:
    expected = -(((x - loc) / scale) ** 2) / 2 - math.log(scale) - math.log(2 * math.pi) / 2
    assert float(normal_log_prob(tf.constant(x), loc, scale)) == pytest.approx(expected, rel=1e-5)


def test_half_precision_parameters_are_computed_in_float32() -> None:
    x = tf.constant([0.3], tf.float32)
    for dtype in (tf.float16, tf.bfloat16):
        value = normal_log_prob(x, tf.constant([0.25], dtype), tf.constant([0.5], dtype))
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, normal_log_prob(x, 0.25, 0.5), rtol=1e-6)


def test_quantile_inverts_the_cdf() -> None:
    u = np.linspace(1e-4, 1 - 1e-4, 101)
    drawn = normal_quantile(tf.constant(u, tf.float32), tf.constant(2.0), tf.constant(3.0)).numpy()
    cdf = [(1 + math.erf((value - 2.0) / (3.0 * math.sqrt(2)))) / 2 for value in drawn]
    np.testing.assert_allclose(cdf, u, atol=1e-6)


def test_quantile_is_differentiable_in_its_parameters() -> None:
    loc, scale = tf.constant(2.0), tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch([loc, scale])
        value = normal_quantile(tf.constant(0.8), loc, scale)
    gradients = tape.gradient(value, [loc, scale])
    assert float(gradients[0]) == pytest.approx(1.0)
    assert float(gradients[1]) == pytest.approx(0.8416212, rel=1e-5)


def test_kl_equals_monte_carlo_and_the_formula() -> None:
    loc, scale = tf.constant([[0.5, -1.0, 0.0]]), tf.constant([[0.7, 1.5, 1.0]])
    kl = kl_to_standard_normal(loc, scale).numpy()
    formula = (loc.numpy() ** 2 + scale.numpy() ** 2 - 1) / 2 - np.log(scale.numpy())
    np.testing.assert_allclose(kl, formula, rtol=1e-5, atol=1e-7)
    u = random.uniform(tf.constant(random.row_seeds(0, 100_000)), (3,))
    z = normal_quantile(u, loc, scale)
    ratio = (normal_log_prob(z, loc, scale) - normal_log_prob(z, 0.0, 1.0)).numpy()
    error = 5 * ratio.std(0) / np.sqrt(len(ratio)) + 1e-6
    assert (np.abs(ratio.mean(0) - kl[0]) < error).all()
    assert kl[0, 2] == pytest.approx(0.0, abs=1e-7)
