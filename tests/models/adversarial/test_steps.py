"""One step of a game: who moves, by which gradient, and in which direction."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.adversarial.games import LATENTS, SHAPE, bright_images, dense_game, mean_logit, snapshot, twin
from tfgen.models.adversarial import playing
from tfgen.models.adversarial.game import Round
from tfgen.models.batch import Batch

GAMES = ["non_saturating", "saturating"]


def normalised_game(**arguments):
    """A GAN of the DCGAN's networks, which normalise by batch, as if trained a little: its initial weights are tiny."""
    keras.utils.set_random_seed(8)
    model = tfgen.GAN((16, 12, 1), latent_dim=LATENTS, width=2, **arguments)
    model.set_weights([5 * value if value.ndim > 1 else value for value in model.get_weights()])
    assert model.normalises_batches
    return model


def compiled(model, generator_rate, discriminator_rate, **arguments):
    model.compile(keras.optimizers.SGD(generator_rate), keras.optimizers.SGD(discriminator_rate), run_eagerly=True, **arguments)
    return model


def real_images(model, n=8):
    return np.random.default_rng(2).random((n, *model.event_shape)).astype(np.float32)


def a_round(real, generated):
    """What the players see of real and generated images in training."""
    seeds = tf.zeros((len(real),), tf.int64)
    return Round(Batch(tf.constant(real), None, None, None, seeds, True), None, tf.constant(generated), 0)


def equal(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


# ---- who moves ----


@pytest.mark.parametrize("build", [dense_game, normalised_game])
def test_the_discriminators_update_leaves_the_generator_alone(build):
    model = compiled(build(ema=0.9), 1.0, 1.0)
    generator, average = snapshot(model.generator), snapshot(model.averaged_generator)
    discriminator = snapshot(model.discriminator, trainable=True)
    real = real_images(model)
    playing.others_move(model, a_round(real, real_images(model)[::-1] * 0.5))
    assert equal(snapshot(model.generator), generator)
    assert equal(snapshot(model.averaged_generator), average)
    moved = snapshot(model.discriminator, trainable=True)
    assert not any(np.array_equal(a, b) for a, b in zip(moved, discriminator, strict=True))


@pytest.mark.parametrize("build", [dense_game, normalised_game])
@pytest.mark.parametrize("still", ["generator", "discriminator"])
def test_a_player_whose_learning_rate_is_zero_stays_where_it_is(build, still):
    model = build()
    compiled(model, float(still != "generator"), float(still != "discriminator"))
    moving = "generator" if still == "discriminator" else "discriminator"
    before = {player: snapshot(getattr(model, player), trainable=True) for player in (still, moving)}
    model.fit(real_images(model), batch_size=4, verbose=0)
    assert equal(snapshot(getattr(model, still), trainable=True), before[still])
    assert not equal(snapshot(getattr(model, moving), trainable=True), before[moving])


def test_no_network_is_ever_switched_off():
    model = normalised_game(ema=0.9)
    model.compile(run_eagerly=True)

    def flags():
        return {
            (player, layer.name): layer.trainable
            for player in ("generator", "discriminator", "averaged_generator")
            for layer in getattr(model, player)._flatten_layers()
        }

    before, counts, seen = flags(), len(model.trainable_weights), []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(flags()),
        on_train_batch_end=lambda batch, logs: seen.append(flags()),
    )
    model.fit(real_images(model), batch_size=4, verbose=0, callbacks=[watch])
    model.evaluate(real_images(model), verbose=0)
    model.sample(1, seed=0)
    assert len(seen) == 4
    assert all(found == before for found in [*seen, flags()])
    assert all(value for (player, _), value in before.items() if player != "averaged_generator")
    players = len(model.generator.trainable_weights) + len(model.discriminator.trainable_weights)
    assert counts == len(model.trainable_weights) == players


# ---- the gradients ----


def logits_of(model, images):
    return model.discriminator(images, training=True)[:, 0]


@pytest.mark.parametrize("objective", GAMES)
@pytest.mark.parametrize("build", [dense_game, normalised_game])
def test_a_step_descends_the_two_losses_as_they_are_written(build, objective):
    model = compiled(build(objective=objective, seed=7), 1.0, 0.5)
    reference, real = compiled(twin(model), 1.0, 0.5), real_images(model)
    before = snapshot(model.generator, trainable=True)
    model.fit(real, batch_size=8, verbose=0, shuffle=False)
    # the discriminator first: a plain gradient with each batch in a pass of its own
    latents = reference.drawn_latents(reference.training_seeds(tf.constant(8)), None, {})
    generated = tf.stop_gradient(reference.generator(latents, training=True))
    judge = reference.discriminator.trainable_weights
    with tf.GradientTape() as tape:
        probability, counterfeit = (tf.sigmoid(logits_of(reference, images)) for images in (real, generated))
        loss = -tf.reduce_mean(tf.math.log(probability) + tf.math.log(1.0 - counterfeit))
    for weight, gradient in zip(judge, tape.gradient(loss, judge), strict=True):
        weight.assign(weight - 0.5 * gradient)
    for weight, expected in zip(model.discriminator.trainable_weights, judge, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    # then the generator, through the updated discriminator, on one tape
    artist = reference.generator.trainable_weights
    with tf.GradientTape() as tape:
        counterfeit = tf.sigmoid(logits_of(reference, reference.generator(latents, training=True)))
        sign = -1.0 if objective == "non_saturating" else 1.0
        loss = sign * tf.reduce_mean(tf.math.log(counterfeit if sign < 0 else 1.0 - counterfeit))
    gradients = tape.gradient(loss, artist)
    assert max(float(tf.reduce_max(tf.abs(gradient))) for gradient in gradients) > 1e-3
    for old, new, gradient in zip(before, snapshot(model.generator, trainable=True), gradients, strict=True):
        np.testing.assert_allclose(old - new, gradient, atol=1e-5)


@pytest.mark.parametrize("build", [dense_game, normalised_game])
def test_one_generator_pass_a_step(build):
    model = compiled(build(), 0.1, 0.1)
    calls, call = [], model.generator.call

    def counted(*arguments, **keywords):
        calls.append(1)
        return call(*arguments, **keywords)

    model.generator.call = counted
    model.fit(real_images(model), batch_size=4, verbose=0)
    assert len(calls) == 2


def test_the_losses_are_means_over_the_batch():
    # the same images and latents twice in one batch: the same step
    real, moves = bright_images(4), []
    for repeats in (1, 2):
        model = compiled(dense_game(), 1.0, 1.0)
        seeds = model.training_seeds(tf.constant(4))
        model.training_seeds = lambda batch, seeds=seeds, repeats=repeats: tf.repeat(seeds, repeats)
        before = model.get_weights()
        model.fit(np.repeat(real, repeats, 0), batch_size=8, verbose=0, shuffle=False)
        moves.append([new - old for old, new in zip(before, model.get_weights(), strict=True)])
    for once, twice in zip(*moves, strict=True):
        np.testing.assert_allclose(once, twice, atol=1e-6)


# ---- directions ----


@pytest.mark.parametrize("objective", GAMES)
def test_a_generator_that_trains_alone_comes_to_look_real(objective):
    model = dense_game(objective=objective)
    model.compile(keras.optimizers.Adam(0.03), keras.optimizers.SGD(0.0))
    real = bright_images(16)
    before, logit = model.evaluate(real, verbose=0, return_dict=True), mean_logit(model, model.sample(64, seed=0))
    model.fit(tf.data.Dataset.from_tensors(real).repeat(), steps_per_epoch=30, verbose=0)
    after = model.evaluate(real, verbose=0, return_dict=True)
    assert after["generator_loss"] < before["generator_loss"] - 0.01
    assert after["discriminator_loss"] > before["discriminator_loss"] + 0.01
    assert mean_logit(model, model.sample(64, seed=0)) > logit + 0.1


@pytest.mark.parametrize("objective", GAMES)
def test_a_discriminator_that_trains_alone_learns_which_is_which(objective):
    model = dense_game(objective=objective)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(0.03))
    real, generated = bright_images(16), model.sample(64, seed=0)
    before = model.evaluate(real, verbose=0, return_dict=True), mean_logit(model, real), mean_logit(model, generated)
    model.fit(tf.data.Dataset.from_tensors(real).repeat(), steps_per_epoch=30, verbose=0)
    assert model.evaluate(real, verbose=0, return_dict=True)["discriminator_loss"] < before[0]["discriminator_loss"] - 0.1
    assert mean_logit(model, real) > before[1] + 0.1
    assert mean_logit(model, generated) < before[2] - 0.1


def test_a_game_brings_images_near_the_real_ones():
    model = dense_game()
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5), keras.optimizers.Adam(0.01, beta_1=0.5))
    before = model.sample(64, seed=0).mean()
    model.fit(tf.data.Dataset.from_tensors(bright_images(32)).repeat(), steps_per_epoch=150, verbose=0)
    assert before < 0.6
    assert abs(model.sample(64, seed=0).mean() - 0.8) < 0.1


# ---- batches kept apart ----


def test_one_pass_over_both_batches_is_two_passes():
    model = dense_game()
    real, generated = tf.constant(bright_images(5)), tf.constant(1 - bright_images(5))
    assert not model.normalises_batches
    for received, images in zip(model.real_and_generated(a_round(real, generated)), (real, generated), strict=True):
        assert received.score.shape == (5,)
        np.testing.assert_allclose(received.score, logits_of(model, images), atol=1e-6)


def test_batch_statistics_of_real_and_generated_images_never_mix():
    model = normalised_game()
    real, generated = (tf.constant(images) for images in np.split(real_images(model, 16), 2))
    logits = model.real_and_generated(a_round(real, generated))[0].score
    other = model.real_and_generated(a_round(real, tf.zeros_like(generated)))[0].score
    np.testing.assert_array_equal(logits, other)
    together = logits_of(model, tf.concat([real, tf.zeros_like(generated)], 0))[:8]
    assert np.abs(together - other).max() > 1e-4


def test_batch_normalisation_inside_a_users_own_block_is_found():
    block = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.BatchNormalization()])
    images = keras.Input(SHAPE)
    discriminator = keras.Model(images, keras.layers.Dense(1)(block(images)))
    assert tfgen.GAN(SHAPE, latent_dim=2, width=2, discriminator=discriminator).normalises_batches


def test_images_in_inference_resemble_those_in_training():
    model = tfgen.GAN((16, 12, 1), latent_dim=LATENTS, width=2)
    model.compile()
    latents = tf.random.stateless_normal([256, LATENTS], [1, 2])

    def difference():
        training, inference = (model.generator(latents, training=mode) for mode in (True, False))
        return float(tf.reduce_mean(tf.abs(training - inference))), float(tf.math.reduce_std(training))

    weights = model.get_weights()
    untrained, deviation = difference()
    model.set_weights(weights)  # a pass in training mode moves the averages
    model.fit(tf.data.Dataset.from_tensors(real_images(model, 32)).repeat(), steps_per_epoch=120, verbose=0)
    trained, spread = difference()
    assert untrained > 0.3 * deviation  # the averages begin far from the statistics of small random weights
    assert trained < 0.25 * spread
    assert trained < 0.3 * untrained
