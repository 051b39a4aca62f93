"""On which data a number is computed, and that data with its sha256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfgen import data
from tfgen.data.audio import audio_windows, is_speech

__all__ = ["Protocol"]

_READ_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """On what data, with how many samples and from which seed a model is measured.

    Args:
      data: name of the data set, as `tfgen.data.load` takes it.
      split: the split, or a slice of it, such as "test" or "test[:500]".
      view: "8bit" or "binarized"; of splits that are not for training the binarized view is one fixed draw.
      image_size: height and width to resize to; None keeps the stored size.
      num_samples: K of the importance-weighted bound, at least 1.
      seed: seed of the bounds' noise and of the samples that are compared with the split.
      n: how many samples are compared with the split.

    Example:
      >>> from tfgen.zoo.protocols import Protocol
      >>> images, _ = Protocol(data="fashion_mnist_small", split="test", view="binarized").read()
      >>> images.shape
      (500, 28, 28, 1)
    """

    data: str
    split: str = "test"
    view: str = "8bit"
    image_size: Any = None
    num_samples: int = 100
    seed: int = 0
    n: int = 10_000

    def changed(self, **values: Any) -> Protocol:
        """Makes the same protocol with other values.

        Args:
          **values: fields of the protocol; those that are None are left as they are.

        Returns:
          protocol: a new one.
        """
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    @property
    def place(self) -> str:
        """Names the data in one phrase, for example "fashion_mnist test, 8bit"; sound has no view."""
        return f"{self.data} {self.split}" if is_speech(self.data) else f"{self.data} {self.split}, {self.view}"

    @property
    def sample_rate(self) -> int | None:
        """The rate of sound in Hz; None for other data."""
        return audio_windows(self.data)[1] if is_speech(self.data) else None

    def labels(self) -> np.ndarray:
        """Reads the class of each image, in the order of `read`.

        Returns:
          labels: (n,) int64.

        Raises:
          ValueError: the data set has no labels.
          FileNotFoundError: the data is nowhere.
        """
        labels = data.arrays(self.data, self.split)[1]
        if labels is None:
            raise ValueError(f"Expected a data set with labels. Received: data={self.data!r}")
        return labels

    def read(self) -> tuple[np.ndarray, str]:
        """Reads the images, in order.

        Returns:
          images: (n, height, width, channels) float32 in [0, 1], or waveforms (n, length, 1) in [-1, 1], or points (n, 2).
          sha256: of their 8-bit values (of waveforms 16-bit ones, of points float32 ones), or of their zeros and ones where
            binarized, one byte a value.

        Raises:
          FileNotFoundError: the data is nowhere; the message says what to do.
          ValueError: no such split, or images that are not the published ones.
        """
        if self.view == "binarized" and self.split.isalpha() and self.image_size is None and not self.split.startswith("train"):
            values = data.fixed_binarized(self.split, name=self.data)  # compares with the published sha256
            return values.astype(np.float32), hashlib.sha256(values.tobytes()).hexdigest()
        dataset = data.load(
            self.data, self.split, batch_size=_READ_AT_ONCE, view=self.view, shuffle=False, image_size=self.image_size
        )
        images = np.concatenate([batch.numpy() for batch in dataset])
        if images.ndim == 2:  # points
            return images, hashlib.sha256(images.astype("<f4").tobytes()).hexdigest()
        if images.ndim == 3:  # waveforms
            return images, hashlib.sha256(np.round(images * 32768).astype("<i2").tobytes()).hexdigest()
        levels = 1 if self.view == "binarized" else 255
        return images, hashlib.sha256(np.round(images * levels).astype(np.uint8).tobytes()).hexdigest()
