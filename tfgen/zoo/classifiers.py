"""Entries of classifiers: their numbers, their picture, and files of bare networks from before classifiers were models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgen import pictures
from tfgen.models import Classifier
from tfgen.models.trainable import TrainableModel

__all__ = ["as_model", "class_numbers", "draw_classes"]


def as_model(loaded: Any, arguments: dict[str, Any] | None = None) -> Any:
    """Makes a model of what an entry's file holds: of a bare network from images to logits, as the frozen extractor is, a classifier.

    Args:
      loaded: what Keras loaded.
      arguments: of the `Classifier` whose default network it is; None for a network of somebody's own.

    Returns:
      model: a `Classifier` of these very weights; a model of the library is given back as it is.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.classifiers import as_model
      >>> network = tfgen.networks.image_classifier((8, 8, 1), 3, width=2, num_features=4)
      >>> as_model(network).num_classes
      3
    """
    if isinstance(loaded, TrainableModel) or not isinstance(loaded, keras.Model):
        return loaded
    if arguments is None:
        return Classifier(loaded.input_shape[1:], num_classes=loaded.output_shape[-1], network=loaded)
    model = Classifier(**arguments)
    model.network.set_weights(loaded.get_weights())
    return model


def class_numbers(
    model: Any, protocol: Any, compute: Callable[..., np.ndarray]
) -> Iterator[tuple[str, float, str, dict[str, Any]]]:
    """Measures a classifier: its accuracy and its cross-entropy on both views of a split.

    Args:
      model: the classifier.
      protocol: a `Protocol`; its view is not used.
      compute: called with the number of rows and a function of a slice; returns all rows' numbers.

    Yields:
      number: name, value, unit, and the data it was computed on: split, n, data_sha256.
    """
    labels = protocol.labels()
    for view, ending in (("8bit", ""), ("binarized", "_binarized")):
        images, sha256 = protocol.changed(view=view).read()

        def right_and_loss(rows: slice, images: np.ndarray = images) -> np.ndarray:
            logits = np.asarray(model(images[rows], training=False), np.float64)
            top = logits.max(1)
            total = np.log(np.exp(logits - top[:, None]).sum(1)) + top
            own = np.take_along_axis(logits, labels[rows, None], 1)[:, 0]
            return np.stack([logits.argmax(1) == labels[rows], total - own], 1)

        right, loss = compute(len(images), right_and_loss).mean(0)
        where = {"split": f"{protocol.data} {protocol.split}, {view}", "n": len(images), "data_sha256": sha256}
        yield f"accuracy{ending}", float(right), "share", where
        yield f"cross_entropy{ending}", float(loss), "nats", where


def draw_classes(model: Any, images: np.ndarray, path: Path, *, columns: int = 10) -> None:
    """Draws one row of images for each class that a classifier finds in them.

    Args:
      model: the classifier.
      images: (n, height, width, channels) in [0, 1].
      path: a PNG file.
      columns: images a row.
    """
    found = model.classify(images)[1]
    blank = np.zeros_like(images[:columns])
    rows = [np.concatenate([images[found == number], blank])[:columns] for number in range(model.num_classes)]
    pictures.save_grid(np.concatenate(rows), path, columns)
