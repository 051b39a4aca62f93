"""ExactConv2D and ExactConv2DTranspose against the Keras layers, and against the bias gradient that Keras gets wrong."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.exact_bias import ExactConv2D, ExactConv2DTranspose

_PAIRS = [(ExactConv2D, keras.layers.Conv2D), (ExactConv2DTranspose, keras.layers.Conv2DTranspose)]


@pytest.mark.parametrize(("exact", "plain"), _PAIRS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_values_and_gradients_equal_the_keras_layer(exact, plain, use_bias):
    settings = {
        "strides": 2,
        "padding": "same",
        "activation": "relu",
        "use_bias": use_bias,
        "bias_initializer": "random_normal",
    }
    exact, plain = exact(4, 4, **settings), plain(4, 4, **settings)
    images = tf.random.stateless_normal([3, 7, 6, 2], [1, 2])
    exact.build(images.shape)
    plain.build(images.shape)
    plain.set_weights(exact.get_weights())
    results = []
    for layer in (exact, plain):
        with tf.GradientTape() as tape:
            outputs = layer(images)
            loss = tf.reduce_sum(tf.square(outputs))
        results.append([outputs, *tape.gradient(loss, layer.trainable_variables)])
    for first, second in zip(*results, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("exact", [exact for exact, _ in _PAIRS])
def test_the_bias_gradient_of_many_pixels_is_right_in_bfloat16(exact):
    layer = exact(4, 1, dtype="mixed_bfloat16")
    images = tf.ones([8, 32, 32, 2])
    layer.build(images.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(layer(images), tf.float32))
    # Every pixel adds one: a bfloat16 sum stops at 256 of the 8192.
    np.testing.assert_array_equal(tape.gradient(loss, layer.bias), [8192.0] * 4)


@pytest.mark.parametrize("exact", [exact for exact, _ in _PAIRS])
def test_a_model_with_the_layer_comes_back_from_its_file(exact, tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 3)), exact(2, 3, activation="sigmoid")])
    images = tf.random.stateless_normal([2, 6, 6, 3], [1, 2])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[0], exact)
    np.testing.assert_array_equal(loaded(images), model(images))
