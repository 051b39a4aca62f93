"""Checkpoints from which a killed `fit` goes on as if it had never stopped."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from tfgen import checks, reading, writing
from tfgen.callbacks import _states
from tfgen.models.clock import Saver

__all__ = ["Checkpoint"]

_FILE = "checkpoint.keras"
_CALLBACKS = "callbacks.npz"  # its place in the file


class Checkpoint(Saver):
    """Saves the whole training state while `fit` runs, and restores it when the same `fit` is started again.

    The state is one file: weights, every optimizer, averages, counters (which are the random state), the position inside the
    epoch, what the metrics have added up in it, and what the other callbacks count: numbers and arrays among their attributes
    that training has changed, such as `wait`, `best` and `best_weights` of `EarlyStopping`. A kill at any moment leaves the last
    whole one. Start the same program again with the same data and the same `epochs`: training goes on, bit for bit. Ctrl-C saves
    once more before it stops. `fit` runs this callback after the others, wherever it stands. A directory is one training's at a
    time.

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
    params: Any  # too

    def __init__(self, directory: str | os.PathLike[str], *, every_steps: int | None = None) -> None:
        super().__init__()
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"`every_steps` must be at least 1, or None. Received: every_steps={every_steps}")
        self.directory = checks.path(directory, "directory")
        self.every_steps = every_steps
        self._saved: tuple[int, int] | None = None
        self._fresh: dict[str, Any] = {}
        self._claim = writing.Claim(self.directory, what="training")

    @property
    def path(self) -> Path:
        """The file that holds the state."""
        return self.directory / _FILE

    def restore(self) -> bool:
        self._claim.take()
        if not self.path.exists():
            return False
        begun = int(self.model.epoch.numpy())
        variables = [*self.model.weights, *(v for optimizer in self.model.optimizers.values() for v in optimizer.variables)]
        kept, optimizers, settings = [variable.numpy() for variable in variables], self.model.optimizers, self.model.settings()
        place = self.model.place
        try:
            self._load()
            done = int(self.model.epoch.numpy()) - begun
            if done < 0:
                raise ValueError(
                    f"The checkpoint in {self.directory} is older than the model: delete it, or load the model it belongs to. "
                    f"Received: a checkpoint of epoch {begun + done}, a model of epoch {begun}"
                )
        except ValueError:
            self.model.set_settings(settings)
            for name, optimizer in optimizers.items():
                setattr(self.model, name, optimizer)
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)
            self.model.place = place
            raise
        self.model._initial_epoch = done
        return True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._fresh, self._saved = _states.numbers_of(self.others), self._place()
        if self.model._initial_epoch is None:  # there was nothing to restore
            return
        with zipfile.ZipFile(self.path) as archive:
            if _CALLBACKS in archive.namelist():
                _states.restore(self.others, archive.read(_CALLBACKS))
        stopped = [other for other in self.others if isinstance(other, keras.callbacks.EarlyStopping) and other.stopped_epoch]
        if any(other.wait >= other.patience for other in stopped):
            print(
                f"EarlyStopping ended this training after epoch {int(self.model.epoch.numpy())}: there is nothing left to do."
            )
            self.model._initial_epoch = self.params["epochs"]

    def _load(self) -> None:
        try:
            reading.check_archive(self.path)
            config, compiled = _check_same_model(self.model, self.path)
            # what callbacks have set since training began: first what optimizers were made for, then what held when it was saved
            self.model.frozen = compiled.get("frozen", config["frozen"])
            self.model.make_train_function()
            self.model.load_weights(self.path)
            self.model.set_settings({name: config[name] for name in self.model.settings()})
        except Exception as error:
            raise ValueError(
                f"The checkpoint in {self.directory} does not fit this model; train into another directory, or delete "
                f"the file to start anew. Received: {self.path}: {str(error).splitlines()[0][:200]}"
            ) from error

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._is_due():
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._save()

    def on_error(self) -> None:
        if self._is_due():
            self._save()

    def _place(self) -> tuple[int, int]:
        return int(self.model.epoch.numpy()), int(self.model.batch.numpy())

    def _is_due(self) -> bool:
        epoch, batch = self._place()
        if (epoch, batch) == self._saved:
            return False
        return batch == 0 or (self.every_steps is not None and int(self.model.step.numpy()) % self.every_steps == 0)

    def on_interrupt(self) -> None:
        """Saves once more; `fit` calls it on Ctrl-C."""
        self._save()
        print(f"\nStopped. The state is in {self.path}; start the same command again to go on.")

    def on_fit_end(self) -> None:
        """Lets other trainings into the directory; `fit` calls it however it ends."""
        self._claim.release()

    def _save(self) -> None:
        self._saved = self._place()
        with writing.whole_file(self.path) as aside:
            self.model.save(aside)
            with zipfile.ZipFile(aside, "a") as archive:
                archive.writestr(_CALLBACKS, _states.collect(self.others, self._fresh))


def _check_same_model(model: Any, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compares class and arguments: Keras loads what happens to fit, and passes over optimizers and averages that do not.

    What was set while the stored `fit` ran is not compared, but what was set before it is. Returns the stored configs.
    """
    with zipfile.ZipFile(path) as archive:
        stored = json.loads(archive.read("config.json"))
    own = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    if stored["class_name"] != own["class_name"]:
        raise ValueError(f"it is of a {stored['class_name']}, this is a {own['class_name']}")
    then, now = ({"frozen": [], **found["config"], **found["config"].get("began", {})} for found in (stored, own))
    _compare(then, now, {"name", "began"})
    compiled = stored.get("compile_config") or {}
    _compare(compiled, own.get("compile_config") or {}, {"frozen"})
    return {"frozen": [], **stored["config"]}, compiled


def _compare(then: dict[str, Any], now: dict[str, Any], passed_over: set[str]) -> None:
    for name in sorted({*then, *now} - passed_over):
        old, new = _comparable(then.get(name)), _comparable(now.get(name))
        if old != new:
            raise ValueError(f"`{name}` was {old}, and is {new}")


def _comparable(value: Any) -> Any:
    """Reduces networks and optimizers to their class: their configs hold names that differ from run to run."""
    named = isinstance(value, dict) and "name" in (value.get("config") or {})
    return value["class_name"] if named else value
