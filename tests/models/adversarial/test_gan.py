"""A GAN around its steps: latents and images, optimizers, averages, precision, numbers, and the same behind a server."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.adversarial.games import LATENTS, SHAPE, bright_images, dense_game, glass, snapshot, twin
from tfgen import random
from tfgen.objectives import get_objective

# ---- latents and images ----


def latents_of(model, n=2000, **arguments):
    """A glass model's images are its latents."""
    return model.sample(n, seed=0, **arguments).reshape(n, 16)


def test_latents_are_normal_or_uniform():
    normal, uniform = latents_of(glass()), latents_of(glass(latent_distribution="uniform"))
    for latents, variance, kurtosis in ((normal, 1.0, 3.0), (uniform, 1 / 3, 9 / 5)):
        assert abs(latents.mean()) < 0.02
        assert latents.var() == pytest.approx(variance, rel=0.03)
        assert (latents**4).mean() / latents.var() ** 2 == pytest.approx(kurtosis, rel=0.05)
        assert np.abs(np.corrcoef(latents.T) - np.eye(16)).max() < 0.1
    assert -1 < uniform.min() < -0.99
    assert 0.99 < uniform.max() < 1
    assert np.abs(normal).max() > 3


def test_a_row_depends_on_its_own_seed():
    model = glass()
    images = model.sample(5, seed=3)
    np.testing.assert_array_equal(model.sample(5, seed=3, batch_size=2), images)
    np.testing.assert_array_equal(model.sample(2, seed=3), images[:2])
    np.testing.assert_array_equal(model.sample(seed=random.row_seeds(3, 5)[2:].tolist()), images[2:])
    expected = random.normal(tf.constant([7, 8], tf.int64), (16,), stream=0)
    np.testing.assert_array_equal(model.sample(seed=[7, 8]).reshape(2, 16), expected)


def test_truncation_bounds_the_latents_of_each_row():
    free = latents_of(glass(), 50)
    np.testing.assert_array_equal(latents_of(glass(), 50, truncation=0.5), np.clip(free, -0.5, 0.5))
    bounds = np.linspace(0.1, 4.0, 50)
    cut = latents_of(glass(), 50, truncation=bounds)
    np.testing.assert_allclose(cut, np.clip(free, -bounds[:, None], bounds[:, None]), rtol=1e-6)
    np.testing.assert_array_equal(latents_of(glass(), 50, truncation=100.0), free)
    with pytest.raises(ValueError, match="`truncation` must be positive"):
        glass().sample(2, seed=0, truncation=-1.0)
    with pytest.raises(ValueError, match="GAN has no `temperature`"):
        glass().sample(2, seed=0, temperature=1.0)


def test_a_walk_begins_and_ends_with_the_images_of_its_seeds():
    model = dense_game()
    walks = model.interpolate([1, 2], [3, 4], steps=5)
    assert walks.shape == (2, 5, *SHAPE)
    np.testing.assert_allclose(walks[:, 0], model.sample(seed=[1, 2]), atol=1e-6)
    np.testing.assert_allclose(walks[:, -1], model.sample(seed=[3, 4]), atol=1e-6)
    np.testing.assert_allclose(model.interpolate(1, 3, steps=5), walks[:1], atol=1e-6)
    line = glass().interpolate(5, 6, steps=3).reshape(3, 16)
    np.testing.assert_allclose(line[1], (line[0] + line[2]) / 2, atol=1e-6)


def test_latents_and_walks_that_do_not_fit_are_refused():
    model = dense_game()
    with pytest.raises(ValueError, match=r"\(n, 3\).*Received: shape \(2, 4\)"):
        model.decode(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="Received: steps=1"):
        model.interpolate(1, 2, steps=1)
    with pytest.raises(ValueError, match=r"as many ends.*one walk for each pair.*Received: 2 and 3"):
        model.interpolate([1, 2], [3, 4, 5])


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"objective": "wasserstein_"}, "objective='wasserstein_'"),
        ({"latent_distribution": "cauchy"}, "latent_distribution='cauchy'"),
        ({"image_shape": (8, 8)}, r"image_shape=\(8, 8\)"),
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"width": 0}, "width=0"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        tfgen.GAN(**{"image_shape": (8, 8, 1), **arguments})


def test_networks_that_do_not_fit_are_refused():
    images = keras.Input(SHAPE)
    two = keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(images)))
    with pytest.raises(ValueError, match=r"Expected `discriminator` to go from .* to \(1,\).*Received: .* to \(2,\)"):
        tfgen.GAN(SHAPE, latent_dim=3, discriminator=two)


# ---- optimizers ----


def test_each_player_has_an_optimizer_of_its_own():
    model = dense_game()
    model.compile()
    players = [model.generator_optimizer, model.discriminator_optimizer]
    assert players[0] is not players[1]
    for optimizer in players:  # of the DCGAN paper
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
    assert model.optimizer.optimizers == players
    model.compile("sgd", "rmsprop")
    assert isinstance(model.generator_optimizer, keras.optimizers.SGD)
    assert isinstance(model.discriminator_optimizer, keras.optimizers.RMSprop)


def test_optimizers_that_would_go_wrong_are_refused():
    model, shared = dense_game(), keras.optimizers.Adam()
    with pytest.raises(ValueError, match="Each player keeps its own moments"):
        model.compile(shared, shared)
    with pytest.raises(ValueError, match=r"`use_ema=True` overwrites the raw weights.*discriminator_optimizer"):
        model.compile(discriminator_optimizer=keras.optimizers.Adam(use_ema=True))
    with pytest.raises(ValueError, match=r"brings its own objective.*Received: \['loss'\]"):
        model.compile(loss="mse")
    with pytest.raises(ValueError, match=r"Call `model.compile\(\)`"):
        dense_game().fit(bright_images(), verbose=0)


def test_sample_weights_are_refused_and_labels_passed_over():
    model = dense_game()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"no per-example loss to weigh. Received: sample_weight"):
        model.fit(bright_images(), sample_weight=np.ones(8), verbose=0)
    other = twin(model)
    other.compile(run_eagerly=True)
    model.fit(bright_images(), verbose=0)
    other.fit(bright_images(), np.arange(8), verbose=0)
    for left, right in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


# ---- the average ----


def raw_weights(model, steps):
    """Trains by one step an epoch, and returns the generator's weights and their average after each."""
    model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0), run_eagerly=True)
    found = []
    for _ in range(steps):
        model.fit(bright_images(), batch_size=8, verbose=0)
        found.append((snapshot(model.generator), snapshot(model.averaged_generator)))
    return found


def test_the_average_follows_its_formula_beside_the_raw_weights():
    decay = 0.15
    model = dense_game(ema=decay)
    plain, expected = dense_game(), [value.astype(np.float64) for value in snapshot(model.generator)]
    plain.generator.set_weights(model.generator.get_weights())
    plain.discriminator.set_weights(model.discriminator.get_weights())
    averaged, alone = raw_weights(model, 3), raw_weights(plain, 3)
    for step, ((weights, average), (untouched, _)) in enumerate(zip(averaged, alone, strict=True)):
        rate = 1 - min(decay, (1 + step) / (10 + step))  # 0.9, then 0.85
        expected = [old + rate * (new - old) for old, new in zip(expected, weights, strict=True)]
        for received, value in zip(average, expected, strict=True):
            np.testing.assert_allclose(received, value, atol=1e-6)
        for raw, other in zip(weights, untouched, strict=True):
            np.testing.assert_array_equal(raw, other)


def test_images_and_evaluations_come_from_the_average():
    model = dense_game(ema=0.9)
    model.compile()
    before = model.sample(3, seed=1), model.evaluate(bright_images(), verbose=0, return_dict=True)
    model.generator.set_weights([weight + 1.0 for weight in model.generator.get_weights()])
    np.testing.assert_array_equal(model.sample(3, seed=1), before[0])
    assert model.evaluate(bright_images(), verbose=0, return_dict=True) == before[1]
    assert not model.averaged_generator.trainable
    assert len(model.trainable_weights) == len(model.generator.weights) + len(model.discriminator.weights)


def test_without_an_average_there_is_one_generator():
    model = dense_game()
    assert model.averaged_generator is model.generator


# ---- precision ----


def moved_in(policy):
    """A game of float32 networks after one step in a model of some precision, and how far the step moved each weight."""
    model = dense_game(dtype=policy)
    model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0), run_eagerly=True)
    before = model.get_weights()
    model.fit(bright_images(), batch_size=8, verbose=0, shuffle=False)
    return model, [new - old for old, new in zip(before, model.get_weights(), strict=True)]


def test_float16_scales_both_losses_and_unscales_both_gradients(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tfgen.models.configuration.check_policy", lambda *_: None)  # float32 networks show the scale alone
    _, exact = moved_in("float32")
    model, moved = moved_in("mixed_float16")
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert float(optimizer.scale_loss(tf.constant(1.0))) > 1000.0
        assert int(optimizer.step_counter.numpy()) == 1  # a step with finite gradients
    for received, expected in zip(moved, exact, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-5)
    given = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=8.0)
    model.compile(given, "sgd")
    assert model.generator_optimizer is given  # scaled already


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_half_precision_game_trains_and_answers_in_float32(policy):
    model = tfgen.GAN((16, 12, 1), latent_dim=LATENTS, width=2, dtype=policy)
    model.compile(run_eagerly=True)
    before = snapshot(model.generator, trainable=True), snapshot(model.discriminator, trainable=True)
    images = np.random.default_rng(3).random((8, 16, 12, 1)).astype(np.float32)
    history = model.fit(images, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    for old, network in zip(before, (model.generator, model.discriminator), strict=True):
        assert any(np.abs(a - b).max() > 0 for a, b in zip(old, snapshot(network, trainable=True), strict=True))
    assert model.sample(2, seed=0).dtype == np.float32
    assert isinstance(model.generator_optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")


# ---- numbers ----


@pytest.mark.parametrize("objective", ["non_saturating", "saturating"])
def test_evaluation_reports_the_objectives_and_their_sum(objective):
    model, real = dense_game(objective=objective, seed=4), bright_images(6)
    model.compile(run_eagerly=True)
    result = model.evaluate(real, batch_size=6, verbose=0, return_dict=True)
    seeds = random.row_keys(4, 1, tf.range(6))  # the noise of an evaluation, by the row
    generated = model.generator(random.normal(seeds, (LATENTS,), stream=0))
    logits = [model.discriminator(images)[:, 0] for images in (real, generated)]
    game = get_objective(objective)
    assert result["generator_loss"] == pytest.approx(float(tf.reduce_mean(game.generator(logits[1]))), rel=1e-5)
    assert result["discriminator_loss"] == pytest.approx(float(tf.reduce_mean(game.discriminator(*logits))), rel=1e-5)
    logged = {name: values[0] for name, values in model.fit(real, batch_size=6, verbose=0).history.items()}
    for numbers in (result, logged):
        assert set(numbers) == {"loss", "generator_loss", "discriminator_loss"}
        assert numbers["loss"] == pytest.approx(numbers["generator_loss"] + numbers["discriminator_loss"], rel=1e-5)
    assert model.evaluate(real, verbose=0, return_dict=True) != result  # the step has changed them
    assert model.evaluate(real, verbose=0) == model.evaluate(real, verbose=0)


def test_evaluation_does_not_depend_on_where_training_stands():
    model, real = dense_game(), bright_images(6)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), run_eagerly=True)
    before = model.evaluate(real, verbose=0)
    model.fit(real, verbose=0)
    assert model.evaluate(real, verbose=0) == before
    assert int(model.step.numpy()) == 1


def test_a_prediction_is_the_probability_of_being_real():
    model, images = dense_game(), bright_images(5)
    probability = model.predict(images, verbose=0)
    assert probability.shape == (5,)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-model.discriminator(images).numpy()[:, 0])), rtol=1e-5)


# ---- serving ----


def served(model, name, **inputs):
    """Runs a signature as a server does: traced once for any batch size."""
    signature = model.signatures()[name]
    assert [spec.name for spec in signature.inputs] == list(inputs)
    function = tf.function(
        lambda *values: signature.function(**dict(zip(inputs, values, strict=True))), signature.inputs, autograph=False
    )
    return function(*[tf.constant(value) for value in inputs.values()])["image"].numpy()


def test_signatures_agree_with_the_methods():
    model, seeds = dense_game(ema=0.9), np.array([4, 5], np.int64)
    truncation, latents = np.array([0.5, 1.0], np.float32), np.array([[0.1, 1.0, -1.0]], np.float32)
    assert set(model.signatures()) == {"sample", "sample_with_controls", "decode", "judge"}
    np.testing.assert_allclose(served(model, "sample", seed=seeds), model.sample(seed=seeds), atol=1e-6)
    controlled = served(model, "sample_with_controls", seed=seeds, truncation=truncation)
    np.testing.assert_allclose(controlled, model.sample(seed=seeds, truncation=truncation), atol=1e-6)
    np.testing.assert_allclose(served(model, "decode", latent=latents), model.decode(latents), atol=1e-6)
    metadata = model.export_metadata()
    assert (metadata["latent_dim"], metadata["likelihood"]) == (LATENTS, None)
