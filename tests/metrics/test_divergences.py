"""Divergences against closed forms, scipy and their own Monte-Carlo estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.metrics import class_score, cross_entropy, entropy, jensen_shannon_divergence, kl_divergence

P = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 3))
Q = np.random.default_rng(1).dirichlet(np.ones(6), size=(2, 3))

# three Gaussians against one: a batch
NARROW = tfd.Normal([0.0, 1.0, 2.0], 0.5)
WIDE = tfd.Normal([0.0, 0.0, 0.0], 1.5)
MIXTURES = [  # no KL is registered for mixtures
    tfd.MixtureSameFamily(tfd.Categorical(probs=[0.5, 0.5]), tfd.Normal([-centre, centre], 1.0)) for centre in (1.0, 2.0)
]


def within(estimate, expected, errors: float = 5.0) -> None:
    assert np.all(estimate.standard_error > 0)
    assert np.all(np.abs(estimate.value - np.asarray(expected)) < errors * estimate.standard_error)


def test_vectors_equal_scipy():
    np.testing.assert_allclose(kl_divergence(P, Q), scipy.stats.entropy(P, Q, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(entropy(P), scipy.stats.entropy(P, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(
        jensen_shannon_divergence(P, Q), scipy.spatial.distance.jensenshannon(P, Q, axis=-1) ** 2, rtol=1e-10
    )
    np.testing.assert_allclose(cross_entropy(P, Q), entropy(P) + kl_divergence(P, Q), rtol=1e-12)
    assert kl_divergence(P, Q).shape == (2, 3) and isinstance(kl_divergence(P[0, 0], Q[0, 0]), float)


def test_kl_is_asymmetric():
    wide, narrow = [0.5, 0.5], [0.9, 0.1]
    assert kl_divergence(wide, narrow) == pytest.approx(math.log(5 / 3), rel=1e-12)
    assert kl_divergence(narrow, wide) == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2), rel=1e-12)
    assert kl_divergence(wide, narrow) - kl_divergence(narrow, wide) > 0.1
    gaussians = tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 2.0)
    assert kl_divergence(*gaussians).value == pytest.approx(math.log(2) + 1 / 8 - 1 / 2, rel=1e-6)
    assert kl_divergence(*gaussians[::-1]).value == pytest.approx(-math.log(2) + 4 / 2 - 1 / 2, rel=1e-6)
    assert jensen_shannon_divergence(wide, narrow) == pytest.approx(jensen_shannon_divergence(narrow, wide), rel=1e-12)


def test_zero_probabilities():
    assert kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(math.log(2), rel=1e-15)
    assert kl_divergence([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert kl_divergence([1.0, 0.0], [1.0, 0.0]) == 0.0
    assert entropy([0.0, 1.0, 0.0]) == 0.0
    assert cross_entropy([1.0, 0.0], [1.0, 0.0]) == 0.0
    assert cross_entropy([1.0, 0.0], [0.0, 1.0]) == math.inf
    assert kl_divergence([[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.5, 0.5]]).tolist() == [math.inf, 0.0]


def test_disjoint_supports_are_log_2_apart():
    assert jensen_shannon_divergence([1.0, 0.0], [0.0, 1.0]) == math.log(2)
    assert jensen_shannon_divergence([0.25, 0.75, 0, 0], [0, 0, 0.5, 0.5]) == pytest.approx(math.log(2), rel=1e-15)
    assert jensen_shannon_divergence([0.5, 0.5], [0.5, 0.5]) == 0.0
    for gap in (2.0, 1000.0):  # however far apart
        found = jensen_shannon_divergence(tfd.Uniform(0.0, 1.0), tfd.Uniform(gap, gap + 1.0), num_samples=100, seed=0)
        assert found.value == pytest.approx(math.log(2), rel=1e-6) and found.standard_error < 1e-7


def test_uniform_entropy_is_log_k():
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(math.log(8), rel=1e-15)
    assert entropy(tfd.Categorical(probs=[0.25] * 4)).value == pytest.approx(math.log(4), rel=1e-6)


def test_gaussians_take_the_closed_form():
    found = kl_divergence(NARROW, WIDE)
    loc, scale = np.array([0.0, 1.0, 2.0]), 0.5
    expected = math.log(1.5 / scale) + (scale**2 + loc**2) / (2 * 1.5**2) - 0.5
    np.testing.assert_allclose(found.value, expected, rtol=1e-6)
    assert found.standard_error.tolist() == [0.0, 0.0, 0.0]
    assert kl_divergence(NARROW, WIDE, num_samples=2, seed=0).value.tolist() == found.value.tolist()


def test_monte_carlo_agrees_with_the_closed_form_of_gaussians():
    # mixtures of one component: NARROW, for which nothing is registered
    p = tfd.MixtureSameFamily(tfd.Categorical(probs=[[1.0]] * 3), tfd.Normal([[0.0], [1.0], [2.0]], 0.5))
    options = {"num_samples": 20_000, "seed": 3}
    within(kl_divergence(p, WIDE, **options), kl_divergence(NARROW, WIDE).value)
    within(cross_entropy(p, WIDE, **options), cross_entropy(NARROW, WIDE).value)
    entropies = entropy(p, **options)
    within(entropies, entropy(NARROW).value)
    assert entropy(NARROW).value.tolist() == pytest.approx([0.5 * math.log(2 * math.pi * math.e * 0.25)] * 3, rel=1e-6)


@pytest.mark.parametrize("divergence", [kl_divergence, jensen_shannon_divergence])
def test_the_standard_error_is_true(divergence):
    # a batch of 400 copies: 400 independent estimates, which scatter as their standard error says
    copies = [tfd.BatchBroadcast(mixture, 400) for mixture in MIXTURES]
    found = divergence(*copies, num_samples=100, seed=0)
    assert found.value.shape == found.standard_error.shape == (400,)
    assert np.std(found.value) == pytest.approx(np.mean(found.standard_error), rel=0.15)


def test_mixtures_against_numerical_integration():
    x = np.linspace(-12.0, 12.0, 20_001, dtype=np.float32)
    logs = [np.asarray(one.log_prob(x), np.float64) for one in MIXTURES]
    densities, width = [np.exp(log) for log in logs], 24.0 / 20_000
    kl = float((densities[0] * (logs[0] - logs[1])).sum() * width)
    middle = np.log(sum(densities) / 2)
    js = float(sum((one * (log - middle)).sum() for one, log in zip(densities, logs, strict=True)) * width / 2)
    options = {"num_samples": 20_000, "seed": 0}
    within(kl_divergence(*MIXTURES, **options), kl)
    within(jensen_shannon_divergence(*MIXTURES, **options), js)
    within(entropy(MIXTURES[0], **options), -float((densities[0] * logs[0]).sum() * width))
    within(cross_entropy(*MIXTURES, **options), -float((densities[0] * logs[1]).sum() * width))
    assert jensen_shannon_divergence(*MIXTURES, **options).value == pytest.approx(
        jensen_shannon_divergence(*MIXTURES[::-1], **options).value, abs=0.02
    )


def test_draws_are_seeded():
    options = {"num_samples": 100}
    first = kl_divergence(*MIXTURES, seed=5, **options)
    tf.random.set_seed(1)
    assert kl_divergence(*MIXTURES, seed=5, **options) == first
    assert kl_divergence(*MIXTURES, seed=6, **options) != first
    assert kl_divergence(*MIXTURES, **options) != kl_divergence(*MIXTURES, **options)


def test_draws_outside_the_other_support_cost_infinity():
    inside, outside = tfd.Uniform(0.0, 1.0), tfd.Uniform(0.5, 2.0)
    mixture = tfd.MixtureSameFamily(tfd.Categorical(probs=[1.0]), tfd.Uniform([0.0], [1.0]))
    found = kl_divergence(mixture, outside, num_samples=100, seed=0)
    assert found == (math.inf, math.inf)
    assert kl_divergence(inside, outside).value == math.inf
    assert jensen_shannon_divergence(inside, outside, num_samples=100, seed=0).value < math.log(2)


def test_a_batch_may_be_compared_with_one_distribution():
    batch = tfd.MixtureSameFamily(tfd.Categorical(probs=[[1.0], [1.0]]), tfd.Normal([[0.0], [3.0]], 1.0))
    found = kl_divergence(batch, tfd.Normal(0.0, 1.0), num_samples=5000, seed=0)
    assert found.value[0] == pytest.approx(0.0, abs=1e-6)
    assert abs(found.value[1] - 4.5) < 5 * found.standard_error[1] < 1.0


def test_multivariate_distributions_are_one_number():
    p = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    q = tfd.MultivariateNormalDiag([1.0, 2.0], [1.0, 1.0])
    assert kl_divergence(p, q).value == pytest.approx(2.5, rel=1e-6)
    assert isinstance(jensen_shannon_divergence(p, q, num_samples=10, seed=0).value, float)


def test_class_score_by_hand():
    rows = np.random.default_rng(3).dirichlet(np.ones(5), size=40)
    marginal = rows.mean(0)
    expected = math.exp(np.mean([sum(p * math.log(p / m) for p, m in zip(row, marginal, strict=True)) for row in rows]))
    assert class_score(rows) == pytest.approx(expected, rel=1e-12)
    assert class_score(np.eye(10)) == pytest.approx(10.0, rel=1e-12)
    assert class_score(np.eye(10)[[3, 3, 3]]) == 1.0  # one class only
    assert class_score(np.full((4, 10), 0.1)) == pytest.approx(1.0, abs=1e-12)
    assert 1.0 <= class_score(np.asarray(tf.nn.softmax(tf.random.stateless_normal((100, 10), [0, 1])))) <= 10.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: kl_divergence(*MIXTURES),
            ValueError,
            "No closed form.*pass `num_samples`.*Received: num_samples=None, Mixture",
        ),
        (lambda: kl_divergence(*MIXTURES, num_samples=1), ValueError, "at least 2.*Received: num_samples=1"),
        (lambda: jensen_shannon_divergence(NARROW, WIDE), ValueError, "pass `num_samples`.*Received: num_samples=None, Normal"),
        (lambda: kl_divergence([0.5, 0.5], NARROW), TypeError, "two probability vectors or two distributions.*list and Normal"),
        (lambda: kl_divergence([3.0, 1.0], [0.5, 0.5]), ValueError, "`p` to hold probabilities.*sums from 4.0 to 4.0"),
        (lambda: kl_divergence([0.5, 0.5], [1.5, -0.5]), ValueError, "`q` to hold probabilities.*least value -0.5"),
        (lambda: kl_divergence([0.5, 0.5], [1.0]), ValueError, r"of one shape. Received: \(2,\) and \(1,\)"),
        (lambda: entropy([np.nan, 1.0]), ValueError, "Expected `p` to hold probabilities"),
        (lambda: entropy(1.0), ValueError, r"of shape \(..., k\).*Received: p of shape \(\)"),
        (lambda: class_score([0.5, 0.5]), ValueError, r"`probabilities` of shape \(n, classes\)"),
        (lambda: class_score(np.zeros((0, 3))), ValueError, "at least one row"),
        (
            lambda: jensen_shannon_divergence(tfd.Normal(0.0, 1.0), WIDE, num_samples=3),
            ValueError,
            r"of one batch shape.*Received: batch shapes \(\) and \(3,\)",
        ),
        (
            lambda: kl_divergence(tfd.MultivariateNormalDiag([0.0, 0.0]), WIDE),
            ValueError,
            r"of one event shape. Received: \(2,\) and \(\)",
        ),
        (
            lambda: jensen_shannon_divergence(tfd.Normal(0.0, np.nan), tfd.Normal(0.0, 1.0), num_samples=5),
            ValueError,
            "Received: NaN, from parameters out of range",
        ),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
