"""Feature spaces: the same numbers as the network's own, their checksum, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from tfgen import data, metrics
from tfgen.metrics import features
from tfgen.networks import image_classifier


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    keras.utils.set_random_seed(1)
    return image_classifier((8, 8, 1), 3, width=2, num_features=5)


@pytest.fixture(scope="module")
def saved(classifier: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("features") / "mine.keras"
    classifier.save(path)
    return path


IMAGES = np.random.default_rng(0).random((7, 8, 8, 1), np.float32)


def test_features_and_probabilities_are_the_networks(classifier: keras.Model, saved: Path):
    extractor = metrics.load_extractor(saved)
    assert (extractor.name, extractor.sha256) == ("mine", hashlib.sha256(saved.read_bytes()).hexdigest())
    found, probabilities = extractor.features_and_probabilities(IMAGES, batch_size=3)
    expected = keras.Model(classifier.input, classifier.get_layer("features").output)(IMAGES, training=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(probabilities, keras.ops.softmax(classifier(IMAGES, training=False)), atol=1e-5)
    np.testing.assert_allclose(extractor.features(IMAGES), found, atol=1e-6)
    np.testing.assert_allclose(extractor.probabilities(IMAGES), probabilities, atol=1e-6)


def test_bytes_are_read_as_255ths():
    extractor = metrics.Extractor(lambda images: images, name="pixels")
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), np.uint8)
    np.testing.assert_array_equal(extractor.features(images), (images / np.float32(255)).reshape(5, 16))


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    metrics.Extractor(lambda images: images, name="pixels").features(
        IMAGES, batch_size=3, progress=lambda *where: told.append(where)
    )
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_checksums_tell_networks_apart(classifier: keras.Model):
    first = metrics.Extractor(classifier, name="a")
    assert first.sha256 == metrics.Extractor(classifier, name="a").sha256
    assert first.describe() == {"name": "a", "sha256": first.sha256}
    keras.utils.set_random_seed(2)
    other = image_classifier((8, 8, 1), 3, width=2, num_features=5)
    assert len({first.sha256, metrics.Extractor(other, name="a").sha256, metrics.Extractor(classifier, name="b").sha256}) == 3


def test_a_network_without_a_layer_of_features_gives_its_output(tmp_path: Path):
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    network.save(tmp_path / "plain.keras")
    extractor = metrics.load_extractor(tmp_path / "plain.keras")
    np.testing.assert_allclose(extractor.features(IMAGES), network(IMAGES), atol=1e-5)
    with pytest.raises(ValueError, match=r"Expected an extractor with classes.*Received: 'plain'"):
        extractor.probabilities(IMAGES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:, :7], r"Expected images \(n, 8, 8, 1\).*Received: shape \(7, 7, 8, 1\)"),
        (IMAGES[0], r"Expected images \(n, 8, 8, 1\)"),
        (IMAGES[:0], r"Expected images"),
        (IMAGES * 255, r"Expected images in \[0, 1\], or uint8.*Received: values from"),
        (IMAGES * np.nan, r"Expected images in \[0, 1\]"),
    ],
)
def test_bad_images_are_refused(saved: Path, images: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        metrics.load_extractor(saved).features(images)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"Expected finite features of 'broken'"):
        metrics.Extractor(lambda images: images / 0.0, name="broken").features(IMAGES)


def test_files_that_are_none_are_refused(tmp_path: Path):
    (tmp_path / "x.keras").write_text("x")
    with pytest.raises(ValueError, match=r"Expected a .keras file"):
        metrics.load_extractor(tmp_path / "x.keras")
    with pytest.raises(FileNotFoundError, match=r"Received: clasifier"):
        metrics.load_extractor("clasifier")
    with pytest.raises(FileNotFoundError, match=r"Expected the weights of InceptionV3.*which is not there"):
        metrics.load_extractor("inception", weights=tmp_path / "none.h5")


def test_the_bundled_extractor_is_the_frozen_one(monkeypatch: pytest.MonkeyPatch):
    extractor = metrics.load_extractor()
    assert extractor.sha256 == metrics.CLASSIFIER_SHA256
    images, labels = data.arrays("fashion_mnist_small", "test")
    found, probabilities = extractor.features_and_probabilities(images)
    assert found.shape == (500, 128)
    assert (probabilities.argmax(1) == labels).mean() > 0.9
    monkeypatch.setattr(features, "CLASSIFIER_SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"Expected the frozen extractor.*Expected sha256 0{64}. Received: [0-9a-f]{64}"):
        metrics.load_extractor()


@pytest.mark.slow
def test_inception_reads_grey_images_of_any_size(tmp_path: Path):
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=(299, 299, 3))
    network.save_weights(tmp_path / "inception.weights.h5")
    extractor = metrics.load_extractor("inception", weights=tmp_path / "inception.weights.h5")
    grey = extractor.features(IMAGES[:2])
    assert grey.shape == (2, 2048)
    colour = extractor.features(np.repeat(IMAGES[:2], 3, -1))
    np.testing.assert_allclose(grey, colour, atol=1e-5)
    assert np.abs(grey[0] - grey[1]).max() > 0
