"""PixelCNN as a distribution: it sums to one, its conditionals multiply to `log_prob`, and samples follow it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfgen
from tfgen.distributions import Categorical, DiscretizedLogistic, DiscretizedLogisticMixture, Likelihood

from .small import all_images, by_steps, images, pixelcnn, trained_on

GATED: dict[str, Any] = {"system": tfgen.GatedPixelCNN}
TINY: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "2x3 binary": ((2, 3, 1), {}),
    "2x2 of three levels": ((2, 2, 1), {"likelihood": Categorical(3)}),
    "1x2 of two channels": ((1, 2, 2), {"filters": 8}),
    "1x1 of three channels": ((1, 1, 3), {"filters": 9, "likelihood": Categorical(4)}),
    "2x2 logistic": ((2, 2, 1), {"likelihood": DiscretizedLogistic(4)}),
    "2x3 dilated": ((2, 3, 1), {"dilations": (1, 2), "blocks": 2, "kernel_size": 5}),
    "2x2 mixture": ((2, 2, 1), {"likelihood": DiscretizedLogisticMixture(2, levels=4)}),
    "1x2 mixture of three channels": ((1, 2, 3), {"likelihood": DiscretizedLogisticMixture(3, levels=3)}),
    "2x1 mixture of two channels": ((2, 1, 2), {"likelihood": DiscretizedLogisticMixture(3, levels=3)}),
    "gated 2x3 binary": ((2, 3, 1), GATED),
    "gated 3x2 dilated": ((3, 2, 1), {**GATED, "blocks": 3, "dilations": (1, 2), "kernel_size": 5}),
    "gated 1x2x3 of three levels": ((1, 2, 3), {**GATED, "likelihood": Categorical(3)}),
    "gated 2x1 mixture of three channels": ((2, 1, 3), {**GATED, "likelihood": DiscretizedLogisticMixture(2, levels=3)}),
}


@pytest.mark.parametrize("name", TINY)
def test_sums_to_one(name: str) -> None:
    shape, arguments = TINY[name]
    model = pixelcnn(shape, **arguments)
    log_prob = model.log_prob(all_images(model)).astype(np.float64)
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-4)
    assert log_prob.std() > 0.1  # and is not merely uniform


@pytest.mark.parametrize("name", ["2x3 binary", "2x2 of three levels", "1x2 of two channels", "2x1 mixture of two channels"])
def test_sample_frequencies_are_the_probabilities(name: str) -> None:
    shape, arguments = TINY[name]
    model, n = pixelcnn(shape, **arguments), 8192
    everything = all_images(model)
    probabilities = np.exp(model.log_prob(everything).astype(np.float64))
    drawn = model.sample(n, seed=1, batch_size=n).reshape(n, -1)
    flat = everything.reshape(len(everything), -1)
    counts = np.array([(np.abs(drawn - row) < 1e-6).all(1).sum() for row in flat])
    assert counts.sum() == n
    statistic = ((counts - n * probabilities) ** 2 / (n * probabilities)).sum()
    freedom = len(flat) - 1
    assert statistic < freedom + 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.in_turn(every=4)
def test_conditionals_by_steps_multiply_to_log_prob(name: str) -> None:
    shape, arguments = TINY[name]
    model = pixelcnn(shape, **arguments)
    x = images(shape, 5, model.likelihood.levels)
    np.testing.assert_allclose(by_steps(model, x), model.log_prob(x), rtol=1e-5, atol=1e-5)


def test_conditionals_by_steps_on_a_larger_image() -> None:
    model = pixelcnn((6, 5, 3), filters=9, dilations=(1, 2), blocks=2, kernel_size=5)
    x = images((6, 5, 3), 3)
    np.testing.assert_allclose(by_steps(model, x), model.log_prob(x), rtol=1e-5)


DRAWN: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "pixelcnn": ((3, 4, 3), {"likelihood": Categorical(4)}),
    "gated pixelcnn": ((4, 3, 3), {**GATED, "blocks": 2, "likelihood": DiscretizedLogisticMixture(2, levels=16)}),
    "row lstm": ((3, 4, 2), {"system": tfgen.PixelRNN, "cell": "row_lstm", "likelihood": Categorical(3)}),
    "diagonal bilstm": ((4, 3, 2), {"system": tfgen.PixelRNN, "cell": "diagonal_bilstm", "likelihood": Categorical(3)}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_steps_add_up_to_log_prob_of_what_was_drawn(name: str) -> None:
    shape, arguments = DRAWN[name]
    model = pixelcnn(shape, **arguments)
    x = model.sample(6, seed=2)
    assert len(np.unique(x.reshape(6, -1), axis=0)) == 6
    np.testing.assert_allclose(by_steps(model, x), model.log_prob(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "likelihood", ["bernoulli", Categorical(4), "categorical", DiscretizedLogistic(16), "discretized_logistic_mixture"]
)
def test_samples_can_be_judged(likelihood: str | Likelihood) -> None:
    model = pixelcnn((4, 4, 1), likelihood=likelihood)
    drawn = model.sample(6, seed=0)
    log_prob = model.log_prob(drawn)  # would refuse values off the grid
    assert np.isfinite(log_prob).all() and (log_prob < 0).all()


def test_mean_log_prob_of_samples_is_minus_the_entropy() -> None:
    model = pixelcnn((2, 3, 1))
    exact = model.log_prob(all_images(model)).astype(np.float64)
    entropy = -(np.exp(exact) * exact).sum()
    drawn = -model.log_prob(model.sample(4096, seed=3, batch_size=4096)).astype(np.float64)
    assert abs(drawn.mean() - entropy) < 5 * drawn.std() / np.sqrt(len(drawn))


def test_training_fits_the_data() -> None:
    """Two images, each half the time: the best possible is log 2 nats."""
    data = np.repeat(images((4, 4, 1), 2, seed=5), 8, 0)
    model = trained_on(data, 150)
    assert float(-model.log_prob(data).mean()) < 1.0
    drawn = model.sample(20, seed=0)
    assert ((drawn[:, None] == data[None, ::8]).all((2, 3, 4)).any(1)).mean() > 0.7


def test_order_of_colours() -> None:
    """Green copies red and blue copies green: samples do so only if each channel sees those drawn before it."""
    red = images((3, 3, 1), 64, seed=2)
    model = trained_on(np.tile(red, (1, 1, 1, 3)), 100)
    drawn = model.sample(50, seed=0)
    assert (drawn[..., 0] == drawn[..., 1]).mean() > 0.9 and (drawn[..., 1] == drawn[..., 2]).mean() > 0.9
    assert 0.3 < drawn[..., 0].mean() < 0.7
