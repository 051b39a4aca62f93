"""NarrowConv2D against keras.layers.Conv2D: values, gradients and gradients of gradients."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import narrow
from tfgen.layers.narrow import NarrowConv2D


def _pair(kernel_size, filters, channels, dtype="float32", **kwargs):
    """The two layers with equal weights."""
    fast = NarrowConv2D(filters, kernel_size, dtype=dtype, bias_initializer="random_normal", **kwargs)
    plain = keras.layers.Conv2D(filters, kernel_size, padding="same", dtype=dtype, **kwargs)
    fast.build((None, None, None, channels))
    plain.build((None, None, None, channels))
    plain.set_weights(fast.get_weights())
    return fast, plain


def _gradients(layer, images, weights):
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
    return outputs, tape.gradient(loss, [images, *layer.trainable_variables])


def _close(first, second, tolerance):
    for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        a, b = np.asarray(tf.cast(a, tf.float32)), np.asarray(tf.cast(b, tf.float32))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max()))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 7, (3, 6)])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (2, 9)])
@pytest.mark.parametrize("filters", [1, 2])
def test_values_and_gradients_equal_the_ordinary_convolution(kernel_size, height, width, filters):
    fast, plain = _pair(kernel_size, filters, channels=6)
    images = tf.random.stateless_normal([3, height, width, 6], [1, 2])
    weights = tf.random.stateless_normal([3, height, width, filters], [3, 4])
    _close(_gradients(fast, images, weights), _gradients(plain, images, weights), 1e-5)


def test_bfloat16_stays_near_the_ordinary_convolution():
    fast, plain = _pair(7, 1, channels=32, dtype="mixed_bfloat16")
    images = tf.cast(tf.random.stateless_normal([2, 9, 9, 32], [1, 2]), tf.bfloat16)
    weights = tf.random.stateless_normal([2, 9, 9, 1], [3, 4])
    outputs, gradients = _gradients(fast, images, weights)
    assert outputs.dtype == tf.bfloat16
    _close((outputs, gradients), _gradients(plain, images, weights), 3e-2)


def test_the_product_is_the_convolution_for_any_number_of_filters():
    kernel = tf.random.stateless_normal([3, 4, 5, 6], [1, 2])
    images = tf.random.stateless_normal([2, 7, 8, 5], [3, 4])
    _close(narrow._convolve(images, kernel), tf.nn.conv2d(images, kernel, 1, "SAME"), 1e-5)


def test_gradients_of_every_order_equal_the_ordinary_convolution():
    kernel = tf.random.stateless_normal([3, 2, 4, 1], [1, 2])
    images = tf.random.stateless_normal([2, 5, 6, 4], [3, 4])

    def orders(convolve):
        """First to third derivatives of a scalar that is not linear in anything."""
        with tf.GradientTape() as outermost:
            outermost.watch([images, kernel])
            with tf.GradientTape() as outer:
                outer.watch([images, kernel])
                with tf.GradientTape() as inner:
                    inner.watch([images, kernel])
                    loss = tf.reduce_sum(tf.sin(convolve(images, kernel)))
                first = inner.gradient(loss, [images, kernel])
                penalty = sum(tf.reduce_sum(tf.sin(gradient)) for gradient in first)
            second = outer.gradient(penalty, [images, kernel])
            again = sum(tf.reduce_sum(tf.cos(gradient)) for gradient in second)
        return first, second, outermost.gradient(again, [images, kernel])

    _close(orders(narrow._convolve), orders(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME")), 1e-4)


def test_analytic_gradient_agrees_with_differences():
    kernel = tf.random.stateless_normal([3, 3, 2, 1], [1, 2], dtype=tf.float32)
    images = tf.random.stateless_normal([1, 4, 4, 2], [3, 4], dtype=tf.float32)
    theoretical, numerical = tf.test.compute_gradient(lambda x, w: narrow._convolve(x, w), [images, kernel], delta=1e-2)
    _close(theoretical, numerical, 1e-3)


def test_more_filters_or_a_gpu_take_the_ordinary_convolution(monkeypatch):
    def fail(*_):
        raise AssertionError("the product was used")

    images = tf.random.stateless_normal([2, 6, 6, 3], [1, 2])
    fast, plain = _pair(3, 3, channels=3, activation="sigmoid")
    monkeypatch.setattr(narrow, "_convolve", fail)
    _close(fast(images), plain(images), 1e-6)
    fast, plain = _pair(3, 1, channels=3)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["one"])
    _close(fast(images), plain(images), 1e-6)


def test_the_layer_traces_with_no_fixed_size_and_under_xla():
    fast, plain = _pair(5, 1, channels=3)
    images = tf.random.stateless_normal([2, 6, 9, 3], [1, 2])
    traced = tf.function(fast, input_signature=[tf.TensorSpec([None, None, None, 3])])
    _close(traced(images), plain(images), 1e-5)
    _close(tf.function(fast, jit_compile=True)(images), plain(images), 1e-5)


def test_a_model_with_the_layer_is_saved_cloned_and_loads_into_plain_keras(tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 3)), NarrowConv2D(1, 3, activation="sigmoid")])
    images = tf.random.stateless_normal([2, 6, 6, 3], [1, 2])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[0], NarrowConv2D)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert isinstance(keras.models.clone_model(model).layers[0], NarrowConv2D)
    plain = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")])
    plain.set_weights(model.get_weights())
    _close(plain(images), model(images), 1e-5)


@pytest.mark.parametrize(
    ("argument", "received"),
    [
        ({"strides": 2}, r"strides=\(2, 2\)"),
        ({"padding": "valid"}, "padding='valid'"),
        ({"dilation_rate": 2}, "dilation_rate="),
    ],
)
def test_what_it_does_not_compute_is_refused(argument, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        NarrowConv2D(1, 3, **argument)
