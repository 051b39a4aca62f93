"""The measures of samples: each is the function of `tfgen.metrics` on the features of what was said to be compared."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tfgen import data, metrics, random, zoo
from tfgen.models.conditions import ClassLabel
from tfgen.zoo import Protocol
from tfgen.zoo.frames import frame_images, measure_frames
from tfgen.zoo.quality import SAMPLE_MEASURES, Quality, shape_of_samples
from tfgen.zoo.reference import Reference
from tfgen.zoo.table import compute_measures

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
DISTANCES = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"]


def quality_of(samples: Any, protocol: Protocol = PROTOCOL, **options: Any) -> Quality:
    """Samples beside the data of a protocol, in the space of `EXTRACTOR`."""
    return Quality(Reference(protocol, **{"extractor": EXTRACTOR, **options}), samples=samples)


def names_of(quality: Quality) -> list[str]:
    """What can be measured of them."""
    return [name for row in SAMPLE_MEASURES if row.applies(quality) for name in row.names]


class Drawing:
    """Stands for a model: draws training images by their seeds."""

    sampling_controls: tuple[str, ...] = ()

    def sample(self, *, seed: np.ndarray) -> np.ndarray:
        return data.arrays("fashion_mnist_small", "train")[0][seed % 2000].astype(np.float32) / 255


class Conditional(Drawing):
    """Stands for a conditional model of three classes."""

    condition = ClassLabel(3)

    def sample(self, *, seed: np.ndarray, label: np.ndarray) -> np.ndarray:
        images, labels = data.arrays("fashion_mnist_small", "train")
        rows = [np.flatnonzero(labels == wanted)[each % 150] for wanted, each in zip(label, seed, strict=True)]
        return images[rows].astype(np.float32) / 255


def test_distances_are_those_of_the_samples_features():
    numbers = {number["metric"]: number for number in quality_of(Drawing()).distances()}
    assert list(numbers) == DISTANCES
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
    for number in quality_of(Drawing()).distances():
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
    quality = quality_of(Counting(), progress=lambda *where: told.append(where))
    numbers = compute_measures(SAMPLE_MEASURES, quality)
    assert [number["metric"] for number in numbers] == names_of(quality) == [*DISTANCES, "data_copying"]
    assert calls == [250, 50]
    assert sorted(where for where in told if where[1] == where[2]) == [
        ("distances", 1, 1),
        ("features of samples", 300, 300),
        ("features of test", 500, 500),
        ("features of train", 2000, 2000),
        ("samples", 300, 300),
    ]


def test_copies_of_training_images_are_found_out():
    (copied,) = quality_of(Drawing()).copying()
    held_out = data.arrays("fashion_mnist_small", "test")[0]
    (fresh,) = quality_of(held_out[250:]).copying()
    assert copied["value"] < -4 < abs(fresh["value"]) + fresh["value"] < 4


class ThreeClasses(Protocol):
    """A protocol whose data has three classes."""

    def read(self) -> tuple[np.ndarray, str]:
        images, sha256 = super().read()
        return images[super().labels() < 3], sha256

    def labels(self) -> np.ndarray:
        labels = super().labels()
        return labels[labels < 3]


def test_conditional_samples_are_judged_by_class():
    extractor = metrics.Extractor(with_classes, name="three logits", has_classes=True)
    protocol = ThreeClasses(data="fashion_mnist_small", split="train[:1500]", n=150, seed=5)
    quality = quality_of(Conditional(), protocol, extractor=extractor)
    assert names_of(quality)[-3:] == ["class_accuracy", "intra_class_frechet_distance", "class_similarity"]
    np.testing.assert_array_equal(np.asarray(quality.labels)[:5], [0, 1, 2, 0, 1])
    accuracy, distance, similarity = quality.conditional()
    guessed = extractor.probabilities(quality.samples).argmax(1)
    assert accuracy["value"] == pytest.approx((guessed == quality.labels).mean())
    images, labels = data.arrays("fashion_mnist_small", "train[:1500]")
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
        list(quality_of(Conditional()).conditional())


def test_modes_of_points_are_counted():
    points, _ = data.ring().draw(2500, seed=3)
    points = points[np.hypot(points[:, 0] - 1, points[:, 1]) > 0.2]  # the first mode is left out
    quality = quality_of(points, Protocol(data="ring"))
    assert names_of(quality) == ["modes_covered", "high_quality_share", "mode_kl"]
    covered, share, divergence = compute_measures(SAMPLE_MEASURES, quality)
    assert (covered["value"], covered["n"], "of 8" in covered["protocol"]) == (7, len(points), True)
    assert 0.97 < share["value"] <= 1.0  # exp(-9 / 2) of a Gaussian's points lie farther out
    assert divergence["value"] == pytest.approx(np.log(8 / 7), abs=0.01)


def test_modes_of_stacks_are_counted():
    def bright(images: Any) -> Any:
        mean = keras.ops.mean(images, axis=(1, 2, 3))[:, None]
        return mean, keras.ops.concatenate([50.0 * (mean - 0.5), *[0.0 * mean - 99.0 * (k > 1) for k in range(1, 10)]], 1)

    extractor = metrics.Extractor(bright, name="bright or dark", has_classes=True)
    stacks = np.broadcast_to(np.array([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]])[:, None, None], (2, 28, 28, 3))
    stacked = Protocol(data="stacked_fashion_mnist")
    covered, divergence = compute_measures(SAMPLE_MEASURES, quality_of(stacks, stacked, extractor=extractor))
    assert (covered["value"], "of 1000" in covered["protocol"]) == (2, True)
    assert divergence["value"] == pytest.approx(np.log(1000 / 2))
    assert covered["extractor"]["name"] == "bright or dark"
    with pytest.raises(ValueError, match=r"Expected stacks \(n, height, width, 3\)"):
        list(quality_of(stacks[..., :1], stacked, extractor=extractor).modes())


def test_what_is_compared_has_one_shape_for_each_kind_of_data():
    shapes = {name: shape_of_samples(Protocol(data=name)) for name in ("grid", "stacked_fashion_mnist", "fashion_mnist")}
    assert shapes == {"grid": (2,), "stacked_fashion_mnist": (28, 28, 3), "fashion_mnist": (28, 28, 1)}


def test_neighbours_are_drawn(tmp_path: Path):
    quality = quality_of(Drawing())
    assert quality.draw_neighbours(tmp_path / "x.png", rows=3, k=2).read_bytes().startswith(b"\x89PNG")


def _frame(frame: str, **changes: Any) -> np.ndarray:
    return frame_images(frame, Reference(PROTOCOL.changed(**changes)))


def test_frames_are_training_images_and_noise_of_their_means():
    np.testing.assert_array_equal(_frame("floor"), data.arrays("fashion_mnist_small", "train[:300]")[0] / np.float32(255))
    noise = _frame("ceiling", n=2000)
    assert set(np.unique(noise)) == {0.0, 1.0}
    means = data.arrays("fashion_mnist_small", "train")[0].mean(0) / 255
    assert np.abs(noise.mean(0) - means).max() < 5 * 0.5 / np.sqrt(2000)
    np.testing.assert_array_equal(noise[:7], _frame("ceiling", n=2000)[:7])
    binary = _frame("floor", view="binarized")
    assert set(np.unique(binary)) == {0.0, 1.0}
    np.testing.assert_array_equal(binary, PROTOCOL.changed(view="binarized", split="train[:300]").read()[0])
    with pytest.raises(ValueError, match=r"Expected `frame` among floor, ceiling. Received: frame='roof'"):
        _frame("roof")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Counts how often each split and view is read."""
    counts: Counter[tuple[str, str]] = Counter()
    read = Protocol.read

    def counted(protocol: Protocol) -> tuple[np.ndarray, str]:
        counts[protocol.split, protocol.view] += 1
        return read(protocol)

    monkeypatch.setattr(Protocol, "read", counted)
    return counts


def _passes(told: list[tuple[str, int, int]]) -> Counter[str]:
    """Counts how often features of each kind of images were computed."""
    return Counter(what for what, done, total in told if what.startswith("features") and done == total)


def test_frames_frame(reads: Counter[tuple[str, str]]):
    told: list[tuple[str, int, int]] = []
    content = measure_frames(PROTOCOL, progress=lambda *where: told.append(where))
    assert reads == {(split, view): 1 for split in ("test", "train") for view in ("8bit", "binarized")}
    assert _passes(told) == {"features of test": 2, "features of train": 2, "features of samples": 4}  # of two views
    assert list(content) == ["8bit", "binarized"]
    for frames in content.values():
        values = {frame: {number["metric"]: number["value"] for number in numbers} for frame, numbers in frames.items()}
        for metric in ("frechet_distance", "kernel_distance"):
            assert values["floor"][metric] < 0.1 * values["ceiling"][metric]
        for metric in ("recall", "coverage"):  # precision does not: noise may lie inside the sphere of one odd image
            assert values["floor"][metric] > 0.5 > values["ceiling"][metric]
        assert {number["command"] for number in frames["floor"]} == {"tfgen scoreboard --frames"}
        assert all(number["extractor"]["sha256"] == metrics.CLASSIFIER_SHA256 for number in frames["ceiling"])


def test_a_run_reads_its_data_and_computes_its_features_once(reads: Counter[tuple[str, str]]):
    model, told = zoo.load("vae-fashion-mnist"), []
    numbers = zoo.measure(model, PROTOCOL.changed(num_samples=2), progress=lambda *where: told.append(where))
    bounds = [f"{name}{unit}" for name in ("elbo", "log_prob_bound") for unit in ("", "_bits_per_dim")]
    pinned = [f"pinned_seed_{seed}" for seed in range(3)]
    assert [number["metric"] for number in numbers] == [*bounds, *DISTANCES, "data_copying", *pinned]
    assert all(number["extractor"]["name"] == "classifier-fashion-mnist" for number in numbers[4:11])
    assert reads == {("test", "8bit"): 1, ("train", "8bit"): 1}
    assert _passes(told) == {"features of test": 1, "features of train": 1, "features of samples": 1}
    assert [what for what, done, total in told if what in ("elbo", "log_prob_bound") and done == total] == [
        "elbo",
        "log_prob_bound",
    ]
    assert len({number["data_sha256"] for number in numbers[:11]}) == 1


def test_what_is_not_asked_for_is_neither_read_nor_computed(reads: Counter[tuple[str, str]]):
    told: list[tuple[str, int, int]] = []
    model = zoo.load("vae-fashion-mnist")
    numbers = zoo.measure(model, PROTOCOL, metrics=["recall", "pinned_seed_0"], progress=lambda *where: told.append(where))
    assert [number["metric"] for number in numbers] == ["recall", "pinned_seed_0"]
    assert reads == {("test", "8bit"): 1} and "features of train" not in _passes(told)
