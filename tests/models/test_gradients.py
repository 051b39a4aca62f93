"""Gradients of what models compute are the slopes of what models compute: by finite differences, in x and in latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.models.latent.linear import LATENTS as LINEAR_LATENTS
from tests.models.latent.linear import PIXELS, linear_model
from tests.models.small import LATENTS, build, examples, given

ROWS, DIRECTIONS = 4, 6
VALUE_OF_16_BITS = 1 / 32768


def slopes(function: Callable[[Any], Any], x: np.ndarray, step: float) -> np.ndarray:
    """Slopes of each row's number along random corners of a cube: by the gradient, and by differences of `step` and of half of it.

    Args:
      function: from (rows, ...) to (rows,).
      x: (rows, ...).
      step: of each coordinate, to either side.

    Returns:
      slopes: (5, directions, rows): the gradient's, and those forward and backward of each size.
    """
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        values = function(tensor)
    gradient = tape.gradient(values, tensor).numpy().astype(np.float64)
    found, axes = [], tuple(range(1, x.ndim))
    for seed in range(DIRECTIONS):
        direction = np.random.default_rng(seed).choice([-1.0, 1.0], x.shape)
        differences = []
        for side in (step, -step, step / 2, -step / 2):
            moved = np.asarray(function(tf.constant(x + side * direction, tf.float32)), np.float64)
            differences.append((moved - np.asarray(values, np.float64)) / side)
        found.append([(gradient * direction).sum(axes), *differences])
    return np.moveaxis(found, 1, 0)


def check(function: Callable[[Any], Any], x: np.ndarray, step: float, tolerance: float = 0.005) -> None:
    received, forward, backward, *halves = slopes(function, x, step)
    wide, expected = (forward + backward) / 2, (halves[0] + halves[1]) / 2
    assert np.abs(expected).max() > 0.05 and np.std(expected) > 0.01  # a slope worth the name, not the same everywhere
    atol = tolerance * np.abs(expected).max()
    # where a ReLU bends within the step there is no slope to compare with; a curve's two sides come nearer in half of it, a bend's not
    bend, wide_bend = np.abs(halves[0] - halves[1]), np.abs(forward - backward)
    straight = (np.abs(wide - expected) < atol / 2) & ((bend < atol / 2) | (bend < 0.75 * wide_bend))
    assert straight.mean() > 0.7
    np.testing.assert_allclose(received[straight], expected[straight], rtol=tolerance, atol=atol)


def mixed(images: tf.Tensor) -> tf.Tensor:
    """One number of each image."""
    weights = np.random.default_rng(9).normal(size=images.shape[1:])
    return tf.reduce_sum(images * tf.constant(weights, tf.float32), list(range(1, len(images.shape))))


# ---- bounds of continuous data ----


@pytest.mark.parametrize("arguments", [{"num_samples": None}, {"num_samples": 1}, {"num_samples": 20}])
def test_bounds_in_x_at_a_fixed_seed(arguments: dict[str, Any]) -> None:
    model, count = build("continuous vae"), arguments["num_samples"]
    x = np.random.default_rng(5).uniform(0.2, 0.8, (ROWS, *model.event_shape)).astype(np.float32)

    def bound(x: tf.Tensor) -> Any:
        return model.elbo(x, seed=3) if count is None else model.log_prob_bound(x, count, seed=3)

    check(bound, x, 2e-3)


def test_the_exact_gradient_of_a_linear_law() -> None:
    """With the exact posterior the bound is log p(x), a Gaussian's, whatever the draw: its gradient is known to the last digit."""
    model, law = linear_model("exact")
    x = law.draw(ROWS)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        values = model.log_prob_bound(tensor, 7, seed=4)
    expected = -np.linalg.solve(law.covariance, (x.reshape(ROWS, PIXELS) - 0.5 - law.bias).T).T
    np.testing.assert_allclose(tape.gradient(values, tensor).numpy().reshape(ROWS, PIXELS), expected, rtol=1e-3, atol=0.05)


# ---- exact likelihoods ----


def test_wavenet_in_steps_that_are_large_against_its_grid() -> None:
    model = build("wavenet")
    x = np.round(examples(model, ROWS) / VALUE_OF_16_BITS) * np.float32(VALUE_OF_16_BITS)
    features = given(model, ROWS)["features"]
    check(lambda x: model.log_prob(x, features=features), x, 128 * VALUE_OF_16_BITS)


def test_wavenet_in_its_features() -> None:
    model = build("wavenet")
    x, features = tf.constant(examples(model, ROWS)), given(model, ROWS)["features"]
    check(lambda features: model.log_prob(x, features=features), features, 5e-3)


def test_a_bernoulli_pixelcnn_between_its_grid_points() -> None:
    model = build("pixelcnn")
    x = np.random.default_rng(6).uniform(0.2, 0.8, (ROWS, *model.event_shape)).astype(np.float32)
    check(model.log_prob, x, 3e-4, tolerance=0.02)  # hundreds of ReLUs bend, so that steps are short, and rounding shows


# ---- latents and images ----


@pytest.mark.parametrize("name", ["vae", "gan", "labelled vae", "labelled gan"])
def test_decode_in_latents(name: str) -> None:
    model = build(name)
    latents = np.random.default_rng(7).normal(size=(ROWS, LATENTS)).astype(np.float32)
    check(lambda latents: mixed(model.decode(latents, **given(model, ROWS))), latents, 5e-3)


def test_the_exact_gradient_of_a_linear_decoder() -> None:
    model, law = linear_model()
    latents = tf.constant(np.random.default_rng(8).normal(size=(1, LINEAR_LATENTS)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(latents)
        images = model.decode(latents)
    jacobian = tape.jacobian(images, latents, experimental_use_pfor=False).numpy().reshape(PIXELS, LINEAR_LATENTS)
    np.testing.assert_allclose(jacobian, law.weights, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "method"), [("vae", "encode"), ("vae", "reconstruct"), ("gan", "judge"), ("labelled gan", "judge")]
)
def test_what_is_inferred_in_x(name: str, method: str) -> None:
    model = build(name)
    x = np.random.default_rng(10).uniform(0.2, 0.8, (ROWS, *model.event_shape)).astype(np.float32)

    def number(x: tf.Tensor) -> Any:
        values = getattr(model, method)(x, **given(model, ROWS))
        return values if method == "judge" else mixed(values[0] if method == "encode" else values)

    check(number, x, 5e-3)
