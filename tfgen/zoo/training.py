"""Training a zoo model by its recipe, resumably."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path
from typing import Any

import keras

from tfgen import callbacks, checks, data, reading, writing
from tfgen.zoo.entries import RUN, TRAINING, check_place, is_training, read_run
from tfgen.zoo.environment import hardware
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.saving import pack
from tfgen.zoo.table import Progress

__all__ = ["fit_recipe", "train"]


def fit_recipe(
    source: str | os.PathLike[str] | Recipe,
    directory: str | os.PathLike[str],
    *,
    every_steps: int = 500,
    epochs: int | None = None,
) -> Any:
    """Trains by a recipe; started again on the same folder after a kill, it goes on where the last checkpoint stands.

    Args:
      source: a zoo name, a recipe's path, or a `Recipe`.
      directory: where `checkpoint.keras`, `history.csv`, `samples/` and `run.json` (minutes, processor) go; new or empty, or that
        of a training. It is one training's at a time.
      every_steps: steps between checkpoints.
      epochs: epochs instead of the recipe's, for a trial.

    Returns:
      model: the trained model, with its optimizers.

    Raises:
      FileNotFoundError: no such recipe, or the data is nowhere.
      ValueError: the recipe is wrong, the directory holds other things than a training, or another training is at work there.

    Example:
      >>> import tempfile, tfgen
      >>> tfgen.zoo.fit_recipe("vae-fashion-mnits", tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      FileNotFoundError: No model of this name in the zoo, and no such folder. Did you mean 'vae-fashion-mnist'? ...
    """
    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    directory = checks.path(directory, "directory")
    writing.check_free(directory, own=is_training(directory), what="the folder of a training")
    with writing.Claim(directory, what="training"):
        return _fit(recipe, directory, every_steps, epochs)


def _fit(recipe: Recipe, directory: Path, every_steps: int, epochs: int | None) -> Any:
    model = recipe.build()
    settings = {"labels": model.conditional and model.num_classes is not None, **recipe["data"]}
    options = {"batch_size": recipe["batch_size"], "seed": recipe["seed"], "shuffle": True, **settings}
    dataset = data.load(options.pop("name"), options.pop("split"), **options)
    steps = int(dataset.cardinality())
    total = recipe["epochs"] if epochs is None else epochs
    pictured = hasattr(model, "sample") and callbacks.Samples.can_draw(model)
    model.fit(
        dataset,
        epochs=total,
        verbose=0,
        callbacks=[
            # before the checkpoint: what a kill in between leaves is written again by the epoch that is trained again
            _Stopwatch(directory / RUN),
            _History(directory / "history.csv"),
            callbacks.Checkpoint(directory, every_steps=every_steps),
            callbacks.Progress(steps * total),
            *([callbacks.Samples(directory / "samples", every_epochs=max(1, total // 10))] if pictured else []),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    return model


def train(
    source: str | os.PathLike[str] | Recipe,
    directory: str | os.PathLike[str],
    *,
    every_steps: int = 500,
    epochs: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Trains by a recipe and writes a whole zoo entry: weights, numbers, history, picture, card.

    The training itself lives in `directory/training/`; after a kill or Ctrl-C the same call goes on where it stopped, and
    ends with the same weights.

    Args:
      source: a zoo name, a recipe's path, or a `Recipe`.
      directory: the entry, which `tfgen.zoo.load` reads afterwards; new or empty, an older entry, or that of this training.
      every_steps: steps between checkpoints.
      epochs: epochs instead of the recipe's, for a trial.
      progress: called as `progress(what, done, total)` while the numbers are computed.

    Returns:
      directory: the entry.

    Raises:
      FileNotFoundError: no such recipe, or the data is nowhere.
      ValueError: the recipe is wrong, the directory holds things that are no entry, another training is at work there, or training
        diverged.

    Example:
      >>> import tempfile, tfgen
      >>> tfgen.zoo.train("no-such-recipe.yaml", tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      FileNotFoundError: Expected a zoo name, a folder with recipe.yaml, or a YAML file. Received: no-such-recipe.yaml
    """
    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    training = check_place(directory, recipe.path) / TRAINING
    recipe.protocol().read()  # a training whose result cannot be measured is not begun
    with writing.Claim(training, what="training"):
        fit_recipe(recipe, training, every_steps=every_steps, epochs=epochs)
        run = read_run(training)
        if run["epochs"] < (epochs or recipe["epochs"]):
            raise ValueError(
                f"Training by {recipe.path} stopped because its loss is not a number. Try a smaller learning rate, after deleting "
                f"{training}. Received: NaN after step {run['steps']}"
            )
        return pack(recipe, training, directory, progress=progress)


class _Stopwatch(keras.callbacks.Callback):
    """Adds up the minutes of all runs on a folder, and notes the processor and the precision."""

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.before = read_run(path.parent)["minutes"] if path.exists() else 0.0
        self.start = time.monotonic()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self.path.exists():
            self._write()  # makes the folder a training's own

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._write()

    def _write(self) -> None:
        record = {
            "minutes": round(self.before + (time.monotonic() - self.start) / 60, 2),
            "steps": int(self.model.step.numpy()),
            "epochs": int(self.model.epoch.numpy()),
            "precision": self.model.dtype_policy.name,
            "hardware": hardware(),
        }
        writing.write_json(self.path, record)


class _History(keras.callbacks.Callback):
    """Keeps the log as a table, a row an epoch; an epoch that is trained again takes the place of its old row and of all after."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.path.exists():
            rows = csv.DictReader(io.StringIO(reading.read_text(self.path, "a training's log")))
            self.rows = [{name: value for name, value in row.items() if name and value} for row in rows]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row = {"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}}
        self.rows = [*(old for old in self.rows if str(old.get("epoch")).isdigit() and int(old["epoch"]) < epoch), row]
        names = sorted({str(name) for row in self.rows for name in row} - {"epoch"})
        text = io.StringIO()
        writer = csv.DictWriter(text, ["epoch", *names], restval="NA", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        writing.write_text(self.path, text.getvalue())
