"""Conditional samples: accuracy by hand, distances within classes, structural similarity against NumPy and TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import convolve2d

from tfgen.data import arrays
from tfgen.metrics import class_accuracy, frechet_distance, intra_class_frechet, ms_ssim_diversity, multi_scale_ssim
from tfgen.random import row_keys, row_seeds

RANDOM = np.random.default_rng
WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def test_accuracy_by_hand():
    probabilities = np.eye(4)[[0, 0, 1, 3, 3, 3]]
    found = class_accuracy(probabilities, [0, 1, 1, 3, 3, 0])
    assert found.value == pytest.approx(4 / 6)
    assert found.per_class == {0: 0.5, 1: 0.5, 3: 1.0} and found.counts == {0: 2, 1: 2, 3: 2}
    assert class_accuracy(np.log(probabilities + 1e-9), [0, 1, 1, 3, 3, 0]) == found


def classes(n, seed, shift=0.0):
    labels = np.arange(n) % 3
    return RANDOM(seed).normal(size=(n, 4)) + 5.0 * labels[:, None] + shift, labels


def test_distances_within_classes_are_those_of_the_parts():
    (real, labels), (generated, asked) = classes(90, 0), classes(60, 1, shift=0.5)
    found = intra_class_frechet(real, labels, generated[::-1], asked[::-1])
    assert list(found.per_class) == [0, 1, 2] and found.counts == {0: 20, 1: 20, 2: 20}
    for label, distance in found.per_class.items():
        assert distance == pytest.approx(frechet_distance(real[labels == label], generated[asked == label]), rel=1e-9)
    assert found.value == pytest.approx(np.mean(list(found.per_class.values())))


def test_confused_classes_are_seen_where_the_whole_does_not_see_them():
    (real, labels), (generated, asked) = classes(300, 0), classes(300, 1)
    right = intra_class_frechet(real, labels, generated, asked)
    confused = intra_class_frechet(real, labels, generated, (asked + 1) % 3)
    assert right.value < 1 and frechet_distance(real, generated) < 1
    assert confused.value > 50


def test_a_class_with_few_rows_is_refused_unless_asked_for():
    (real, labels), (generated, asked) = classes(90, 0), classes(12, 1)
    message = "at least 5 rows of each class in both sets.*Received: 30 real and 4 generated rows of class 0"
    with pytest.raises(ValueError, match=message):
        intra_class_frechet(real, labels, generated, asked)
    assert intra_class_frechet(real, labels, generated, asked, min_rows=4).value > 0
    with pytest.raises(ValueError, match="Received: 0 real and 4 generated rows of class 2"):
        intra_class_frechet(real[labels < 2], labels[labels < 2], generated, asked, min_rows=2)


def similarity_by_numpy(a, b, *, scales, window):
    """MS-SSIM of two grey images, from its definition."""
    axis = np.arange(window) - window // 2
    line = np.exp(-(axis**2) / (2 * 1.5**2))
    kernel = np.outer(line, line) / line.sum() ** 2
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()

    def blur(x):
        return convolve2d(x, kernel, mode="valid")

    value = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            a, b = (np.pad(x, [(0, size % 2) for size in x.shape], mode="symmetric") for x in (a, b))
            a, b = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (a, b))
        loc_a, loc_b = blur(a), blur(b)
        contrast = (2 * (blur(a * b) - loc_a * loc_b) + 0.03**2) / (blur(a * a) - loc_a**2 + blur(b * b) - loc_b**2 + 0.03**2)
        luminance = (2 * loc_a * loc_b + 0.01**2) / (loc_a**2 + loc_b**2 + 0.01**2)
        term = (contrast * luminance).mean() if scale == scales - 1 else contrast.mean()
        value *= max(term, 0.0) ** weight
    return value


@pytest.mark.parametrize(
    ("height", "width", "scales", "window"),
    [(28, 28, 2, 11), (32, 40, 2, 11), (45, 44, 3, 11), (21, 64, 1, 11), (11, 11, 1, 11), (10, 12, 1, 9), (5, 5, 1, 5)],
)
def test_small_images_have_the_stated_scales(height, width, scales, window):
    images = RANDOM(0).random((3, height, width, 1)).astype(np.float32)
    others = np.clip(images + 0.2 * RANDOM(1).normal(size=images.shape), 0, 1).astype(np.float32)
    expected = [
        similarity_by_numpy(a[..., 0], b[..., 0], scales=scales, window=window) for a, b in zip(images, others, strict=True)
    ]
    found = multi_scale_ssim(images, others)
    assert found.dtype == np.float32 and found.shape == (3,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_large_images_have_tensorflows_five_scales():
    images = RANDOM(0).random((2, 176, 180, 3)).astype(np.float32)
    others = (images + RANDOM(1).random(images.shape).astype(np.float32)) / 2
    np.testing.assert_allclose(multi_scale_ssim(images, others), tf.image.ssim_multiscale(images, others, 1.0), rtol=1e-5)


def test_channels_are_averaged():
    pair = RANDOM(3).random((2, 1, 28, 28, 3)).astype(np.float32)
    one_by_one = [multi_scale_ssim(pair[0, ..., c : c + 1], pair[1, ..., c : c + 1]) for c in range(3)]
    np.testing.assert_allclose(multi_scale_ssim(*pair), np.mean(one_by_one), rtol=1e-4)


def test_equal_images_are_one_noise_is_low_and_chunks_do_not_matter(monkeypatch):
    images = RANDOM(0).random((9, 28, 28, 1)).astype(np.float32)
    np.testing.assert_allclose(multi_scale_ssim(images, images), 1.0, rtol=1e-5)
    noise = multi_scale_ssim(images, images[::-1])
    assert noise[np.arange(9) != 4].max() < 0.2
    monkeypatch.setattr("tfgen.metrics.conditional._PIXELS", 2000)
    np.testing.assert_allclose(multi_scale_ssim(images, images[::-1]), noise, rtol=1e-5)


def test_diversity_is_the_mean_over_the_drawn_pairs():
    images = RANDOM(0).random((12, 14, 14, 1)).astype(np.float32)
    labels = np.arange(12) % 3 + 4
    found = ms_ssim_diversity(images, labels, pairs=20, seed=5)
    key = int(row_seeds(5, 1)[0])
    for label, value in found.per_class.items():
        members = np.flatnonzero(labels == label)
        draws = np.array([[int(row_keys(key, label, i, side)) for side in range(2)] for i in range(20)])
        left = draws[:, 0] % 4
        right = (left + 1 + draws[:, 1] % 3) % 4
        assert (left != right).all()
        assert value == pytest.approx(multi_scale_ssim(images[members[left]], images[members[right]]).mean(), rel=1e-5)
    assert list(found.per_class) == [4, 5, 6] and found.counts == dict.fromkeys((4, 5, 6), 20)
    assert found.value == pytest.approx(np.mean(list(found.per_class.values())))
    assert ms_ssim_diversity(images, labels, pairs=20, seed=5) == found
    assert ms_ssim_diversity(images, labels, pairs=20, seed=6) != found


def test_a_class_that_collapsed_stands_out_of_real_images():
    pixels, labels = arrays("fashion_mnist_small", "test")
    images = pixels / np.float32(255)
    real = ms_ssim_diversity(images, labels, pairs=40)
    collapsed = images.copy()
    collapsed[labels == 7] = images[labels == 7][0]
    found = ms_ssim_diversity(collapsed, labels, pairs=40)
    assert found.per_class[7] == pytest.approx(1.0, abs=1e-5) and max(real.per_class.values()) < 0.75
    assert {label: value for label, value in found.per_class.items() if label != 7} == {
        label: value for label, value in real.per_class.items() if label != 7
    }
    assert ms_ssim_diversity(images, pairs=100).value < real.value


IMAGES = np.full((4, 8, 8, 1), 0.5)


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda: class_accuracy(np.eye(3), [0, 1]), ValueError, r"`labels` of shape \(3,\).*Received: labels.shape=\(2,\)"),
        (lambda: class_accuracy(np.eye(3), [0, 1, 3]), ValueError, r"`labels` in \[0, 3\). Received: labels from 0 to 3"),
        (lambda: class_accuracy(np.eye(3), [0.0, 1.0, 2.0]), TypeError, "integers. Received: labels.dtype=float64"),
        (lambda: class_accuracy([0, 1], [0, 1]), ValueError, r"Expected `probabilities` of shape \(n, d\)"),
        (lambda: class_accuracy(np.eye(3)[:0], []), ValueError, "at least one row"),
        (lambda: intra_class_frechet(*classes(9, 0), *classes(9, 0), min_rows=1), ValueError, "Received: min_rows=1"),
        (lambda: intra_class_frechet(np.eye(3), [0] * 3, np.eye(2), [0] * 2), ValueError, "3 and 2 features per row"),
        (lambda: intra_class_frechet(np.eye(3), [-1] * 3, np.eye(3), [0] * 3), ValueError, "`real_labels` at least 0"),
        (lambda: multi_scale_ssim(IMAGES, IMAGES[1:]), ValueError, r"images of one shape. Received: a.shape=\(4, 8, 8, 1\)"),
        (lambda: multi_scale_ssim(IMAGES[0], IMAGES[0]), ValueError, r"Expected `a` of shape .*Received: a.shape=\(8, 8, 1\)"),
        (lambda: multi_scale_ssim(IMAGES, 3 * IMAGES), ValueError, r"`b` as floats in \[0, 1\].*values from 1.5 to 1.5"),
        (lambda: multi_scale_ssim(IMAGES, IMAGES * np.nan), ValueError, "values from nan to nan"),
        (lambda: ms_ssim_diversity(IMAGES.astype(np.uint8)), ValueError, "divide 8-bit images by 255. Received: uint8"),
        (
            lambda: ms_ssim_diversity(IMAGES, [0, 0, 0, 1]),
            ValueError,
            "at least 2 images of each class. Received: 1 of class 1",
        ),
        (lambda: ms_ssim_diversity(IMAGES, pairs=0), ValueError, "Received: pairs=0"),
        (lambda: ms_ssim_diversity(IMAGES, seed=0.5), TypeError, "`seed` must be an integer"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()
