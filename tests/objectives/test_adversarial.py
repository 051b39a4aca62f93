"""The games' pairs of objectives: hand tables, slow numpy, gradients at extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import AdversarialObjective, get_objective
from tfgen.objectives.adversarial import cross_entropy_discriminator, non_saturating, saturating

LOGITS = np.array([-30.0, -3.0, -0.5, 0.0, 0.7, 2.0, 30.0])
EXTREMES = tf.constant([-1e4, -100.0, 0.0, 100.0, 1e4])


def slope(function, logits):
    """The derivative of each loss with respect to its own logit."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = function(logits)
    return tape.gradient(losses, logits).numpy()


@pytest.mark.parametrize(
    ("probability", "generator", "zero_sum", "discriminator"),
    [  # D's probability that a generated image is real, beside 3/4 for a real one
        (0.5, math.log(2), -math.log(2), math.log(4 / 3) + math.log(2)),
        (0.25, math.log(4), math.log(3 / 4), math.log(4 / 3) + math.log(4 / 3)),
        (0.9, -math.log(0.9), math.log(0.1), math.log(4 / 3) - math.log(0.1)),
    ],
)
def test_losses_by_hand(probability, generator, zero_sum, discriminator):
    logit = tf.constant([math.log(probability / (1 - probability))])
    real = tf.constant([math.log(3.0)])
    assert float(non_saturating(logit)[0]) == pytest.approx(generator, rel=1e-5)
    assert float(saturating(logit)[0]) == pytest.approx(zero_sum, rel=1e-5)
    assert float(cross_entropy_discriminator(real, logit)[0]) == pytest.approx(discriminator, rel=1e-5)


def test_losses_agree_with_the_logarithms_they_stand_for():
    generated, real = tf.constant(LOGITS, tf.float64), tf.constant(LOGITS[::-1].copy(), tf.float64)
    probability = [1 / (1 + math.exp(-logit)) for logit in LOGITS]
    complement = [1 / (1 + math.exp(logit)) for logit in LOGITS]
    np.testing.assert_allclose(non_saturating(generated), [-math.log(p) for p in probability], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(saturating(generated), [math.log(q) for q in complement], rtol=1e-9, atol=1e-12)
    expected = [-math.log(p) - math.log(q) for p, q in zip(probability[::-1], complement, strict=True)]
    np.testing.assert_allclose(cross_entropy_discriminator(real, generated), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_there_is_one_loss_for_each_example(name):
    game = get_objective(name)
    assert game.generator(tf.zeros(5)).shape == (5,)
    assert game.discriminator(tf.zeros(5), tf.zeros(5)).shape == (5,)
    alone = game.generator(tf.constant(LOGITS[2:3], tf.float32))
    np.testing.assert_array_equal(alone, game.generator(tf.constant(LOGITS, tf.float32))[2:3])


@pytest.mark.parametrize(
    "function",
    [
        non_saturating,
        saturating,
        lambda logits: cross_entropy_discriminator(logits, tf.zeros(5)),
        lambda logits: cross_entropy_discriminator(tf.zeros(5), logits),
    ],
)
def test_losses_and_slopes_are_finite_at_extreme_logits(function):
    assert np.isfinite(function(EXTREMES)).all()
    slopes = slope(function, EXTREMES)
    assert np.isfinite(slopes).all()
    assert np.abs(slopes).max() <= 1.0


def test_the_saturating_slope_vanishes_where_the_other_pushes_hardest():
    sure = tf.constant([-30.0, -1e4])  # the discriminator is sure that the images are generated
    assert np.abs(slope(saturating, sure)).max() < 1e-12
    np.testing.assert_allclose(slope(non_saturating, sure), -1.0, atol=1e-6)


@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_each_player_descends_towards_its_own_end(name):
    game, logits = get_objective(name), tf.constant([-2.0, 0.0, 2.0])
    assert (slope(game.generator, logits) < 0).all()  # generated images come to look more real
    assert (slope(lambda real: game.discriminator(real, tf.zeros(3)), logits) < 0).all()
    assert (slope(lambda generated: game.discriminator(tf.zeros(3), generated), logits) > 0).all()


def test_the_zero_sum_game_sums_to_zero():
    logits = tf.constant(LOGITS, tf.float32)
    on_generated_images = cross_entropy_discriminator(tf.constant(1e4), logits)  # real images cost nothing
    np.testing.assert_allclose(saturating(logits), -on_generated_images, rtol=1e-6)


def test_games_are_found_by_name():
    game = get_objective("saturating")
    assert isinstance(game, AdversarialObjective)
    assert (game.name, game.generator, game.discriminator) == ("saturating", saturating, cross_entropy_discriminator)
    assert get_objective("non_saturating").generator is non_saturating


@pytest.mark.parametrize("name", ["wasserstein_", "", None, 3, ["saturating"]])
def test_an_unknown_game_is_named(name):
    with pytest.raises(ValueError, match=r"one of \['non_saturating', 'saturating'.*Received: objective="):
        get_objective(name)
