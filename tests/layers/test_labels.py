"""Labels inside networks: codes beside vectors and images, and the projection, by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import ClassProjection, WithLabel


def test_the_code_of_each_row_stands_beside_its_features_at_every_place():
    images = np.random.default_rng(0).normal(size=(3, 2, 4, 1)).astype(np.float32)
    joined = WithLabel(3)([images, np.array([2, 0, 2])]).numpy()
    assert joined.shape == (3, 2, 4, 4)
    np.testing.assert_array_equal(joined[..., :1], images)
    for row, label in enumerate([2, 0, 2]):
        expected = np.broadcast_to(np.eye(3)[label], (2, 4, 3))
        np.testing.assert_array_equal(joined[row, ..., 1:], expected)


def test_the_projection_is_an_inner_product_with_the_direction_of_the_class():
    layer, noise = ClassProjection(4, initializer="normal"), np.random.default_rng(1)
    outputs, features = noise.normal(size=(3, 2)).astype(np.float32), noise.normal(size=(3, 5)).astype(np.float32)
    label = np.array([3, 1, 3])
    found = layer([outputs, features, label]).numpy()
    directions = np.asarray(layer.directions)
    np.testing.assert_allclose(found[:, 0], outputs[:, 0] + (directions[label] * features).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(found[:, 1], outputs[:, 1])  # what heads read is left alone


def test_only_directions_of_classes_that_occur_are_moved():
    layer = ClassProjection(3, initializer="ones")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer([tf.zeros((2, 1)), tf.ones((2, 4)), tf.constant([1, 1])]))
    slope = tf.convert_to_tensor(tape.gradient(total, layer.directions.value)).numpy()
    np.testing.assert_array_equal(slope, [[0.0] * 4, [2.0] * 4, [0.0] * 4])


@pytest.mark.parametrize("layer", [WithLabel(3), ClassProjection(3)], ids=["code", "projection"])
def test_layers_come_back_from_their_config(layer: keras.Layer):
    twin = type(layer).from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert twin.num_classes == 3


def test_the_code_takes_the_format_of_its_features():
    joined = WithLabel(2, dtype="mixed_bfloat16")([tf.zeros((1, 2)), tf.constant([1])])
    assert joined.dtype == tf.bfloat16
