"""The classifier in whose feature space samples are compared: trained, packed and measured by a recipe, as the models are."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import callbacks, data, networks, pictures, precision, random
from tfgen.data import binarize
from tfgen.zoo.environment import hardware

__all__ = [
    "FUNCTION",
    "augment",
    "build_classifier",
    "class_numbers",
    "compile_classifier",
    "convert_classifier",
    "draw_classes",
    "fit_classifier",
    "is_classifier",
]

FUNCTION = "image_classifier"
"""What stands as `model.class` in a classifier's recipe: a function of `tfgen.networks`."""

_SHIFT = 1
_BINARIZED = 0.2  # of the training images are shown as zeros and ones, so that both views of the data have features
_FLIP, _PLACE, _VIEW, _PIXELS = range(4)


def is_classifier(model: Any) -> bool:
    """Tells a classifier from a generative model.

    Args:
      model: a Keras model, or a `Recipe`.

    Returns:
      answer: whether it classifies images.
    """
    if isinstance(model, keras.Model):
        return "features" in [layer.name for layer in model.layers] and not hasattr(model, "sample")
    return model["model"]["class"] == FUNCTION


def build_classifier(recipe: Any, policy: str) -> Any:
    """Builds the untrained classifier of a recipe.

    Args:
      recipe: a `Recipe`.
      policy: name of a Keras dtype policy.

    Returns:
      classifier: compiled, its initial weights fixed by the recipe's seed.

    Raises:
      ValueError: an argument is wrong.
    """
    keras.utils.set_random_seed(recipe["seed"])
    try:
        classifier = networks.image_classifier(**recipe["model"]["arguments"], dtype=policy)
    except TypeError as error:
        raise ValueError(f"{recipe.path}: the arguments of {FUNCTION} do not fit. Received: {error}") from error
    return compile_classifier(classifier, recipe.optimizers())


def compile_classifier(classifier: Any, optimizers: dict[str, Any]) -> Any:
    """Compiles a classifier with cross-entropy and accuracy.

    Args:
      classifier: a Keras model from images to logits.
      optimizers: {"optimizer": a Keras optimizer}, or empty for the default.

    Returns:
      classifier: the same model.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # XLA, which Keras would choose, takes four times as long for bfloat16 convolutions on a processor
    classifier.compile(optimizers.get("optimizer", "adam"), loss, metrics=["accuracy"], jit_compile=False)
    return classifier


def convert_classifier(classifier: Any, policy: str) -> Any:
    """Copies a classifier into another number format.

    Args:
      classifier: a functional Keras model.
      policy: name of a Keras dtype policy for its hidden layers.

    Returns:
      copy: the same layers and weights; features and logits stay float32. Not compiled.
    """

    def layer_in_format(layer: Any) -> Any:
        fixed = layer.name in ("features", "dropout", "logits")
        return type(layer).from_config({**layer.get_config(), "dtype": "float32" if fixed else policy})

    copy = keras.models.clone_model(classifier, clone_function=layer_in_format)
    copy.set_weights(classifier.get_weights())
    return copy


def augment(images: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Varies training images: mirrors half of them, shifts each by up to one pixel, shows one of five as zeros and ones.

    Args:
      images: (batch, height, width, channels) float32 in [0, 1].
      keys: (batch,) int64, one seed an image.

    Returns:
      images: the same shape and range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.zoo.classifiers import augment
      >>> augment(tf.zeros((2, 8, 8, 1)), tf.constant([1, 2], tf.int64)).shape
      TensorShape([2, 8, 8, 1])
    """
    height, width = images.shape[1:3]
    flipped = tf.where(random.uniform(keys, (1, 1, 1), stream=_FLIP) < 0.5, images[:, :, ::-1], images)
    place = tf.cast(random.uniform(keys, (2,), stream=_PLACE) * (2 * _SHIFT + 1), tf.int32)
    padded = tf.pad(flipped, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)))
    moved = tf.gather(padded, place[:, :1] + tf.range(height), axis=1, batch_dims=1)
    moved = tf.gather(moved, place[:, 1:] + tf.range(width), axis=2, batch_dims=1)
    drawn = binarize(moved, random.row_keys(keys, _PIXELS))
    return tf.where(random.uniform(keys, (1, 1, 1), stream=_VIEW) < _BINARIZED, drawn, moved)


def fit_classifier(recipe: Any, directory: Path, *, epochs: int | None = None) -> Any:
    """Trains a classifier by its recipe; started again after a kill, it goes on after the last whole epoch.

    Args:
      recipe: a `Recipe`.
      directory: where `checkpoint.keras`, `history.csv` and `run.json` go.
      epochs: epochs instead of the recipe's, for a trial.

    Returns:
      classifier: trained, with its optimizer.
    """
    path, total = directory / "checkpoint.keras", recipe["epochs"] if epochs is None else epochs
    resumed = path.exists() and (directory / "run.json").exists()
    policy = precision.fastest_policy(recipe["precision"])
    classifier: Any = keras.saving.load_model(path) if resumed else build_classifier(recipe, policy)
    run = json.loads((directory / "run.json").read_text()) if resumed else {"epochs": 0, "minutes": 0.0}
    settings = {"batch_size": recipe["batch_size"], "seed": recipe["seed"], "shuffle": True, **recipe["data"], "labels": True}
    dataset = data.load(settings.pop("name"), settings.pop("split"), **settings)
    steps = int(dataset.cardinality())

    def vary(batch: tf.Tensor, element: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = element
        return augment(images, random.row_keys(recipe["seed"], batch, tf.range(tf.shape(images)[0]))), labels

    classifier.fit(
        dataset.enumerate().map(vary).prefetch(2),
        epochs=total,
        initial_epoch=min(run["epochs"], total),
        verbose=0,
        shuffle=False,  # `data.load` shuffles
        callbacks=[
            _Epochs(directory, run, policy),
            callbacks.Progress(steps * total),
            keras.callbacks.CSVLogger(str(directory / "history.csv"), append=resumed),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    return classifier


class _Epochs(keras.callbacks.Callback):
    """Orders data and noise by the epoch, and saves the whole state after each."""

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, directory: Path, run: dict[str, Any], policy: str) -> None:
        super().__init__()
        self.directory, self.before, self.policy = directory, run["minutes"], policy
        self.start = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        data.set_position(epoch)
        # Keras does not save the state of dropout's noise: it starts anew from the epoch, in a resumed run too
        self.model.get_layer("dropout").seed_generator.state.assign([0, epoch])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        record = {
            "minutes": round(self.before + (time.monotonic() - self.start) / 60, 2),
            "steps": int(self.model.optimizer.iterations.numpy()),
            "epochs": epoch + 1,
            "precision": self.policy,
            "hardware": hardware(),
        }
        asides = [self.directory / f".{os.getpid()}-{name}" for name in ("checkpoint.keras", "run.json")]
        self.model.save(asides[0])
        asides[1].write_text(json.dumps(record, indent=2) + "\n")
        for aside, name in zip(asides, ("checkpoint.keras", "run.json"), strict=True):
            os.replace(aside, self.directory / name)


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
    found = np.asarray(model.predict(images, verbose=0)).argmax(1)
    blank = np.zeros_like(images[:columns])
    rows = [np.concatenate([images[found == number], blank])[:columns] for number in range(model.output_shape[-1])]
    pictures.save_grid(np.concatenate(rows), path, columns)
