"""The tricks of an adversarial training: the size, the fall and the bits of instance noise, configs, refusals."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from tfgen.objectives import Stabilisers

IMAGES = tf.constant(np.random.default_rng(0).uniform(size=(4, 3, 3, 1)), tf.float32)
SEEDS = tf.constant(random.row_seeds(5, 4))


def test_no_noise_is_the_very_tensor() -> None:
    assert Stabilisers().noisy(IMAGES, SEEDS, 0) is IMAGES
    assert Stabilisers(instance_noise_steps=10).noisy(IMAGES, SEEDS, 0) is IMAGES


@pytest.mark.parametrize(
    ("steps", "step", "scale"), [(0, 0, 0.2), (0, 10**6, 0.2), (100, 0, 0.2), (100, 25, 0.15), (100, 100, 0.0), (100, 500, 0.0)]
)
def test_the_noise_falls_linearly_to_nothing(steps: int, step: int, scale: float) -> None:
    tricks = Stabilisers(instance_noise=0.2, instance_noise_steps=steps)
    noise = random.normal(SEEDS, (3, 3, 1), stream=random.Stream.INSTANCE_NOISE)
    for at in (step, tf.constant(step, tf.int64)):
        np.testing.assert_allclose(tricks.noisy(IMAGES, SEEDS, at), IMAGES + scale * noise, atol=1e-6)


def test_each_row_has_the_noise_of_its_seed() -> None:
    tricks = Stabilisers(instance_noise=0.5)
    whole = tricks.noisy(IMAGES, SEEDS, 3)
    np.testing.assert_array_equal(tricks.noisy(IMAGES[2:3], SEEDS[2:3], 3), whole[2:3])
    assert not np.allclose(whole[0] - IMAGES[0], whole[1] - IMAGES[1])


def test_half_precision_images_get_their_noise_in_float32() -> None:
    assert Stabilisers(instance_noise=0.1).noisy(tf.cast(IMAGES, tf.float16), SEEDS, 0).dtype == tf.float32


def test_configs() -> None:
    tricks = Stabilisers(0.1, 1000, 50)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tricks))
    assert twin == tricks != Stabilisers() and hash(twin) == hash(tricks)
    assert tricks.get_config() == {"instance_noise": 0.1, "instance_noise_steps": 1000, "average_start": 50}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"instance_noise": -0.1}, "`instance_noise` must be a number of at least 0. Received: instance_noise=-0.1"),
        ({"instance_noise_steps": 1.5}, "`instance_noise_steps` must be an integer of at least 0"),
        ({"average_start": -1}, "`average_start` must be an integer of at least 0. Received: average_start=-1"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Stabilisers(**arguments)
