"""Checks of a model's input: one sentence each, with the way to mend it."""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import check_binary, check_images, check_labels, check_lengths

SHAPE = (28, 28, 1)


def images(shape=(2, *SHAPE), value=0.5, dtype=np.float32):
    return np.full(shape, value, dtype)


def with_value(value):
    x = images()
    x[1, 2, 3, 0] = value
    return x


def say(call, *arguments, **options):
    with pytest.raises((ValueError, TypeError)) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and "Received: " in message and message.startswith("Expected ")
    return message


@pytest.mark.parametrize(
    "good",
    [
        images(),
        images(value=0),
        images(value=1, dtype=np.uint8),
        images(dtype=np.float64),
        images(dtype=np.float16),
        images(dtype=ml_dtypes.bfloat16),
        images(value=True, dtype=bool),
        tf.constant(images()),
        tf.cast(images(), tf.bfloat16),
        images(value=1 + 1e-6),
    ],
)
def test_good_images_pass(good):
    assert check_images(good, shape=SHAPE) is None


def test_free_axes_take_any_size():
    check_images(images((1, 5, 7, 1)), shape=(None, None, 1))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (images((2, 28, 28)), "The channel axis is missing: pass `x[..., None]`. Received: x.shape=(2, 28, 28)"),
        (images(SHAPE), "The batch axis is missing: pass `x[None]`. Received: x.shape=(28, 28, 1)"),
        (images((2, 1, 28, 28)), "The channels must come last: pass `x.transpose(0, 2, 3, 1)`."),
        (images((2, 784)), "The rows are flat: pass `x.reshape(-1, 28, 28, 1)`."),
        (images((2, 28, 28, 3)), "Expected `x` of shape (batch, 28, 28, 1). Received: x.shape=(2, 28, 28, 3)"),
        (np.float32(3), "Received: x.shape=()"),
        (images((0, *SHAPE)), "Expected `x` to hold at least one example. Received: x.shape=(0, 28, 28, 1)"),
        (
            images(value=255),
            'Expected `x` in [0, 1]. Divide by 255: `x.astype("float32") / 255`. Received: values from 255 to 255',
        ),
        (images(value=200, dtype=np.uint8), "Divide by 255"),
        (images(value=-1), "From [-1, 1], pass `(x + 1) / 2`. Received: values from -1 to -1"),
        (images(value=1e6), "Expected `x` in [0, 1]. Received: values from 1e+06 to 1e+06"),
        (with_value(np.nan), "Received: 1 NaN or infinite values of 1568, the first x[1, 2, 3, 0]=nan"),
        (with_value(-np.inf), "the first x[1, 2, 3, 0]=-inf"),
        (np.array(["a"]), "Expected `x` to hold real numbers. Received: x.dtype=<U1"),
        (images(dtype=complex), "Received: x.dtype=complex128"),
        (np.array([None]), "Received: x.dtype=object"),
        ([[1], [1, 2]], "its rows must all have one shape"),
        (tf.data.Dataset.range(2), "Expected `x` to be an array."),
    ],
)
def test_bad_images_are_refused_in_one_sentence(bad, sentence):
    assert sentence in say(check_images, bad, shape=SHAPE)


def test_another_range_and_name():
    check_images(images(value=-3), shape=SHAPE, value_range=(-5, 5))
    check_images(images(value=1e6), shape=SHAPE, value_range=None)
    message = say(check_images, images(value=9), shape=SHAPE, value_range=(-5, 5), name="audio")
    assert message == "Expected `audio` in [-5, 5]. Received: values from 9 to 9"


def test_binary_images():
    check_binary(np.array([[0, 1]]))
    check_binary(tf.constant([0.0, 1.0]))
    message = say(check_binary, np.array([[0.0, 0.25, 1.0]]))
    assert "tfgen.data.binarize(images, seeds)" in message and 'view="binarized"' in message
    assert message.endswith("Received: 1 other values of 3, the first [0, 1]=0.25")
    assert "NaN" in say(check_binary, np.array([np.nan]))


def test_labels_pass():
    check_labels(np.array([0, 9]), 10)
    check_labels(tf.constant([0, 9], tf.int32), 10)
    check_labels(np.array([255], np.uint8), 256)


@pytest.mark.parametrize(
    ("bad", "kind", "sentence"),
    [
        ([0, 10, 11], ValueError, "Received: 2 labels out of range, the first labels[1]=10"),
        ([-1], ValueError, "Received: 1 label out of range, the first labels[0]=-1"),
        (np.eye(10), ValueError, "labels.argmax(-1)"),
        (np.zeros((3, 1), int), ValueError, "Expected `labels` of shape (batch,)"),
        ([0.0, 1.0], TypeError, 'cast them with `.astype("int64")`. Received: labels.dtype=float64'),
        (["boot"], TypeError, "np.unique(labels, return_inverse=True)"),
        (np.zeros(0, int), ValueError, "at least one label"),
    ],
)
def test_bad_labels_are_refused_in_one_sentence(bad, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)):
        check_labels(bad, 10)


def test_lengths():
    check_lengths(images(), [1, 2])
    assert say(check_lengths, images(), [1]) == "Expected one label per image. Received: 2 images and 1 labels"
