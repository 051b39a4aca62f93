"""What a run compares with: a split and the training images, each read once, and their features, each computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tfgen import metrics
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.table import Progress, tell_nobody

__all__ = ["Reference"]


class Reference:
    """The data of a protocol and its features, read and computed when they are first asked for, and once.

    All measures of one run share it, and so may several sets of samples that are compared with the same data.

    Args:
      protocol: data, split and view.
      extractor: a `tfgen.metrics.Extractor`; None loads the bundled one when features are first asked for.
      progress: called as `progress(what, done, total)` while features are computed.

    Example:
      >>> from tfgen.zoo import Protocol
      >>> from tfgen.zoo.reference import Reference
      >>> reference = Reference(Protocol(data="fashion_mnist_small"))
      >>> reference.images.shape, reference.labels.shape, reference.images is reference.images
      ((500, 28, 28, 1), (500,), True)
    """

    def __init__(
        self, protocol: Protocol, *, extractor: metrics.Extractor | None = None, progress: Progress | None = None
    ) -> None:
        self.protocol, self.progress = protocol, progress or tell_nobody
        self._given = extractor

    @cached_property
    def _split(self) -> tuple[np.ndarray, str]:
        return self.protocol.read()

    @property
    def images(self) -> np.ndarray:
        """The split: images in [0, 1], waveforms or points."""
        return self._split[0]

    @property
    def sha256(self) -> str:
        """Of the split, as `Protocol.read` computes it."""
        return self._split[1]

    @cached_property
    def labels(self) -> np.ndarray:
        """The class of each image of the split."""
        return self.protocol.labels()

    @cached_property
    def training(self) -> np.ndarray:
        """The training split, in the same view."""
        return self.protocol.changed(split="train").read()[0]

    @cached_property
    def extractor(self) -> metrics.Extractor:
        """The feature space."""
        return self._given or metrics.load_extractor()

    @cached_property
    def features(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and class probabilities of the split."""
        return self.extract(self.images, self.protocol.split)

    @cached_property
    def training_features(self) -> np.ndarray:
        """Features of the training split."""
        return self.extract(self.training, "train")[0]

    def extract(self, images: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes features in the same space.

        Args:
          images: (n, height, width, channels) in [0, 1].
          what: what `progress` is told that they are of.

        Returns:
          features: (n, d) float32.
          probabilities: (n, classes) float32, or None if the extractor has no classes.
        """

        def tell(done: int, total: int) -> None:
            self.progress(f"features of {what}", done, total)

        if self.extractor.has_classes:
            return self.extractor.features_and_probabilities(images, progress=tell)
        return self.extractor.features(images, progress=tell), None
