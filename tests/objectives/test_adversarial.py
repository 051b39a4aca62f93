"""The games' pairs of objectives: hand tables, slow numpy, gradients at extremes."""

from __future__ import annotations

import copy
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import AdversarialObjective, get_objective
from tfgen.objectives.adversarial import cross_entropy_discriminator, non_saturating, saturating

NAMES = ["hinge", "least_squares", "non_saturating", "saturating"]
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


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_smoothed_real_labels_by_hand(name):
    game = get_objective(name, smoothing=0.2)
    real, generated = tf.constant([math.log(3.0)]), tf.constant([0.0])  # D gives them 3/4 and 1/2
    expected = -0.8 * math.log(3 / 4) - 0.2 * math.log(1 / 4) + math.log(2)
    assert float(game.discriminator(real, generated)[0]) == pytest.approx(expected, rel=1e-5)
    # one-sided: the generator's loss, and the discriminator's of generated images, are as they were
    plain, sure = get_objective(name), tf.constant([1e4])
    np.testing.assert_array_equal(game.generator(EXTREMES), plain.generator(EXTREMES))
    np.testing.assert_allclose(
        game.discriminator(sure, EXTREMES) - game.discriminator(sure, sure * 0.0),
        plain.discriminator(sure, EXTREMES) - math.log(2.0),
        atol=2e-3,
    )
    assert np.isfinite(game.discriminator(EXTREMES, EXTREMES)).all()
    # the discriminator is best off where it gives real images just their label
    assert slope(lambda logits: game.discriminator(logits, tf.zeros(1)), tf.constant([math.log(4.0)])) == pytest.approx(
        0.0, abs=1e-6
    )


def test_no_smoothing_keeps_every_bit():
    game, plain = get_objective("saturating", smoothing=0.0), get_objective("saturating")
    logits = tf.constant(LOGITS, tf.float32)
    np.testing.assert_array_equal(game.discriminator(logits, logits), plain.discriminator(logits, logits))


def test_games_are_found_by_name():
    game = get_objective("saturating")
    assert isinstance(game, AdversarialObjective)
    assert (game.name, game.generator, game.discriminator) == ("saturating", saturating, cross_entropy_discriminator)
    assert (game.relative, game.settings, game.metrics) == (False, {}, {})
    assert get_objective("non_saturating").generator is non_saturating
    assert get_objective(game) is game


@pytest.mark.parametrize("settings", [{}, {"smoothing": 0.1}])
@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_games_are_made_again_from_their_config(name, settings):
    game = get_objective(name, **settings)
    assert game.get_config() == {"name": name, "settings": settings}
    twin = get_objective(keras.saving.serialize_keras_object(game))
    assert twin == game == copy.deepcopy(game) and hash(twin) == hash(game)
    assert game != get_objective(name, smoothing=0.3)


@keras.saving.register_keras_serializable("tests")
def margin(generated_logits, real_logits):
    return tf.nn.softplus(real_logits - generated_logits)


@keras.saving.register_keras_serializable("tests")
def other_margin(real_logits, generated_logits):
    return tf.nn.softplus(generated_logits - real_logits)


def test_a_game_of_ones_own_is_made_again_from_registered_functions():
    game = AdversarialObjective("margin", margin, other_margin, relative=True, metrics={"gap": other_margin})
    twin = get_objective(keras.saving.serialize_keras_object(game))
    assert twin == game and twin.relative and twin.metrics["gap"] is other_margin
    named_alike = AdversarialObjective("saturating", margin, other_margin)  # a known name over other functions
    assert get_objective(keras.saving.serialize_keras_object(named_alike)) == named_alike != get_objective("saturating")


@pytest.mark.parametrize("name", ["wasserstein_", "", None, 3, ["saturating"]])
def test_an_unknown_game_is_named(name):
    with pytest.raises(
        ValueError, match=r"one of \['hinge', 'least_squares', 'non_saturating', 'saturating'.*Received: objective="
    ):
        get_objective(name)


@pytest.mark.parametrize(
    ("identifier", "settings", "sentence"),
    [
        ("saturating", {"a": 1.0}, r"settings of 'saturating' to be among \['smoothing'\]. Received: \['a'\]"),
        ("saturating", {"smoothing": 0.6}, r"`smoothing` must be a number in \[0, 0.5\]. Received: smoothing=0.6"),
        (get_objective("saturating"), {"smoothing": 0.1}, "Expected settings beside a game's name only"),
    ],
)
def test_wrong_settings_are_named(identifier, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        get_objective(identifier, **settings)


@pytest.mark.parametrize(
    ("settings", "real", "generated", "discriminator", "generator"),
    [  # (D(x) - b)^2 / 2 + (D(G) - a)^2 / 2 and (D(G) - c)^2 / 2
        ({}, 0.5, 0.25, 0.125 + 0.03125, 0.28125),
        ({"a": -1.0, "b": 1.0, "c": 0.0}, 0.5, 0.25, 0.125 + 0.78125, 0.03125),
        ({"c": 2.0}, 1.0, 0.0, 0.0, 2.0),
    ],
)
def test_least_squares_by_hand(settings, real, generated, discriminator, generator):
    game = get_objective("least_squares", **settings)
    assert float(game.discriminator(tf.constant([real]), tf.constant([generated]))[0]) == pytest.approx(discriminator)
    assert float(game.generator(tf.constant([generated]))[0]) == pytest.approx(generator)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(game))
    assert twin.settings == game.settings
    assert float(twin.generator(tf.constant([generated]))[0]) == pytest.approx(generator)


@pytest.mark.parametrize(
    ("real", "generated", "loss"), [(2.0, -3.0, 0.0), (0.5, -0.5, 1.0), (-1.0, 1.0, 4.0), (1.0, -1.0, 0.0)]
)
def test_the_hinge_by_hand(real, generated, loss):
    game = get_objective("hinge")
    assert float(game.discriminator(tf.constant([real]), tf.constant([generated]))[0]) == loss
    assert float(game.generator(tf.constant([generated]))[0]) == -generated


def test_settings_of_another_game_are_refused():
    with pytest.raises(ValueError, match=r"settings of 'hinge' to be among \[\]. Received: \['smoothing'\]"):
        get_objective("hinge", smoothing=0.1)
    with pytest.raises(ValueError, match="`a` must be a number"):
        get_objective("least_squares", a="low")
