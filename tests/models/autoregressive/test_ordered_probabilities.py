"""FVBN, NADE and MADE as distributions: they sum to one, mixtures too, and samples follow them; FVBN's best model is known."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

import tfgen
from tfgen.models.batch import Batch

from .ordered_models import KINDS, by_steps, log_prob_in_order, small
from .small import all_images, images


@pytest.mark.parametrize("kind", KINDS)
def test_sums_to_one(kind: str) -> None:
    model = small(kind, (2, 3, 1))
    log_prob = model.log_prob(all_images(model)).astype(np.float64)
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-4)
    assert log_prob.std() > 0.1  # and is not merely uniform


@pytest.mark.parametrize("kind", ["made, three orders", "made, two orders, three levels", "made, three masks in raster order"])
def test_several_orders_are_a_mixture(kind: str) -> None:
    model = small(kind, (2, 2, 1))
    x, count = all_images(model), model.network.num_orderings
    each = np.stack([log_prob_in_order(model, x, ordering) for ordering in range(count)]).astype(np.float64)
    np.testing.assert_allclose(np.exp(each).sum(1), 1.0, atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 0.05
    np.testing.assert_allclose(model.log_prob(x), np.log(np.exp(each).mean(0)), rtol=1e-5)


def test_training_takes_the_orders_in_turn() -> None:
    """The loss of step t is that of order t mod K, from whatever step training goes on; evaluation is the mixture's."""
    model = small("made, three orders", (2, 3, 1))
    x = images((2, 3, 1), 8)
    for ordering in range(3):
        expected = -log_prob_in_order(model, x, ordering).mean()
        batch = Batch(tf.constant(x), None, None, None, tf.zeros((8,), tf.int64), True)
        assert float(tf.reduce_mean(model.per_example(batch)["loss"])) == pytest.approx(expected, rel=1e-5)
        model.step.assign_add(1)
    model.compile()
    assert model.evaluate(x, verbose=0, return_dict=True)["nll"] == pytest.approx(-model.log_prob(x).mean(), rel=1e-5)


# 5 x 27 values are three blocks of 45, 2 x 3 x 2 are one
@pytest.mark.parametrize("shape", [(2, 3, 2), (5, 27, 1)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.in_turn(every=4)
def test_conditionals_by_steps_multiply_to_log_prob(kind: str, shape: Any) -> None:
    model = small(kind, shape)
    x = images(model.event_shape, 3, model.likelihood.levels)
    for ordering in range(model.network.num_orderings):
        np.testing.assert_allclose(by_steps(model, x, ordering), log_prob_in_order(model, x, ordering), rtol=2e-5)
    if model.network.num_orderings == 1:
        np.testing.assert_allclose(by_steps(model, x), model.log_prob(x), rtol=2e-5)


@pytest.mark.parametrize("kind", ["fvbn", "nade, relu, random order", "made", "made, three orders"])
def test_sample_frequencies_are_the_probabilities(kind: str) -> None:
    model, n = small(kind, (2, 3, 1)), 8192
    everything = all_images(model)
    probabilities = np.exp(model.log_prob(everything).astype(np.float64))
    drawn = model.sample(n, seed=1, batch_size=n).reshape(n, -1)
    flat = everything.reshape(len(everything), -1)
    counts = np.array([(drawn == row).all(1).sum() for row in flat])
    assert counts.sum() == n
    statistic = ((counts - n * probabilities) ** 2 / (n * probabilities)).sum()
    freedom = len(flat) - 1
    assert statistic < freedom + 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.in_turn(every=4)
def test_steps_add_up_to_log_prob_of_what_was_drawn(kind: str) -> None:
    model = small(kind, (3, 4, 2))
    x = model.sample(6, seed=0)
    log_prob = model.log_prob(x)  # would refuse values off the grid
    assert np.isfinite(log_prob).all() and (log_prob < 0).all() and len(set(log_prob.tolist())) > 1
    each = [by_steps(model, x, ordering) for ordering in range(model.network.num_orderings)]
    np.testing.assert_allclose(np.logaddexp.reduce(each) - np.log(len(each)), log_prob, rtol=2e-5)


def test_mean_log_prob_of_samples_is_minus_the_entropy() -> None:
    model = small("made, three orders", (2, 3, 1))
    exact = model.log_prob(all_images(model)).astype(np.float64)
    entropy = -(np.exp(exact) * exact).sum()
    drawn = -model.log_prob(model.sample(4096, seed=3, batch_size=4096)).astype(np.float64)
    assert abs(drawn.mean() - entropy) < 5 * drawn.std() / np.sqrt(len(drawn))


# ---- what training finds ----


def trained(model: Any, data: np.ndarray, steps: int, rate: float) -> Any:
    model.compile(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps)))
    model.fit(tf.data.Dataset.from_tensors(data).repeat(), steps_per_epoch=steps, verbose=0)
    return model


def test_fvbn_starts_as_fair_coins() -> None:
    model = tfgen.FVBN((4, 3, 1))
    np.testing.assert_allclose(model.log_prob(images((4, 3, 1), 3)), -12 * np.log(2.0), rtol=1e-6)


def test_fvbn_of_two_pixels_finds_the_frequencies() -> None:
    """Two pixels have three free probabilities, and FVBN three weights."""
    counts = {(0, 0): 5, (0, 1): 3, (1, 0): 2, (1, 1): 6}
    data = np.concatenate([np.tile(np.array(pair, np.float32), (n, 1)) for pair, n in counts.items()]).reshape(-1, 1, 2, 1)
    for ordering_seed in (None, 0, 1):
        order = {} if ordering_seed is None else {"ordering": "random", "ordering_seed": ordering_seed}
        model = trained(tfgen.FVBN((1, 2, 1), **order), data, 300, 0.1)
        found = np.exp(model.log_prob(np.array(list(counts), np.float32).reshape(-1, 1, 2, 1)))
        np.testing.assert_allclose(found, np.array(list(counts.values())) / 16, atol=2e-3)


@pytest.mark.parametrize("ordering", ["raster", "random"])
def test_fvbn_is_logistic_regression(ordering: str) -> None:
    """Each pixel's weights are the maximum-likelihood ones of a logistic regression on those before it."""
    noise = np.random.default_rng(3)
    first = noise.random((400, 1)) < 0.5
    rest = noise.random((400, 4)) < np.where(first, [0.8, 0.3, 0.6, 0.5], [0.4, 0.6, 0.2, 0.5])
    flat = np.concatenate([first, rest ^ (noise.random((400, 4)) < 0.2)], 1).astype(np.float64)
    model: Any = tfgen.FVBN((1, 5, 1), ordering=ordering, ordering_seed=2)
    trained(model, flat.reshape(-1, 1, 5, 1).astype(np.float32), 600, 0.1)
    kernel = model.network.direct_kernel.numpy()[:, 0]
    for number, place in enumerate(model.network.orderings[0]):
        seen, target = flat[:, model.network.orderings[0][:number]], flat[:, place]

        def loss(weights: np.ndarray, seen: np.ndarray = seen, target: np.ndarray = target) -> float:
            logits = weights[0] + seen @ weights[1:]
            return float((np.logaddexp(0.0, logits) - target * logits).mean())

        best = scipy.optimize.minimize(loss, np.zeros(number + 1)).x
        found = [model.network.output_bias.numpy()[place, 0], *kernel[place, model.network.orderings[0][:number]]]
        np.testing.assert_allclose(found, best, atol=0.02)


@pytest.mark.parametrize("build", [
    lambda: tfgen.NADE((4, 4, 1), hidden=16), lambda: tfgen.MADE((4, 4, 1), hidden=(32,), num_masks=2, ordering="random"),
], ids=["nade", "made"])  # fmt: skip
def test_training_fits_the_data(build: Any) -> None:
    """Two images, each half the time: the best possible is log 2 nats."""
    keras.utils.set_random_seed(0)
    data = np.repeat(images((4, 4, 1), 2, seed=5), 8, 0)
    model = trained(build(), data, 300, 0.05)
    assert float(-model.log_prob(data).mean()) < 0.8
    drawn = model.sample(20, seed=0)
    assert ((drawn[:, None] == data[None, ::8]).all((2, 3, 4)).any(1)).mean() > 0.85
    mask = np.zeros((1, 4, 4, 1), bool)
    mask.reshape(-1)[model.network.orderings[0][:8]] = True  # what the first order draws first
    if model.network.num_orderings == 1:
        assert (model.complete(data, mask, seed=0) == data).mean() > 0.95


def test_order_of_colours() -> None:
    """Green copies red and blue copies green: samples do so only if each channel sees those drawn before it."""
    red = images((3, 3, 1), 64, seed=2)
    data = np.tile(red, (1, 1, 1, 3))
    for model in (tfgen.FVBN((3, 3, 3)), tfgen.NADE((3, 3, 3), hidden=20), tfgen.MADE((3, 3, 3), hidden=(60,))):
        drawn = trained(model, data, 300, 0.1).sample(50, seed=0)
        assert (drawn[..., 0] == drawn[..., 1]).mean() > 0.9 and (drawn[..., 1] == drawn[..., 2]).mean() > 0.9
        assert 0.3 < drawn[..., 0].mean() < 0.7
