"""The two rows that frame every table of sample measures: real training images, and noise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checks, data, paths, random, reading, writing
from tfgen.zoo.environment import hardware, versions
from tfgen.zoo.numbers import check_number
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.quality import SAMPLE_MEASURES, Quality
from tfgen.zoo.reference import Reference
from tfgen.zoo.table import Progress, compute_measures

__all__ = ["FRAMES", "VIEWS", "frame_images", "measure_frames", "read_frames", "write_frames"]

FRAMES = {
    "floor": "10,000 training images",
    "ceiling": "noise with the pixel means",
}
"""What no model should be far below, and what every model must be far above."""

VIEWS = ("8bit", "binarized")

_FILE = "frames.json"
_DATA = "fashion_mnist"


def frame_images(frame: str, reference: Reference) -> np.ndarray:
    """Makes the images of a frame.

    Args:
      frame: "floor": the first `protocol.n` training images in the protocol's view; "ceiling": zeros and ones, each pixel
        drawn independently with its mean over the training images as probability, row i by `row_seeds(seed, n)[i]`.
      reference: the data, its protocol with view, n and seed.

    Returns:
      images: (n, height, width, channels) float32 in [0, 1].

    Raises:
      ValueError: no such frame.

    Example:
      >>> from tfgen.zoo import Protocol
      >>> from tfgen.zoo.frames import frame_images
      >>> from tfgen.zoo.reference import Reference
      >>> frame_images("ceiling", Reference(Protocol(data="fashion_mnist_small", n=5))).shape
      (5, 28, 28, 1)
    """
    protocol = reference.protocol
    if frame == "floor":
        return reference.training[: protocol.n]
    if frame != "ceiling":
        raise ValueError(f"Expected `frame` among {', '.join(FRAMES)}. Received: frame={frame!r}")
    means = data.arrays(protocol.data, "train")[0].mean(0, dtype=np.float64) / 255.0
    seeds = random.row_seeds(protocol.seed, protocol.n)
    rows = [np.broadcast_to(means.astype(np.float32), (len(part), *means.shape)) for part in np.array_split(seeds, 10)]
    parts = zip(rows, np.array_split(seeds, 10), strict=True)
    return np.concatenate([data.binarize(images, part).numpy() for images, part in parts if len(part)])


def measure_frames(protocol: Protocol | None = None, *, progress: Progress | None = None) -> dict[str, Any]:
    """Measures both frames in both views.

    Args:
      protocol: data, split, n and seed; None for 10 000 images against the test set of Fashion-MNIST.
      progress: called as `progress(what, done, total)`.

    Returns:
      content: view -> frame -> numbers, as `tfgen.zoo.measure` returns them.

    Raises:
      FileNotFoundError: the data or the extractor is nowhere.
    """
    protocol = protocol or Protocol(data=_DATA)
    stamp = {"hardware": hardware(), "versions": versions(), "command": "tfgen scoreboard --frames"}
    content: dict[str, Any] = {}
    for view in VIEWS:
        reference = Reference(protocol.changed(view=view), progress=progress)  # its features serve both frames
        content[view] = {}
        for frame in FRAMES:
            numbers = compute_measures(SAMPLE_MEASURES, Quality(reference, samples=frame_images(frame, reference)))
            content[view][frame] = [{**number, **stamp} for number in numbers]
    return content


def write_frames(content: dict[str, Any], path: str | os.PathLike[str] | None = None) -> Path:
    """Writes the frames' numbers.

    Args:
      content: what `measure_frames` returned.
      path: a JSON file; None for the zoo's.

    Returns:
      path: the file.
    """
    target = checks.path(path) if path is not None else paths.zoo_folder() / _FILE
    writing.write_json(target, content)
    return target


def read_frames(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Reads the frames' numbers.

    Args:
      path: a JSON file; None for the zoo's.

    Returns:
      content: view -> frame -> numbers.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: a number without its protocol, or of another feature space than the frozen one.
    """
    target = checks.path(path) if path is not None else paths.zoo_folder() / _FILE
    if not target.is_file():
        raise FileNotFoundError(f"Expected the frames' numbers, which `tfgen scoreboard --frames` writes. Received: {target}")
    content = reading.read_json(target, "the frames' numbers")
    try:
        found = [number for frames in content.values() for numbers in frames.values() for number in numbers]
    except (AttributeError, TypeError) as error:
        raise ValueError(f"Expected view -> frame -> numbers in {target}. Received: {error}") from error
    for number in found:
        check_number(number, str(target))
    return content
