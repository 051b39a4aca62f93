"""Each disease is provoked in a tiny training, and named."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.callbacks.patients import SHAPE, X, adam, examine, gan, names, pixelcnn, the, vae
from tfgen.callbacks import Doctor, Thresholds
from tfgen.callbacks._diagnoses import saturated

# ---- games ----


def test_a_saturated_discriminator() -> None:
    model = gan(objective="saturating")
    model.compile(adam(0.0), adam(1e-2))
    found = the(examine(model, 20, thresholds=Thresholds(patience=3)), "discriminator_saturated")
    assert found.evidence["discriminator_loss"] < 0.03
    assert found.evidence["generator_gradient"] < 0.1 * found.evidence["largest_gradient"]
    assert "non_saturating" in found.advice


def test_a_frozen_generator_has_no_gradient_to_lose() -> None:
    now = {"chance_loss": 1.4, "least_loss": 0.0, "discriminator_loss": 1e-3, "generator_gradient": 0.0}
    assert saturated([now] * 3, Thresholds()) is None
    assert saturated([{**now, "generator_gradient": 1.0}, now], Thresholds()) is not None


def test_a_discriminator_that_wins_for_long() -> None:
    model = gan()
    model.compile(adam(0.0), adam(1e-2))
    found = the(examine(model, 15, thresholds=Thresholds(patience=3, vanishing_gradient=0.0)), "discriminator_wins")
    assert found.evidence["ranks"] > 0.99 and found.evidence["generator_loss"] > 2.0
    assert "% of pairs apart" in found.says


def test_a_generator_that_wins_for_long() -> None:
    image = keras.Input(SHAPE)
    fixed = keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(1.0, seed=1))
    model = gan(discriminator=keras.Model(image, fixed(keras.layers.Flatten()(image))))
    model.compile(adam(1e-2), adam(0.0))
    found = the(examine(model, 15, thresholds=Thresholds(patience=3)), "generator_wins")
    assert found.evidence["discriminator_loss"] > 1.5 * 2 * np.log(2)


def test_a_discriminator_that_learns_nothing() -> None:
    image = keras.Input(SHAPE)
    silent = keras.layers.Dense(1, kernel_initializer="zeros")(keras.layers.Flatten()(image))
    model = gan(discriminator=keras.Model(image, silent))
    model.compile(adam(1e-3), adam(0.0))
    found = the(examine(model, 8, thresholds=Thresholds(patience=3)), "stuck_at_uniform")
    assert found.evidence["discriminator_loss"] == pytest.approx(2 * np.log(2), abs=1e-4)


# ---- samples ----


def constant_generator() -> keras.Model:
    """A generator that passes over its latents."""
    latents = keras.Input((4,))
    zeros = keras.layers.Dense(64, kernel_initializer="zeros", trainable=False, use_bias=False)(latents)
    return keras.Model(latents, keras.layers.Reshape(SHAPE)(keras.layers.Activation("sigmoid")(Shift()(zeros))))


class Shift(keras.layers.Layer):
    """Adds a trained vector."""

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight(name="shift", shape=input_shape[1:])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs + self.shift


def test_mode_collapse_by_distance() -> None:
    model = gan(generator=constant_generator())
    model.compile(adam(1e-3), adam(1e-4))
    found = the(examine(model, 8), "mode_collapse")
    assert found.evidence["pairwise_distance"] < 1e-3
    assert "packing" in found.advice


class Halves:
    """An extractor whose classes are whether the upper and the left half are bright."""

    name, sha256 = "halves", "none"

    def features(self, images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :4].mean((1, 2, 3)), images[:, :, :4].mean((1, 2, 3))], -1)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        upper, left = (self.features(images) > 0.25).T
        return np.eye(4)[2 * upper + left]


def test_mode_collapse_by_classes() -> None:
    """Samples that differ, but are of one class, among real images of four."""
    latents = keras.Input((4,))
    noise = keras.layers.Dense(
        64, activation="sigmoid", kernel_initializer=keras.initializers.RandomNormal(2.0), trainable=False
    )
    upper = keras.layers.Dense(64, activation="sigmoid", kernel_initializer="zeros")(latents)
    images = keras.layers.Reshape(SHAPE)(keras.layers.Average()([noise(latents), upper]))
    model = gan(generator=keras.Model(latents, images))
    model.compile(adam(0.0), adam(1e-4))
    doctor = examine(model, 6, extractor=Halves(), thresholds=Thresholds(pairwise_distance=0.0))
    assert the(doctor, "mode_collapse").evidence["class_coverage"] < 0.5


# ---- likelihoods ----


def test_posterior_collapse() -> None:
    model = vae(beta=1000.0)
    model.compile(keras.optimizers.Adam(1e-2))
    found = the(examine(model, 20), "posterior_collapse")
    assert found.evidence["active_units"] == 0 and found.evidence["latents"] == 4
    assert "kl_warmup_steps" in found.advice


@pytest.mark.parametrize(("likelihood", "levels"), [("bernoulli", 2), ("categorical", 256)])
def test_a_likelihood_stuck_at_the_uniform_value(likelihood: str, levels: int) -> None:
    model = pixelcnn(likelihood=likelihood)
    for variable in model.trainable_variables[-2:]:  # zero logits are the uniform distribution
        variable.assign(np.zeros(variable.shape))
    model.compile(keras.optimizers.SGD(0.0))
    doctor = examine(model, 6)
    assert names(doctor) == ["stuck_at_uniform"]
    assert the(doctor, "stuck_at_uniform").evidence["loss"] == pytest.approx(64 * np.log(levels), rel=1e-3)


def classifier(rate: float, spread: float) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    keras.utils.set_random_seed(2)
    initial = keras.initializers.RandomNormal(stddev=spread, seed=1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, activation="softmax", kernel_initializer=initial)]
    model = keras.Sequential([keras.Input(SHAPE), *layers])
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    return model, X, np.argmax(X[:, 0, :, 0] + 1e-3 * np.arange(8), -1)


def test_a_plain_keras_classifier_stuck_at_ln_k() -> None:
    model, x, y = classifier(0.0, 1e-6)
    doctor = Doctor(every_steps=4)
    model.fit(x, y, batch_size=16, epochs=6, verbose=0, callbacks=[doctor])
    assert the(doctor, "stuck_at_uniform").evidence["uniform_loss"] == pytest.approx(np.log(8))
    assert doctor.findings[0].step == 20 and doctor.findings[0].epoch == 4


def test_a_healthy_plain_keras_model_hears_nothing() -> None:
    model, x, y = classifier(5e-2, 0.1)
    doctor = Doctor(x, every_steps=4)
    model.fit(x, y, batch_size=16, epochs=12, verbose=0, callbacks=[doctor])
    assert doctor.findings == [] and len(doctor.looks) == 12


# ---- explosions and NaN ----


class Penalised(keras.Model):
    """A model of a user's own, whose penalty grows tenfold with every step, or stays."""

    def __init__(self, growth: float) -> None:
        super().__init__()
        self.growth = growth
        self.power = tf.Variable(0.0)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.power.assign_add(1.0)
        return {"loss": tf.constant(0.5), "gradient_penalty": 0.1 * self.growth**self.power}


@pytest.mark.parametrize(("growth", "expected"), [(10.0, ["exploding_loss"]), (1.5, [])])
def test_an_exploding_penalty(growth: float, expected: list[str]) -> None:
    model = Penalised(growth)
    model.compile()
    doctor = Doctor(every_steps=1)
    model.fit(X, batch_size=16, epochs=3, verbose=0, callbacks=[doctor])
    assert names(doctor) == expected
    if expected:
        found = doctor.findings[0]
        assert found.evidence["log"] == "gradient_penalty" and found.evidence["value"] > 1000
        assert found.step == 5  # 0.1 * 10**5, the first above a thousand times max(1, 0.1 * 10)


def test_a_weight_that_is_nan_is_named() -> None:
    model = gan()
    model.compile()
    broken = model.generator.trainable_variables[2]
    value = broken.numpy()
    value.flat[3] = np.nan
    look = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: broken.assign(value) if batch == 2 else None)
    found = the(examine(model, 1, look, every_steps=1, x=X), "not_finite")
    assert found.step == 3
    assert found.evidence["where"] == "weight" and found.evidence["tensor"] == broken.path
    assert found.evidence["tensors"] == 1


def test_a_training_that_diverges_is_named_once_at_its_step() -> None:
    model = vae(likelihood="normal")
    model.compile(keras.optimizers.SGD(1e20))
    doctor = examine(model, 3, every_steps=1000)
    assert names(doctor) == ["not_finite"]
    found = doctor.findings[0]
    assert found.step <= 4 and found.evidence["log"] == "loss"
    assert found.evidence["tensor"] in [variable.path for variable in model.weights]


class Root(keras.layers.Layer):
    """Is NaN below zero, and has an infinite gradient at zero."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.sqrt(inputs)


def rooted_encoder(shift: float) -> keras.Model:
    image = keras.Input(SHAPE)
    root = Root(name="root")(keras.layers.Rescaling(1.0, offset=shift)(keras.layers.Flatten()(image)))
    frozen = keras.layers.Dense(8, trainable=False)(root)
    return keras.Model(image, frozen, name="rooted")


def test_an_activation_that_is_nan_is_named() -> None:
    model = vae(encoder=rooted_encoder(-0.5))
    model.compile()
    doctor = Doctor(X)  # called by hand: after a step of `fit` the weights would be NaN too, and named first
    doctor.set_model(model)
    doctor.on_train_begin()
    doctor.on_train_batch_end(0, {"loss": float("nan")})
    assert doctor.findings[0].evidence == {"where": "activation", "tensor": "rooted/root", "log": "loss"}


def test_a_gradient_that_is_not_finite_is_named() -> None:
    image = keras.Input(SHAPE)
    first = keras.layers.Dense(4, use_bias=False, kernel_initializer="zeros", name="first")
    hidden = keras.layers.Dense(8, name="last")(Root()(first(keras.layers.Flatten()(image))))
    model = vae(encoder=keras.Model(image, hidden, name="rooted"))
    model.compile()
    doctor = Doctor(X)
    doctor.set_model(model)
    doctor.on_train_begin()
    doctor.on_train_batch_end(0, {"loss": float("inf")})
    assert doctor.findings[0].evidence == {"where": "gradient", "tensor": "first/kernel", "log": "loss"}


def test_nan_of_a_plain_keras_model() -> None:
    model, x, y = classifier(1e-3, 0.1)
    x = x.copy()
    x[40] = np.nan
    doctor = Doctor()
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[doctor])
    found = the(doctor, "not_finite")
    assert found.step == 3
    assert found.evidence["tensor"] == model.trainable_variables[0].path
