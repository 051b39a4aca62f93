"""The measures of samples: drawn once, compared with a split in the feature space of the bundled classifier."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import data, metrics, pictures, random
from tfgen.zoo.abilities import conditions_in_turn
from tfgen.zoo.numbers import make_number
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.reference import Reference
from tfgen.zoo.table import Measure, Number

__all__ = ["SAMPLE_MEASURES", "Quality", "shape_of_samples"]

_ROWS = 250
_SUBSETS, _SUBSET_SIZE = 50, 1000
_CELLS = 10  # of the partition in which copying is looked for
_PAIRS = 1000
_CLASSES_SEED = 0
_POINTS = ("ring", "grid")
_STACKED = "stacked_"


def shape_of_samples(protocol: Protocol) -> tuple[int, ...]:
    """Says what the measures of samples take where the feature space is the bundled one.

    Args:
      protocol: names the data.

    Returns:
      shape: of one sample.

    Example:
      >>> from tfgen.zoo import Protocol
      >>> from tfgen.zoo.quality import shape_of_samples
      >>> shape_of_samples(Protocol(data="ring")), shape_of_samples(Protocol(data="fashion_mnist"))
      ((2,), (28, 28, 1))
    """
    if protocol.data in _POINTS:
        return (2,)
    return (28, 28, 3 if protocol.data.startswith(_STACKED) else 1)


class Quality:
    """Samples beside what they are compared with; `SAMPLE_MEASURES` lists what is measured of them.

    Args:
      reference: the split, its view, the feature space, and how many samples of which seed.
      samples: (n, height, width, channels) in [0, 1], or a model to draw `protocol.n` of them from.
      labels: (n,) the class that each sample was asked for; None for unconditional samples. A conditional model is asked for
        class `i % num_classes` in row i.

    Example:
      >>> import numpy as np, tfgen
      >>> from tfgen.zoo.quality import Quality
      >>> from tfgen.zoo.reference import Reference
      >>> pixels = tfgen.metrics.Extractor(lambda images: images[:, ::9, ::9, 0], name="pixels")
      >>> reference = Reference(tfgen.zoo.Protocol(data="fashion_mnist_small"), extractor=pixels)
      >>> number = next(Quality(reference, samples=reference.images).distances())
      >>> number["metric"], abs(round(number["value"], 6)), number["n"]
      ('frechet_distance', 0.0, 500)
    """

    def __init__(self, reference: Reference, *, samples: Any, labels: Any = None) -> None:
        self.reference, self.protocol, self.progress = reference, reference.protocol, reference.progress
        self._given = None if hasattr(samples, "sample") else np.asarray(samples)
        self._model: Any = samples if self._given is None else None
        self._labels = None if labels is None else np.asarray(labels)

    def draw_neighbours(self, path: str | os.PathLike[str], rows: int = 8, k: int = 5) -> Path:
        """Draws samples, each beside its nearest training images in the feature space.

        Args:
          path: a PNG file.
          rows: number of samples, the first ones.
          k: training images beside each.

        Returns:
          path: the file.
        """
        features = self.features[0][:rows]
        indices = metrics.nearest_neighbours(features, self.reference.training_features, k=k)[0]
        return pictures.save_neighbours(self.samples[:rows], self.reference.training[indices], path)

    # ---- what the measures share ----

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The class that each sample was asked for."""
        if self._labels is not None or self._model is None:
            return self._labels
        return (conditions_in_turn(self._model, self.protocol.n) or {}).get("label")

    @cached_property
    def samples(self) -> np.ndarray:
        """The samples: 8-bit or binary values as float32."""
        if self._given is not None:
            return self._given.astype(np.float32) / (255 if self._given.dtype == np.uint8 else 1)
        n = self.protocol.n
        seeds, parts = random.row_seeds(self.protocol.seed, n), []
        for start in range(0, n, _ROWS):
            rows = slice(start, min(start + _ROWS, n))
            self.progress("samples", start, n)
            labels = {} if self.labels is None else {"label": self.labels[rows]}
            parts.append(self._model.sample(seed=seeds[rows], **labels))
        self.progress("samples", n, n)
        return np.concatenate(parts)

    @cached_property
    def features(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and class probabilities of the samples."""
        return self.reference.extract(self.samples, "samples")

    # ---- the measures ----

    def _about(self) -> tuple[str, dict[str, Any]]:
        """Says how the samples were drawn, in words and in the fields of a number."""
        n, asked = len(self.samples), "" if self.labels is None else ", class i % classes in row i"
        drawn = (
            f"{n} samples that were given" if self._model is None else f"model.sample({n}, seed={self.protocol.seed}{asked})"
        )
        how = f"{drawn}, against all {len(self.reference.images)} images of the split, features of {self.reference.extractor.name}"
        seed = self.protocol.seed if self._model is not None else None
        more = {"split": self.protocol.place, "n": n, "seed": seed, "data_sha256": self.reference.sha256}
        return how, {**more, "extractor": self.reference.extractor.describe()}

    def distances(self) -> Iterator[Number]:
        """Computes Frechet and kernel distance, precision, recall, density and coverage.

        Yields:
          number: as `tfgen.zoo.measure` returns them.
        """
        real, generated = self.reference.features[0], self.features[0]
        how, more = self._about()
        self.progress("distances", 0, 1)
        value = metrics.frechet_distance(real, generated)
        told = f"Frechet distance of Gaussians fitted to {how}"
        yield make_number("frechet_distance", value, "squared feature distance", "estimate", told, **more)
        size = min(_SUBSET_SIZE, len(real), len(generated))
        kernel = metrics.kernel_distance(real, generated, subsets=_SUBSETS, subset_size=size, seed=0)
        told = f"unbiased MMD^2 of kernel (<x, y> / d + 1)^3, mean of {_SUBSETS} subsets of {size}, `std` over them; {how}"
        yield make_number("kernel_distance", kernel.value, "kernel distance", "estimate", told, std=kernel.std, **more)
        scores = metrics.neighbour_scores(real, generated)
        for name, k in (("precision", 3), ("recall", 3), ("density", 5), ("coverage", 5)):
            unit = "spheres a sample" if name == "density" else "share"
            told = f"{name}, k = {k} nearest neighbours; {how}"
            yield make_number(name, float(getattr(scores, name)), unit, "estimate", told, **more)
        self.progress("distances", 1, 1)

    def copying(self) -> Iterator[Number]:
        """Computes the data-copying statistic C_T.

        Yields:
          number: as `tfgen.zoo.measure` returns them.
        """
        training, real, generated = self.reference.training_features, self.reference.features[0], self.features[0]
        how, more = self._about()
        found = metrics.data_copying_statistic(training, real, generated, cells=_CELLS, seed=0)
        told = (
            f"C_T over {_CELLS} cells of a k-means partition of the training split; far below 0: samples lie nearer to training "
            f"images than held-out images do, far above 0: farther; `std` is that of samples which follow the held-out images' law; "
            f"{how}"
        )
        more["std"] = found.null_scale
        yield make_number("data_copying", found.statistic, "standard deviations", "estimate", told, **more)

    def conditional(self) -> Iterator[Number]:
        """Computes what the classes of conditional samples are worth: accuracy, distance inside classes, similarity.

        Yields:
          number: as `tfgen.zoo.measure` returns them.

        Raises:
          ValueError: the extractor has no classes.
        """
        how, more = self._about()
        features, probabilities = self.features
        if probabilities is None or self.labels is None:
            raise ValueError(
                f"Expected an extractor with classes, and labels of the samples. Received: {self.reference.extractor.name!r}, "
                f"labels={self.labels}"
            )
        classes = self.reference.labels
        accuracy = metrics.class_accuracy(probabilities, self.labels)
        told = f"share of samples that the extractor gives the class that was asked for; {how}"
        yield make_number("class_accuracy", accuracy.value, "share", "estimate", told, **more)
        distance = metrics.intra_class_frechet(self.reference.features[0], classes, features, self.labels)
        told = f"mean over classes of the Frechet distance inside a class; {how}"
        unit = "squared feature distance"
        yield make_number("intra_class_frechet_distance", distance.value, unit, "estimate", told, **more)
        similarity = metrics.ms_ssim_diversity(self.samples, self.labels, pairs=_PAIRS, seed=_CLASSES_SEED)
        told = f"mean MS-SSIM of {_PAIRS} random pairs of samples of one class (1: all alike); {how}"
        yield make_number("class_similarity", similarity.value, "similarity", "estimate", told, **more)

    def modes(self) -> Iterator[Number]:
        """Counts the modes that samples reach: of points with known centres, or of stacks of three classified images.

        Yields:
          number: as `tfgen.zoo.measure` returns them.

        Raises:
          ValueError: samples of another shape.
        """
        name, n = self.protocol.data, len(self.samples)
        drawn = f"{n} samples that were given" if self._model is None else f"model.sample({n}, seed={self.protocol.seed})"
        more: dict[str, Any] = {"n": n, "seed": None if self._model is None else self.protocol.seed, "split": name}
        if name in _POINTS:
            points = data.ring() if name == "ring" else data.grid()
            found = metrics.modes_of_points(self.samples, points.centres, points.scale)
            how = f"a sample within 3 standard deviations of a centre is of high quality and reaches its mode; {drawn}"
        else:
            if self.samples.ndim != 4 or self.samples.shape[-1] != 3:
                raise ValueError(f"Expected stacks (n, height, width, 3). Received: samples of shape {self.samples.shape}")
            channels = [
                self.reference.extractor.probabilities(self.samples[..., channel : channel + 1]) for channel in range(3)
            ]
            found = metrics.modes_of_classes(np.stack(channels, 1))
            how = f"each channel classified by {self.reference.extractor.name}; {drawn}"
            more["extractor"] = self.reference.extractor.describe()
        yield make_number("modes_covered", found.num_modes, "modes", "estimate", f"of {found.total}; {how}", **more)
        if found.high_quality is not None:
            yield make_number("high_quality_share", found.high_quality, "share", "estimate", how, **more)
        told = f"KL divergence of the reached modes' shares from uniform ones; {how}"
        yield make_number("mode_kl", found.kl, "nats a sample", "estimate", told, **more)


def _of_points(quality: Quality) -> bool:
    return quality.protocol.data in _POINTS


def _of_stacks(quality: Quality) -> bool:
    return quality.protocol.data.startswith(_STACKED)


def _of_images(quality: Quality) -> bool:
    return not _of_points(quality) and not _of_stacks(quality)


def _of_classes(quality: Quality) -> bool:
    return _of_images(quality) and quality.labels is not None


_DISTANCES = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
_CONDITIONAL = ("class_accuracy", "intra_class_frechet_distance", "class_similarity")

SAMPLE_MEASURES = (
    Measure(("modes_covered", "high_quality_share", "mode_kl"), _of_points, Quality.modes),
    Measure(("modes_covered", "mode_kl"), _of_stacks, Quality.modes),
    Measure(_DISTANCES, _of_images, Quality.distances),
    Measure(("data_copying",), _of_images, Quality.copying),
    Measure(_CONDITIONAL, _of_classes, Quality.conditional),
)
"""What can be measured of samples, one row for numbers that are computed together; each takes a `Quality`."""
