"""Checkpoints from which a killed `fit` goes on as if it had never stopped."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from tfgen import reading, writing

__all__ = ["Checkpoint"]

_FILE = "checkpoint.keras"


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole training state while `fit` runs, and restores it when the same `fit` is started again.

    The state is one file: weights, every optimizer, averages, counters (which are the random state) and the position inside
    the epoch. A kill at any moment leaves the last whole one. Start the same program again with the same data and the same
    `epochs`: training goes on, bit for bit. Ctrl-C saves once more before it stops. A directory is one training's at a time.

    Args:
      directory: where the file lives; made if missing.
      every_steps: also save each time this many steps are done; None saves at the end of each epoch only.

    Raises:
      ValueError: `every_steps` is less than 1; or, when training begins, the file does not fit the model, or another training is
        at work in the directory.

    Example:
      >>> import numpy as np, tempfile, tfgen
      >>> def start(epochs):
      ...     model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
      ...     model.compile()
      ...     model.fit(np.zeros((8, 4, 4, 1)), epochs=epochs, verbose=0, callbacks=[tfgen.callbacks.Checkpoint(folder)])
      ...     return int(model.epoch.numpy())
      >>> folder = tempfile.mkdtemp()
      >>> start(1), start(3)
      (1, 3)
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, directory: str | os.PathLike[str], *, every_steps: int | None = None) -> None:
        super().__init__()
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"`every_steps` must be at least 1, or None. Received: every_steps={every_steps}")
        self.directory = Path(directory).expanduser()
        self.every_steps = every_steps
        self._claim = writing.Claim(self.directory, what="training")

    @property
    def path(self) -> Path:
        """The file that holds the state."""
        return self.directory / _FILE

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._claim.take()
        if not self.path.exists():
            return
        begun = int(self.model.epoch.numpy())
        variables = [*self.model.weights, *(v for optimizer in self.model.optimizers.values() for v in optimizer.variables)]
        kept = [variable.numpy() for variable in variables]
        try:
            self._load()
            done = int(self.model.epoch.numpy()) - begun
            if done < 0:
                raise ValueError(
                    f"The checkpoint in {self.directory} is older than the model: delete it, or load the model it belongs to. "
                    f"Received: a checkpoint of epoch {begun + done}, a model of epoch {begun}"
                )
        except ValueError:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)
            raise
        self.model._initial_epoch = done

    def _load(self) -> None:
        try:
            reading.check_archive(self.path)
            _check_same_model(self.model, self.path)
            self.model.load_weights(self.path)
        except Exception as error:
            raise ValueError(
                f"The checkpoint in {self.directory} does not fit this model; train into another directory, or delete "
                f"the file to start anew. Received: {self.path}: {str(error).splitlines()[0][:200]}"
            ) from error

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.every_steps is not None and int(self.model.step.numpy()) % self.every_steps == 0:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._save()

    def on_interrupt(self) -> None:
        """Saves once more; `fit` calls it on Ctrl-C."""
        self._save()
        print(f"\nStopped. The state is in {self.path}; start the same command again to go on.")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.model._initial_epoch = None

    def on_fit_end(self) -> None:
        """Lets other trainings into the directory; `fit` calls it however it ends."""
        self._claim.release()

    def _save(self) -> None:
        self.model.save(self.path)


def _check_same_model(model: Any, path: Path) -> None:
    """Compares class and arguments: Keras loads what happens to fit, and passes over optimizers and averages that do not."""
    with zipfile.ZipFile(path) as archive:
        stored = json.loads(archive.read("config.json"))
    own = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    if stored["class_name"] != own["class_name"]:
        raise ValueError(f"it is of a {stored['class_name']}, this is a {own['class_name']}")
    for part in ("config", "compile_config"):
        theirs, ours = (found.get(part) or {} for found in (stored, own))
        for name in sorted({*theirs, *ours} - {"name"}):
            then, now = _comparable(theirs.get(name)), _comparable(ours.get(name))
            if then != now:
                raise ValueError(f"`{name}` was {then}, and is {now}")


def _comparable(value: Any) -> Any:
    """Reduces networks and optimizers to their class: their configs hold names that differ from run to run."""
    named = isinstance(value, dict) and "name" in (value.get("config") or {})
    return value["class_name"] if named else value
