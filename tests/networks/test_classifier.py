"""The classifier: its shapes, its feature layer, and what it refuses."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks import image_classifier


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 7, 3), (1, 1, 1)])
def test_shapes(shape: tuple[int, int, int]):
    classifier = image_classifier(shape, 5, width=2, num_features=6)
    assert classifier(tf.zeros([3, *shape])).shape == (3, 5)
    assert classifier.get_layer("features").output.shape == (None, 6)


def test_logits_are_an_affine_function_of_the_features():
    keras.utils.set_random_seed(0)
    classifier = image_classifier((8, 8, 1), 4, width=3, num_features=7)
    images = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    features = keras.Model(classifier.input, classifier.get_layer("features").output)(images).numpy()
    kernel, bias = (variable.numpy() for variable in classifier.get_layer("logits").weights)
    np.testing.assert_allclose(classifier(images).numpy(), features @ kernel + bias, atol=1e-5)


def test_features_and_logits_are_float32_in_any_precision():
    classifier = image_classifier((8, 8, 1), 4, width=2, num_features=3, dtype="mixed_bfloat16")
    assert classifier.get_layer("convolution_1").compute_dtype == "bfloat16"
    assert {classifier.get_layer(name).output.dtype for name in ("features", "logits")} == {"float32"}


def test_it_learns_what_is_easy():
    keras.utils.set_random_seed(0)
    labels = np.arange(64) % 2
    images = np.zeros((64, 8, 8, 1), np.float32) + 0.1
    images[labels == 1, :, :4] = 0.9
    classifier = image_classifier((8, 8, 1), 2, width=2, num_features=4, dropout=0.0)
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    classifier.fit(images, labels, epochs=40, verbose=0)
    assert classifier.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] == 1.0


@pytest.mark.parametrize(
    "arguments", [{"num_classes": 1}, {"num_features": 0}, {"width": 0}, {"dropout": 1.0}, {"image_shape": (8, 8)}]
)
def test_bad_sizes_are_refused(arguments: dict):
    (name,) = arguments
    with pytest.raises(ValueError, match=rf"`{name}` must .*Received: {name}="):
        image_classifier(**{"image_shape": (8, 8, 1), "num_classes": 3, **arguments})
