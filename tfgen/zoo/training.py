"""Training a zoo model by its recipe, resumably."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import keras

from tfgen import callbacks, checks, data
from tfgen.zoo.environment import hardware
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.saving import pack
from tfgen.zoo.table import Progress

__all__ = ["fit_recipe", "train"]

_LOG = "run.json"


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
      directory: where `checkpoint.keras`, `history.csv`, `samples/` and `run.json` (minutes, processor) go.
      every_steps: steps between checkpoints.
      epochs: epochs instead of the recipe's, for a trial.

    Returns:
      model: the trained model, with its optimizers.

    Raises:
      FileNotFoundError: no such recipe, or the data is nowhere.
      ValueError: the recipe is wrong.

    Example:
      >>> import tempfile, tfgen
      >>> tfgen.zoo.fit_recipe("vae-fashion-mnits", tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      FileNotFoundError: No model of this name in the zoo, and no such folder. Did you mean 'vae-fashion-mnist'? ...
    """
    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    directory = checks.path(directory, "directory")
    directory.mkdir(parents=True, exist_ok=True)
    model = recipe.build()
    settings = {"labels": model.conditional and model.num_classes is not None, **recipe["data"]}
    options = {"batch_size": recipe["batch_size"], "seed": recipe["seed"], "shuffle": True, **settings}
    dataset = data.load(options.pop("name"), options.pop("split"), **options)
    steps = int(dataset.cardinality())
    total = recipe["epochs"] if epochs is None else epochs
    resumed = (directory / "checkpoint.keras").exists()
    pictured = hasattr(model, "sample") and callbacks.Samples.can_draw(model)
    model.fit(
        dataset,
        epochs=total,
        verbose=0,
        callbacks=[
            callbacks.Checkpoint(directory, every_steps=every_steps),
            callbacks.Progress(steps * total),
            *([callbacks.Samples(directory / "samples", every_epochs=max(1, total // 10))] if pictured else []),
            keras.callbacks.CSVLogger(str(directory / "history.csv"), append=resumed),
            keras.callbacks.TerminateOnNaN(),
            _Stopwatch(directory, resumed),
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
      directory: the entry, which `tfgen.zoo.load` reads afterwards.
      every_steps: steps between checkpoints.
      epochs: epochs instead of the recipe's, for a trial.
      progress: called as `progress(what, done, total)` while the numbers are computed.

    Returns:
      directory: the entry.

    Raises:
      FileNotFoundError: no such recipe, or the data is nowhere.
      ValueError: the recipe is wrong, or training diverged.

    Example:
      >>> import tempfile, tfgen
      >>> tfgen.zoo.train("no-such-recipe.yaml", tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      FileNotFoundError: Expected a zoo name, a folder with recipe.yaml, or a YAML file. Received: no-such-recipe.yaml
    """
    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    recipe.protocol().read()  # a training whose result cannot be measured is not begun
    directory = checks.path(directory, "directory")
    training = directory / "training"
    fit_recipe(recipe, training, every_steps=every_steps, epochs=epochs)
    run = json.loads((training / _LOG).read_text()) if (training / _LOG).exists() else {"epochs": 0, "steps": 0}
    if run["epochs"] < (epochs or recipe["epochs"]):
        raise ValueError(
            f"Training by {recipe.path} stopped because its loss is not a number. Try a smaller learning rate, after deleting "
            f"{training}. Received: NaN after step {run['steps']}"
        )
    return pack(recipe, training, directory, progress=progress)


class _Stopwatch(keras.callbacks.Callback):
    """Adds up the minutes of all runs on a folder, and notes the processor and the precision."""

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, directory: Path, resumed: bool) -> None:
        super().__init__()
        self.path = directory / _LOG
        self.before = json.loads(self.path.read_text())["minutes"] if resumed and self.path.exists() else 0.0
        self.start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        record = {
            "minutes": round(self.before + (time.monotonic() - self.start) / 60, 2),
            "steps": int(self.model.step.numpy()),
            "epochs": int(self.model.epoch.numpy()),
            "precision": self.model.dtype_policy.name,
            "hardware": hardware(),
        }
        aside = self.path.with_suffix(".tmp")
        aside.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(aside, self.path)
