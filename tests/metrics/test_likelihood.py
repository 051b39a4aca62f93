"""Units of likelihoods, and the dequantization bound by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgen.metrics import density_bits_per_dim, nats_to_bits_per_dim


def test_bits_per_dimension_by_hand():
    assert nats_to_bits_per_dim(784 * math.log(2), (28, 28, 1)) == pytest.approx(1.0, rel=1e-15)
    assert nats_to_bits_per_dim(np.array([0.0, 12 * math.log(256)]), (2, 2, 3)).tolist() == pytest.approx([0.0, 8.0])


def test_the_models_use_the_same_function():
    from tfgen.models import likelihood

    assert likelihood.nats_to_bits_per_dim is nats_to_bits_per_dim


def test_uniform_noise_costs_all_its_bits():
    assert density_bits_per_dim(0.0, (4, 4, 3)) == 8.0
    assert density_bits_per_dim(0.0, (4,), levels=32) == 5.0
    assert density_bits_per_dim(-12 * math.log(256), (12,), unit_range=False) == pytest.approx(8.0, rel=1e-14)


@pytest.mark.parametrize("unit_range", [True, False])
def test_the_bound_by_enumeration(unit_range: bool):
    """A Gaussian density on 8 levels: the probability of each level is known, and so is the bound's gap."""
    levels, width = 8, 1 / 8 if unit_range else 1.0
    gaussian = scipy.stats.norm(0.55 * levels * width, 0.2 * levels * width)
    fill = (np.arange(2000) + 0.5) / 2000
    exact, bound = [], []
    for level in range(levels):
        cell = (level + fill) * width
        bits = density_bits_per_dim(gaussian.logpdf(cell), (1,), levels=levels, unit_range=unit_range)
        bound.append(bits.mean())
        exact.append(-math.log2(gaussian.cdf((level + 1) * width) - gaussian.cdf(level * width)))
    gaps = np.array(bound) - np.array(exact)
    assert (gaps > 0).all()  # never too good
    assert (gaps < 0.2).all()  # near, where the density is smooth
    flat = density_bits_per_dim(np.log(np.full(5, 0.5 / width)), (1,), levels=levels, unit_range=unit_range)
    np.testing.assert_allclose(flat, 1.0, rtol=1e-12)  # and exact where it is flat in a cell: half the mass


def test_it_equals_what_the_gaussian_likelihood_reports():
    from tfgen.distributions import Normal

    parameters, seeds = tf.constant(np.random.default_rng(0).normal(size=(3, 2, 2, 1, 2)), tf.float32), tf.range(3)
    likelihood = Normal()
    images = likelihood.prepare(tf.zeros((3, 2, 2, 1)), tf.cast(seeds, tf.int64))
    discrete = np.asarray(likelihood.log_prob(parameters, images)).sum((1, 2, 3))
    density = discrete + 4 * math.log(256)
    np.testing.assert_allclose(density_bits_per_dim(density, (2, 2, 1)), nats_to_bits_per_dim(-discrete, (2, 2, 1)), rtol=1e-5)


def test_one_level_is_refused():
    with pytest.raises(ValueError, match=r"`levels` must be an integer of at least 2\. Received: levels=1"):
        density_bits_per_dim(0.0, (1,), levels=1)
