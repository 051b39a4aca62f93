"""The measures of samples: drawn once, compared with a split in the feature space of the bundled classifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import data, metrics, pictures, random
from tfgen.models.labels import in_turn
from tfgen.zoo.numbers import make_number
from tfgen.zoo.protocols import Protocol

__all__ = ["Quality"]

Progress = Callable[[str, int, int], None]

_ROWS = 250
_SUBSETS, _SUBSET_SIZE = 50, 1000
_CELLS = 10  # of the partition in which copying is looked for
_PAIRS = 1000
_CLASSES_SEED = 0
_POINTS = ("ring", "grid")
_STACKED = "stacked_"

DISTANCES = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
COPYING = ("data_copying",)
MODES = ("modes_covered", "high_quality_share", "mode_kl")
CONDITIONAL = ("class_accuracy", "intra_class_frechet_distance", "class_similarity")


class Quality:
    """Measures samples against the split of a protocol; what several measures need is computed once.

    Args:
      protocol: the split, its view, and how many samples of which seed.
      samples: (n, height, width, channels) in [0, 1], or a model to draw `protocol.n` of them from.
      labels: (n,) the class that each sample was asked for; None for unconditional samples. A conditional model is asked for
        class `i % num_classes` in row i.
      extractor: a `tfgen.metrics.Extractor`; None loads the bundled one.
      progress: called as `progress(what, done, total)`.

    Example:
      >>> import numpy as np, tfgen
      >>> from tfgen.zoo.quality import Quality
      >>> pixels = tfgen.metrics.Extractor(lambda images: images[:, ::9, ::9, 0], name="pixels")
      >>> images = tfgen.data.arrays("fashion_mnist_small", "test")[0]
      >>> protocol = tfgen.zoo.Protocol(data="fashion_mnist_small", split="test")
      >>> number = next(Quality(protocol, samples=images, extractor=pixels).distances())
      >>> number["metric"], abs(round(number["value"], 6)), number["n"]
      ('frechet_distance', 0.0, 500)
    """

    def __init__(
        self,
        protocol: Protocol,
        *,
        samples: Any,
        labels: Any = None,
        extractor: metrics.Extractor | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.protocol, self.progress = protocol, progress or (lambda what, done, total: None)
        self._given = None if hasattr(samples, "sample") else np.asarray(samples)
        self._model: Any = samples if self._given is None else None
        self._labels = None if labels is None else np.asarray(labels)
        self._extractor = extractor

    def names(self) -> list[tuple[str, ...]]:
        """Lists what can be measured, in groups that are computed together.

        Returns:
          groups: names of numbers.
        """
        if self.protocol.data in _POINTS:
            return [MODES]
        if self.protocol.data.startswith(_STACKED):
            return [(MODES[0], MODES[2])]
        conditional = self._labels is not None or bool(in_turn(self._model, 1))
        return [DISTANCES, COPYING, *([CONDITIONAL] if conditional else [])]

    def compute(self, group: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Computes one of the groups that `names` lists.

        Args:
          group: names of numbers.

        Yields:
          number: as `tfgen.zoo.measure` returns them.

        Raises:
          ValueError: samples of another shape than the extractor takes, or too few of them.
        """
        methods = {DISTANCES: self.distances, COPYING: self.copying, CONDITIONAL: self.conditional}
        yield from methods.get(group, self.modes)()

    def draw_neighbours(self, path: str | os.PathLike[str], rows: int = 8, k: int = 5) -> Path:
        """Draws samples, each beside its nearest training images in the feature space.

        Args:
          path: a PNG file.
          rows: number of samples, the first ones.
          k: training images beside each.

        Returns:
          path: the file.
        """
        training = self.protocol.changed(split="train").read()[0]
        features = self.generated_features[0][:rows]
        indices = metrics.nearest_neighbours(features, self.training_features, k=k)[0]
        return pictures.save_neighbours(self.samples[:rows], training[indices], path)

    # ---- what the measures share ----

    @cached_property
    def extractor(self) -> metrics.Extractor:
        """The feature space."""
        return self._extractor or metrics.load_extractor()

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The class that each sample was asked for."""
        return in_turn(self._model, self.protocol.n).get("label") if self._labels is None else self._labels

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
    def reference(self) -> tuple[np.ndarray, str]:
        """The split's images and their sha256."""
        return self.protocol.read()

    def _features(self, images: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray | None]:
        told = lambda done, total: self.progress(f"features of {what}", done, total)  # noqa: E731
        if self.extractor.has_classes:
            return self.extractor.features_and_probabilities(images, progress=told)
        return self.extractor.features(images, progress=told), None

    @cached_property
    def generated_features(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and class probabilities of the samples."""
        return self._features(self.samples, "samples")

    @cached_property
    def real_features(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and class probabilities of the split."""
        return self._features(self.reference[0], self.protocol.split)

    @cached_property
    def training_features(self) -> np.ndarray:
        """Features of the training split, in the same view."""
        return self._features(self.protocol.changed(split="train").read()[0], "train")[0]

    # ---- the measures ----

    def _about(self) -> tuple[str, dict[str, Any]]:
        """Says how the samples were drawn, in words and in the fields of a number."""
        n, asked = len(self.samples), "" if self.labels is None else ", class i % classes in row i"
        drawn = (
            f"{n} samples that were given" if self._model is None else f"model.sample({n}, seed={self.protocol.seed}{asked})"
        )
        how = f"{drawn}, against all {len(self.reference[0])} images of the split, features of {self.extractor.name}"
        seed = self.protocol.seed if self._model is not None else None
        more = {"split": self.protocol.place, "n": n, "seed": seed, "data_sha256": self.reference[1]}
        return how, {**more, "extractor": self.extractor.describe()}

    def distances(self) -> Iterator[dict[str, Any]]:
        """Computes Frechet and kernel distance, precision, recall, density and coverage.

        Yields:
          number: as `tfgen.zoo.measure` returns them.
        """
        real, generated = self.real_features[0], self.generated_features[0]
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

    def copying(self) -> Iterator[dict[str, Any]]:
        """Computes the data-copying statistic C_T.

        Yields:
          number: as `tfgen.zoo.measure` returns them.
        """
        training, real, generated = self.training_features, self.real_features[0], self.generated_features[0]
        how, more = self._about()
        found = metrics.data_copying_statistic(training, real, generated, cells=_CELLS, seed=0)
        told = (
            f"C_T over {_CELLS} cells of a k-means partition of the training split; far below 0: samples lie nearer to training "
            f"images than held-out images do, far above 0: farther; `std` is that of samples which follow the held-out images' law; "
            f"{how}"
        )
        more["std"] = found.null_scale
        yield make_number("data_copying", found.statistic, "standard deviations", "estimate", told, **more)

    def conditional(self) -> Iterator[dict[str, Any]]:
        """Computes what the classes of conditional samples are worth: accuracy, distance inside classes, similarity.

        Yields:
          number: as `tfgen.zoo.measure` returns them.

        Raises:
          ValueError: the extractor has no classes.
        """
        how, more = self._about()
        features, probabilities = self.generated_features
        if probabilities is None or self.labels is None:
            raise ValueError(
                f"Expected an extractor with classes, and labels of the samples. Received: {self.extractor.name!r}, "
                f"labels={self.labels}"
            )
        classes = self.protocol.labels()
        accuracy = metrics.class_accuracy(probabilities, self.labels)
        told = f"share of samples that the extractor gives the class that was asked for; {how}"
        yield make_number("class_accuracy", accuracy.value, "share", "estimate", told, **more)
        distance = metrics.intra_class_frechet(self.real_features[0], classes, features, self.labels)
        told = f"mean over classes of the Frechet distance inside a class; {how}"
        unit = "squared feature distance"
        yield make_number("intra_class_frechet_distance", distance.value, unit, "estimate", told, **more)
        similarity = metrics.ms_ssim_diversity(self.samples, self.labels, pairs=_PAIRS, seed=_CLASSES_SEED)
        told = f"mean MS-SSIM of {_PAIRS} random pairs of samples of one class (1: all alike); {how}"
        yield make_number("class_similarity", similarity.value, "similarity", "estimate", told, **more)

    def modes(self) -> Iterator[dict[str, Any]]:
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
            channels = [self.extractor.probabilities(self.samples[..., channel : channel + 1]) for channel in range(3)]
            found = metrics.modes_of_classes(np.stack(channels, 1))
            how = f"each channel classified by {self.extractor.name}; {drawn}"
            more["extractor"] = self.extractor.describe()
        yield make_number("modes_covered", found.num_modes, "modes", "estimate", f"of {found.total}; {how}", **more)
        if found.high_quality is not None:
            yield make_number("high_quality_share", found.high_quality, "share", "estimate", how, **more)
        told = f"KL divergence of the reached modes' shares from uniform ones; {how}"
        yield make_number("mode_kl", found.kl, "nats a sample", "estimate", told, **more)
