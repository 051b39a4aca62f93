"""The measures of samples: each is the function of `tfgen.metrics` on the features of what was said to be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tfgen import data, metrics, random, zoo
from tfgen.zoo import Protocol
from tfgen.zoo.frames import frame_images, measure_frames
from tfgen.zoo.quality import COPYING, DISTANCES, Quality

Trained = dict[str, tuple[Path, Any]]

PROTOCOL = Protocol(data="fashion_mnist_small", split="test", n=300, seed=5)


def pixels(images: Any) -> Any:
    """Sixteen mean values."""
    return keras.ops.average_pool(images, 7, 7)


def with_classes(images: Any) -> Any:
    """Sixteen mean values and three logits."""
    found = keras.ops.reshape(keras.ops.average_pool(images, 7, 7), (-1, 16))
    return found, 9.0 * found[:, :3]


EXTRACTOR = metrics.Extractor(pixels, name="pixels")


class Drawing:
    """Stands for a model: draws training images by their seeds."""

    sampling_controls: tuple[str, ...] = ()

    def sample(self, *, seed: np.ndarray) -> np.ndarray:
        return data.arrays("fashion_mnist_small", "train")[0][seed % 2000].astype(np.float32) / 255


class Conditional(Drawing):
    """Stands for a conditional model of three classes."""

    sampling_controls = ("label",)
    num_classes = 3

    def sample(self, *, seed: np.ndarray, label: np.ndarray) -> np.ndarray:
        images, labels = data.arrays("fashion_mnist_small", "train")
        rows = [np.flatnonzero(labels == wanted)[each % 150] for wanted, each in zip(label, seed, strict=True)]
        return images[rows].astype(np.float32) / 255


def test_distances_are_those_of_the_samples_features():
    numbers = {number["metric"]: number for number in Quality(PROTOCOL, samples=Drawing(), extractor=EXTRACTOR).distances()}
    assert tuple(numbers) == DISTANCES
    drawn = EXTRACTOR.features(Drawing().sample(seed=random.row_seeds(5, 300)))
    real = EXTRACTOR.features(data.arrays("fashion_mnist_small", "test")[0])
    assert numbers["frechet_distance"]["value"] == pytest.approx(metrics.frechet_distance(real, drawn), rel=1e-5)
    kernel = metrics.kernel_distance(real, drawn, subsets=50, subset_size=300, seed=0)
    assert numbers["kernel_distance"]["value"] == pytest.approx(kernel.value, abs=1e-6)
    assert numbers["kernel_distance"]["std"] == pytest.approx(kernel.std, abs=1e-6)
    assert numbers["precision"]["value"] == pytest.approx(metrics.precision_recall(real, drawn, k=3).precision)
    assert numbers["recall"]["value"] == pytest.approx(metrics.precision_recall(real, drawn, k=3).recall)
    assert numbers["density"]["value"] == pytest.approx(metrics.density_coverage(real, drawn, k=5).density)
    assert numbers["coverage"]["value"] == pytest.approx(metrics.density_coverage(real, drawn, k=5).coverage)


def test_every_number_says_how_it_was_computed():
    for number in Quality(PROTOCOL, samples=Drawing(), extractor=EXTRACTOR).distances():
        assert (number["n"], number["seed"], number["split"]) == (300, 5, "fashion_mnist_small test, 8bit")
        assert number["extractor"] == EXTRACTOR.describe()
        assert "model.sample(300, seed=5), against all 500 images of the split" in number["protocol"]
        assert len(number["data_sha256"]) == 64 and number["tolerance"] > 0


def test_samples_are_drawn_and_data_is_read_once():
    calls = []

    class Counting(Drawing):
        def sample(self, *, seed: np.ndarray) -> np.ndarray:
            calls.append(len(seed))
            return super().sample(seed=seed)

    told: list[tuple[str, int, int]] = []
    quality = Quality(PROTOCOL, samples=Counting(), extractor=EXTRACTOR, progress=lambda *where: told.append(where))
    assert quality.names() == [DISTANCES, COPYING]
    for group in quality.names():
        list(quality.compute(group))
    assert calls == [250, 50]
    assert sorted(where for where in told if where[1] == where[2]) == [
        ("distances", 1, 1),
        ("features of samples", 300, 300),
        ("features of test", 500, 500),
        ("features of train", 2000, 2000),
        ("samples", 300, 300),
    ]


def test_copies_of_training_images_are_found_out():
    (copied,) = Quality(PROTOCOL, samples=Drawing(), extractor=EXTRACTOR).copying()
    held_out = data.arrays("fashion_mnist_small", "test")[0]
    (fresh,) = Quality(PROTOCOL, samples=held_out[250:], extractor=EXTRACTOR).copying()
    assert copied["value"] < -4 < abs(fresh["value"]) + fresh["value"] < 4


def test_conditional_samples_are_judged_by_class():
    extractor = metrics.Extractor(with_classes, name="three logits", has_classes=True)
    protocol = PROTOCOL.changed(n=150, split="train[:1500]")
    quality = Quality(protocol, samples=Conditional(), extractor=extractor)
    assert len(quality.names()) == 3
    np.testing.assert_array_equal(quality.labels[:5], [0, 1, 2, 0, 1])
    images, labels = data.arrays("fashion_mnist_small", "train[:1500]")
    few = labels < 3
    quality.__dict__["reference"] = (images[few].astype(np.float32) / 255, "0" * 64)
    original = data.arrays
    try:
        data.arrays = lambda name, split: (
            (original(name, split)[0], labels[few]) if split == "train[:1500]" else original(name, split)
        )
        accuracy, distance, similarity = quality.conditional()
    finally:
        data.arrays = original
    guessed = extractor.probabilities(quality.samples).argmax(1)
    assert accuracy["value"] == pytest.approx((guessed == quality.labels).mean())
    per_class = [
        metrics.frechet_distance(
            extractor.features(images[labels == number]), extractor.features(quality.samples[quality.labels == number])
        )
        for number in range(3)
    ]
    assert distance["value"] == pytest.approx(np.mean(per_class), rel=1e-4)
    assert 0.0 < similarity["value"] < 1.0
    assert "class i % classes in row i" in accuracy["protocol"]


def test_classes_need_an_extractor_with_classes():
    with pytest.raises(ValueError, match=r"Expected an extractor with classes.*Received: 'pixels'"):
        list(Quality(PROTOCOL, samples=Conditional(), extractor=EXTRACTOR).conditional())


def test_modes_of_points_are_counted():
    points, _ = data.ring().draw(2500, seed=3)
    points = points[np.hypot(points[:, 0] - 1, points[:, 1]) > 0.2]  # the first mode is left out
    quality = Quality(Protocol(data="ring"), samples=points)
    assert quality.names() == [("modes_covered", "high_quality_share", "mode_kl")]
    covered, share, divergence = quality.compute(quality.names()[0])
    assert (covered["value"], covered["n"], "of 8" in covered["protocol"]) == (7, len(points), True)
    assert 0.97 < share["value"] <= 1.0  # exp(-9 / 2) of a Gaussian's points lie farther out
    assert divergence["value"] == pytest.approx(np.log(8 / 7), abs=0.01)


def test_modes_of_stacks_are_counted():
    def bright(images: Any) -> Any:
        mean = keras.ops.mean(images, axis=(1, 2, 3))[:, None]
        return mean, keras.ops.concatenate([50.0 * (mean - 0.5), *[0.0 * mean - 99.0 * (k > 1) for k in range(1, 10)]], 1)

    extractor = metrics.Extractor(bright, name="bright or dark", has_classes=True)
    stacks = np.broadcast_to(np.array([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]])[:, None, None], (2, 28, 28, 3))
    quality = Quality(Protocol(data="stacked_fashion_mnist"), samples=stacks, extractor=extractor)
    covered, divergence = quality.compute(quality.names()[0])
    assert (covered["value"], "of 1000" in covered["protocol"]) == (2, True)
    assert divergence["value"] == pytest.approx(np.log(1000 / 2))
    assert covered["extractor"]["name"] == "bright or dark"
    with pytest.raises(ValueError, match=r"Expected stacks \(n, height, width, 3\)"):
        list(Quality(Protocol(data="stacked_fashion_mnist"), samples=stacks[..., :1], extractor=extractor).modes())


def test_neighbours_are_drawn(tmp_path: Path):
    quality = Quality(PROTOCOL, samples=Drawing(), extractor=EXTRACTOR)
    assert quality.draw_neighbours(tmp_path / "x.png", rows=3, k=2).read_bytes().startswith(b"\x89PNG")


def test_frames_are_training_images_and_noise_of_their_means():
    floor = frame_images("floor", PROTOCOL)
    np.testing.assert_array_equal(floor, data.arrays("fashion_mnist_small", "train[:300]")[0] / np.float32(255))
    noise = frame_images("ceiling", PROTOCOL.changed(n=2000))
    assert set(np.unique(noise)) == {0.0, 1.0}
    means = data.arrays("fashion_mnist_small", "train")[0].mean(0) / 255
    assert np.abs(noise.mean(0) - means).max() < 5 * 0.5 / np.sqrt(2000)
    np.testing.assert_array_equal(noise[:7], frame_images("ceiling", PROTOCOL.changed(n=2000))[:7])
    assert set(np.unique(frame_images("floor", PROTOCOL.changed(view="binarized")))) == {0.0, 1.0}
    with pytest.raises(ValueError, match=r"Expected `frame` among floor, ceiling. Received: frame='roof'"):
        frame_images("roof", PROTOCOL)


def test_frames_frame():
    content = measure_frames(PROTOCOL)
    assert list(content) == ["8bit", "binarized"]
    for frames in content.values():
        values = {frame: {number["metric"]: number["value"] for number in numbers} for frame, numbers in frames.items()}
        for metric in ("frechet_distance", "kernel_distance"):
            assert values["floor"][metric] < 0.1 * values["ceiling"][metric]
        for metric in ("recall", "coverage"):  # precision does not: noise may lie inside the sphere of one odd image
            assert values["floor"][metric] > 0.5 > values["ceiling"][metric]
        assert {number["command"] for number in frames["floor"]} == {"tfgen scoreboard --frames"}
        assert all(number["extractor"]["sha256"] == metrics.CLASSIFIER_SHA256 for number in frames["ceiling"])


def test_a_model_of_the_extractors_size_is_measured_in_full():
    model = zoo.load("vae-fashion-mnist")
    names = ["frechet_distance", "data_copying"]
    numbers = zoo.measure(model, PROTOCOL, metrics=names)
    assert [number["metric"] for number in numbers] == names
    assert all(number["extractor"]["name"] == "classifier-fashion-mnist" for number in numbers)
