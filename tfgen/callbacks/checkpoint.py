"""Checkpoints from which a killed `fit` goes on as if it had never stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

__all__ = ["Checkpoint"]

_FILE = "checkpoint.keras"


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole training state while `fit` runs, and restores it when the same `fit` is started again.

    The state is one file: weights, every optimizer, averages, counters (which are the random state) and the position inside
    the epoch. It is written aside and renamed, so a kill at any moment leaves the last whole one. Start the same program again
    with the same data and the same `epochs`: training goes on, bit for bit. Ctrl-C saves once more before it stops.

    Args:
      directory: where the file lives; made if missing.
      every_steps: also save each time this many steps are done; None saves at the end of each epoch only.

    Raises:
      ValueError: `every_steps` is less than 1; or, when training begins, the file does not fit the model.

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

    def __init__(self, directory: str | os.PathLike[str], *, every_steps: int | None = None) -> None:
        super().__init__()
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"`every_steps` must be at least 1, or None. Received: every_steps={every_steps}")
        self.directory = Path(directory)
        self.every_steps = every_steps

    @property
    def path(self) -> Path:
        """The file that holds the state."""
        return self.directory / _FILE

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            return
        begun = int(self.model.epoch.numpy())
        try:
            self.model.load_weights(self.path)
        except Exception as error:
            raise ValueError(
                f"The checkpoint in {self.directory} does not fit this model; train into another directory, or delete "
                f"the file to start anew. Received: {self.path}: {error}"
            ) from error
        done = int(self.model.epoch.numpy()) - begun
        if done < 0:
            raise ValueError(
                f"The checkpoint in {self.directory} is older than the model: delete it, or load the model it belongs to. "
                f"Received: a checkpoint of epoch {begun + done}, a model of epoch {begun}"
            )
        self.model._initial_epoch = done

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

    def _save(self) -> None:
        aside = self.directory / f".{os.getpid()}-{_FILE}"
        try:
            self.model.save(aside)
            os.replace(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)
