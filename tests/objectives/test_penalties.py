"""Penalties on critics: hand-made numbers, slopes of slopes against finite differences, projections on every replica."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import R1, GradientPenalty, Penalty, WeightClipping
from tfgen.testing import two_replicas

REAL = tf.constant(np.random.default_rng(0).uniform(size=(3, 2, 2, 1)), tf.float32)
GENERATED = tf.constant(np.random.default_rng(1).uniform(size=(3, 2, 2, 1)), tf.float32)
U = tf.constant([[0.1], [0.5], [0.9]])
WEIGHT = tf.constant([0.3, -0.4, 1.2, 0.0])  # of norm 1.3
SLOPED = [GradientPenalty(), GradientPenalty(one_sided=True), R1()]


def linear(images: tf.Tensor) -> tf.Tensor:
    return tf.linalg.matvec(tf.reshape(images, (-1, 4)), WEIGHT)


def quadratic(images: tf.Tensor) -> tf.Tensor:
    """Its slope at y is y itself."""
    return tf.reduce_sum(images**2, [1, 2, 3]) / 2


def named(penalty: Penalty) -> str:
    return f"{type(penalty).__name__}-{getattr(penalty, 'one_sided', False)}"


@pytest.mark.parametrize(
    ("penalty", "scale", "expected"),
    [
        (GradientPenalty(), 1.0, 0.3**2),
        (GradientPenalty(), 0.5, 0.35**2),
        (GradientPenalty(one_sided=True), 1.0, 0.3**2),
        (GradientPenalty(one_sided=True), 0.5, 0.0),
        (R1(), 1.0, 1.3**2),
        (R1(), 0.5, 0.65**2),
    ],
)
def test_a_linear_critic_pays_for_the_norm_of_its_weights(penalty: Penalty, scale: float, expected: float) -> None:
    rows = penalty.rows(lambda images: scale * linear(images), REAL, GENERATED, U)
    assert rows.shape == (3,) and rows.dtype == tf.float32
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-7)


def test_where_each_penalty_looks() -> None:
    real, generated = REAL.numpy().reshape(3, 4), GENERATED.numpy().reshape(3, 4)
    between = U.numpy() * real + (1 - U.numpy()) * generated
    expected = (np.linalg.norm(between, axis=1) - 1) ** 2
    np.testing.assert_allclose(GradientPenalty().rows(quadratic, REAL, GENERATED, U), expected, rtol=1e-4)
    np.testing.assert_allclose(R1().rows(quadratic, REAL, GENERATED, None), (real**2).sum(1), rtol=1e-5)


@pytest.mark.parametrize("penalty", SLOPED, ids=named)
def test_a_flat_critic_has_finite_slopes(penalty: Penalty) -> None:
    for factor in (0.0, 1e-30):
        scale = tf.Variable(factor)
        with tf.GradientTape() as tape:
            rows = penalty.rows(lambda images, scale=scale: scale * linear(images), REAL, GENERATED, U)
        np.testing.assert_allclose(rows, 1.0 if penalty == GradientPenalty() else 0.0, atol=1e-6)
        assert np.isfinite(tape.gradient(rows, scale))


@pytest.mark.parametrize("penalty", SLOPED, ids=named)
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_slopes_of_slopes_are_those_of_finite_differences(penalty: Penalty, graph: bool) -> None:
    weights = tf.Variable(2 * np.random.default_rng(2).normal(size=(4, 3)), dtype=tf.float32)

    def critic(images: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.math.softplus(tf.reshape(images, (-1, 4)) @ weights), -1)

    def value() -> tf.Tensor:
        return tf.reduce_mean(penalty.rows(critic, REAL, GENERATED, U))

    def slope() -> tf.Tensor:
        with tf.GradientTape() as tape:
            mean = value()
        return tape.gradient(mean, weights)

    found, step = (tf.function(slope) if graph else slope)().numpy(), 1e-2
    start, expected = weights.numpy(), np.zeros((4, 3))
    for place in np.ndindex(4, 3):
        sides = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            weights.assign(moved)
            sides.append(float(value()))
        expected[place] = (sides[0] - sides[1]) / (2 * step)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_lazy_penalty_is_differentiated_through_its_condition() -> None:
    scale = tf.Variable(2.0)

    @tf.function
    def slope(due: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            critic = lambda images: scale * linear(images)  # noqa: E731
            rows = tf.cond(due, lambda: R1().rows(critic, REAL, GENERATED, None), lambda: tf.zeros(3))
            mean = tf.reduce_mean(rows)
        return tape.gradient(mean, scale)

    assert float(slope(tf.constant(True))) == pytest.approx(2 * 2.0 * 1.3**2, rel=1e-5)
    assert float(slope(tf.constant(False))) == 0.0


@pytest.mark.parametrize("penalty", SLOPED, ids=named)
def test_the_penalty_leaves_the_generator_alone(penalty: Penalty) -> None:
    images = tf.Variable(GENERATED)
    with tf.GradientTape() as tape:
        rows = penalty.rows(quadratic, REAL, tf.convert_to_tensor(images), U)
    assert tape.gradient(rows, images) is None


def test_a_row_depends_on_no_other() -> None:
    whole = GradientPenalty().rows(quadratic, REAL, GENERATED, U)
    np.testing.assert_array_equal(GradientPenalty().rows(quadratic, REAL[1:2], GENERATED[1:2], U[1:2]), whole[1:2])


def test_half_precision_images_are_penalised_in_float32() -> None:
    half = tf.cast(REAL, tf.float16), tf.cast(GENERATED, tf.float16)
    rows = GradientPenalty().rows(lambda images: tf.cast(linear(images), tf.float32), *half, U)
    assert rows.dtype == tf.float32
    np.testing.assert_allclose(rows, 0.09, rtol=1e-5)


def test_clipping_puts_weights_back_into_the_box() -> None:
    penalty, values = WeightClipping(0.5), [-3.0, -0.5, 0.2, 7.0]
    variables = [keras.Variable(values), tf.Variable(values)]
    tf.function(lambda: penalty.project(variables))()
    for variable in variables:
        np.testing.assert_allclose(variable.numpy(), [-0.5, -0.5, 0.2, 0.5], rtol=1e-6)
    assert penalty.rows(linear, REAL, GENERATED, None).numpy().tolist() == [0.0, 0.0, 0.0]
    assert penalty.weight == 0.0 and penalty.every == 1 and penalty.num_uniforms == 0


def test_clipping_holds_on_every_replica() -> None:
    strategy = two_replicas()
    with strategy.scope():
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    tf.function(lambda: strategy.run(lambda: WeightClipping(0.25).project(network.trainable_variables)))()
    for copy in strategy.experimental_local_results(network.trainable_variables[0].value):
        np.testing.assert_array_equal(copy, [[0.25], [0.25]])


@pytest.mark.parametrize("penalty", [GradientPenalty(0.1, True), GradientPenalty(every=4), R1(2.0, 16), WeightClipping(0.02)])
def test_configs(penalty: Penalty) -> None:
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert twin == penalty and hash(twin) == hash(penalty)


def test_conventions() -> None:
    assert (GradientPenalty().weight, GradientPenalty.num_uniforms) == (10.0, 1)
    assert (R1().weight, R1.num_uniforms) == (5.0, 0)  # half of the paper's gamma of 10
    GradientPenalty().project([keras.Variable([3.0])])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GradientPenalty(-1.0), "`weight` must be a number of at least 0. Received: weight=-1.0"),
        (lambda: R1(every=0), "`every` must be an integer of at least 1. Received: every=0"),
        (lambda: GradientPenalty(one_sided=2), "`one_sided` must be one of False, True. Received: one_sided=2"),
        (lambda: WeightClipping(0.0), "`bound` must be a number above 0. Received: bound=0.0"),
        (lambda: GradientPenalty().rows(linear, REAL, GENERATED, None), "Expected `u`.*Received: u=None"),
    ],
)
def test_wrong_arguments_are_named(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
