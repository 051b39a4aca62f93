"""The doctor: healthy trainings hear nothing and are not disturbed, sick ones are warned, stopped or ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.callbacks.patients import SHAPE, X, adam, examine, gan, pixelcnn, quarters, vae
from tests.models.adversarial.toy import dense
from tfgen.callbacks import Doctor, DoctorError, DoctorWarning, Thresholds
from tfgen.models.configuration import seed_generators
from tfgen.testing.devices import two_replicas

# ---- health ----


def healthy_gan() -> tuple[Any, Any]:
    model = gan(width=8)
    model.compile(adam(2e-3), adam(5e-4))
    return model, X


def healthy_vae() -> tuple[Any, Any]:
    model = vae()
    model.compile(keras.optimizers.Adam(1e-2))
    return model, quarters()


def healthy_pixelcnn() -> tuple[Any, Any]:
    model = pixelcnn()
    model.compile(keras.optimizers.Adam(5e-3))
    return model, X


@pytest.mark.parametrize("build", [healthy_gan, healthy_vae, healthy_pixelcnn])
def test_a_healthy_training_hears_nothing(build: Callable[[], tuple[Any, Any]]) -> None:
    model, x = build()
    doctor = examine(model, 30, x=x, every_steps=20)
    assert doctor.findings == []
    assert len(doctor.looks) == 6
    assert all(np.isfinite(list(look.values())).all() for look in doctor.looks)


def state(model: Any) -> list[np.ndarray]:
    optimizers = [variable for optimizer in model.optimizers.values() for variable in optimizer.variables]
    generators = [generator.state for generator in seed_generators(model)]
    return [tf.convert_to_tensor(getattr(v, "value", v)).numpy() for v in (*model.weights, *optimizers, *generators)]


def noisy_discriminator() -> keras.Model:
    """A network whose every pass moves something: batch statistics, and the state of a Dropout."""
    keras.utils.set_random_seed(2)
    image = keras.Input(SHAPE)
    hidden = keras.layers.Dense(6)(keras.layers.Flatten()(image))
    hidden = keras.layers.Dropout(0.3, seed=3)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(image, keras.layers.Dense(1)(hidden))


@pytest.mark.parametrize(
    "build",
    [
        lambda: gan(discriminator=noisy_discriminator(), ema=0.9),
        lambda: gan(dtype="mixed_float16"),
        lambda: vae(importance_samples=2),
        pixelcnn,
    ],
    ids=["gan", "float16-gan", "vae", "pixelcnn"],
)
def test_looks_do_not_change_training(build: Callable[[], Any]) -> None:
    plain, watched = build(), build()
    for model in (plain, watched):
        model.compile()
    plain.fit(X, batch_size=16, epochs=1, verbose=0)
    doctor = examine(watched, 1, every_steps=1)
    assert len(doctor.looks) == 4
    for a, b in zip(state(plain), state(watched), strict=True):
        np.testing.assert_array_equal(a, b)


def test_looks_of_steps_in_one_execution_and_across_fits() -> None:
    model = pixelcnn()
    model.compile(steps_per_execution=4)
    doctor = Doctor(every_steps=6)
    for _ in range(2):
        model.fit(X, batch_size=16, epochs=2, verbose=0, callbacks=[doctor])
    assert [look["step"] for look in doctor.looks] == [8.0, 16.0]


def test_a_conditional_model_is_looked_at_with_its_labels() -> None:
    keras.utils.set_random_seed(1)
    model = tfgen.GatedPixelCNN(SHAPE, filters=2, blocks=1, kernel_size=3, num_classes=2)
    model.compile()
    labels = np.arange(64) % 2
    doctor = Doctor(X, labels=labels, every_steps=1)
    model.fit(X, labels, batch_size=32, epochs=1, shuffle=False, verbose=0, callbacks=[doctor])
    model.compile(keras.optimizers.SGD(0.0))
    for weight in model.trainable_variables:
        if weight.name == "classes":  # two steps teach both classes the same: here they differ
            weight.assign(tf.random.stateless_normal(weight.shape, (0, 1)))
    one, other = Doctor(X, labels=labels, every_steps=1), Doctor(X, labels=1 - labels, every_steps=1)
    model.fit(X, labels, batch_size=32, epochs=1, verbose=0, callbacks=[one, other])
    assert one.looks[0]["nll"] == pytest.approx(-np.mean(model.log_prob(X, labels)), rel=1e-4)
    assert other.looks[0]["nll"] == pytest.approx(-np.mean(model.log_prob(X, 1 - labels)), rel=1e-4)
    assert one.looks[0]["nll"] != pytest.approx(other.looks[0]["nll"], rel=1e-5)
    with pytest.raises(ValueError, match="label"):
        model.fit(X, labels, batch_size=32, verbose=0, callbacks=[Doctor(X)])


# ---- what it does ----


def stuck() -> tfgen.PixelCNN:
    model = pixelcnn()
    for variable in model.trainable_variables[-2:]:
        variable.assign(np.zeros(variable.shape))
    model.compile(keras.optimizers.SGD(0.0))
    return model


def test_warns_once_and_goes_on() -> None:
    model = stuck()
    with pytest.warns(DoctorWarning, match="stuck at uniform, seen at step 20, epoch 4: .* usually helps: ") as said:
        examine(model, 12)
    assert len([warning for warning in said if warning.category is DoctorWarning]) == 1
    assert int(model.epoch.numpy()) == 12


def test_stops() -> None:
    model = stuck()
    with pytest.warns(DoctorWarning):
        examine(model, 12, action="stop")
    assert int(model.step.numpy()) == 20


def test_raises() -> None:
    with pytest.raises(DoctorError, match="nothing is learned") as raised:
        examine(stuck(), 12, action="raise")
    assert raised.value.finding.name == "stuck_at_uniform"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"every_steps": 0}, ValueError), ({"action": "shout"}, ValueError), ({"extractor": 3}, TypeError)],
)
def test_refuses(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="Received"):
        Doctor(**arguments)


@pytest.mark.parametrize("arguments", [{"patience": 0}, {"explosion": -1.0}])
def test_refuses_thresholds(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        Thresholds(**arguments)


def test_refuses_images_that_the_model_cannot_take() -> None:
    with pytest.raises(ValueError, match="`images`"):
        model = pixelcnn()
        model.compile()
        model.fit(X, verbose=0, callbacks=[Doctor(255.0 * X)])


def test_replicas_are_looked_at_like_one_device() -> None:
    looks = []
    for scope in (contextlib.nullcontext(), two_replicas().scope()):
        with scope:
            keras.utils.set_random_seed(1)
            networks = {"generator": dense((4,), SHAPE, last="sigmoid"), "discriminator": dense(SHAPE, (1,))}
            model = gan(**networks)
            model.compile()
        looks.append(examine(model, 1, every_steps=2).looks)
    assert len(looks[0]) == len(looks[1]) == 2
    for one, two in zip(*looks, strict=True):
        assert one.keys() == two.keys()
        for name in one:
            assert two[name] == pytest.approx(one[name], rel=0.05, abs=1e-3), name
