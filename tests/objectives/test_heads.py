"""Heads of a discriminator: hand-made cross-entropies for each player, gradients, configs, refusals."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import ClassHead

HEAD = ClassHead(2, weight=0.1)
REAL = tf.constant([[0.0, math.log(3.0)], [math.log(2.0), 0.0]])  # the second class has probability 3/4, 1/3
GENERATED = tf.constant([[math.log(4.0), 0.0], [0.0, math.log(9.0)]])  # the second class has probability 1/5, 9/10
TARGET, CONDITION = tf.constant([1, 0]), tf.constant([1, 1], tf.int64)


def test_the_discriminator_pays_for_both_and_the_generator_for_its_own() -> None:
    own = [math.log(5.0), math.log(10.0 / 9.0)]
    both = [math.log(4.0 / 3.0) + own[0], math.log(3.0 / 2.0) + own[1]]
    np.testing.assert_allclose(HEAD.losses("discriminator", REAL, GENERATED, TARGET, CONDITION, None), both, rtol=1e-5)
    np.testing.assert_allclose(HEAD.losses("generator", None, GENERATED, None, CONDITION, None), own, rtol=1e-5)


def test_losses_are_finite_at_extremes_and_push_towards_the_class() -> None:
    logits = tf.constant([[1e4, -1e4], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = HEAD.losses("generator", None, logits, None, CONDITION, None)
    slope = tape.gradient(losses, logits).numpy()
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(slope, [[1.0, -1.0], [0.5, -0.5]], atol=1e-6)


def test_the_size_is_the_number_of_classes() -> None:
    assert (ClassHead(10).size, ClassHead(10).name, ClassHead(10).weight, HEAD.weight) == (10, "class", 1.0, 0.1)


def test_configs() -> None:
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(HEAD))
    assert twin == HEAD != ClassHead(2) and hash(twin) == hash(HEAD)
    assert HEAD.get_config() == {"num_classes": 2, "weight": 0.1}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ClassHead(1), "`num_classes` must be an integer of at least 2. Received: num_classes=1"),
        (lambda: ClassHead(3, -0.5), "`weight` must be a number of at least 0. Received: weight=-0.5"),
        (lambda: HEAD.losses("critic", REAL, GENERATED, TARGET, CONDITION, None), "`player` must be one of .*player='critic'"),
        (lambda: HEAD.losses("generator", None, GENERATED, None, None, None), "Expected `condition`"),
        (lambda: HEAD.losses("discriminator", REAL, GENERATED, None, CONDITION, None), "Expected `real` and `target`"),
    ],
)
def test_wrong_arguments_are_named(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
