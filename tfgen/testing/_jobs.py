"""What is done in a process of its own: loading, resuming and being killed. What a job needs travels in files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgen.callbacks import Checkpoint
from tfgen.testing._state import write_state

__all__ = ["JOBS", "KILLED", "Interrupt"]

KILLED = 37  # the exit code of a process that ended itself in the middle of training


class Interrupt(keras.callbacks.Callback):
    """Ends a training as soon as the model has taken so many steps.

    Args:
      step: the model's step counter by then.
      end: what is done; it does not return.
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, step: int, end: Callable[[], Any]) -> None:
        super().__init__()
        self.step, self.end = step, end

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) >= self.step:
            self.end()


def _open(folder: Path, modules: Sequence[str], name: str) -> tuple[Any, dict[str, Any]]:
    """Loads a model's file after importing `modules` alone, and the data that the parent left."""
    for module in modules:
        import_module(module)
    with np.load(folder / "data.npz") as stored:
        data = {key: stored[key] for key in stored.files}
    arguments = {"x": data["x"], "y": data.get("y"), "batch_size": int(data["batch"]), "verbose": 0}
    return keras.saving.load_model(folder / name), arguments


def load(folder: Path, modules: Sequence[str]) -> None:
    """Loads `trained.keras` and writes its state."""
    write_state(_open(folder, modules, "trained.keras")[0], folder / "loaded.npz")


def load_and_resume(folder: Path, modules: Sequence[str], epochs: int) -> None:
    """Loads `trained.keras`, writes its state and what it says of two rows, then trains on and writes the state again."""
    model, data = _open(folder, modules, "trained.keras")
    write_state(model, folder / "loaded.npz")
    with np.load(folder / "inputs.npz") as stored:
        name, inputs = str(stored["operation"]), {key: stored[key] for key in stored.files if key != "operation"}
    np.savez(folder / "outputs.npz", **model.run(name, inputs))
    model.fit(**data, epochs=epochs)
    write_state(model, folder / "resumed.npz")


def killed_fit(folder: Path, modules: Sequence[str], epochs: int, kill_after: int, every_steps: int) -> None:
    """Trains `start.keras` with checkpoints and ends the process, as a kill would, after so many steps."""
    model, data = _open(folder, modules, "start.keras")
    checkpoint = Checkpoint(folder / "checkpoint", every_steps=every_steps)
    model.fit(**data, epochs=epochs, callbacks=[checkpoint, Interrupt(kill_after, lambda: os._exit(KILLED))])


def resumed_fit(folder: Path, modules: Sequence[str], epochs: int, every_steps: int) -> None:
    """Starts the killed program again, and writes the state in which it ends."""
    model, data = _open(folder, modules, "start.keras")
    model.fit(**data, epochs=epochs, callbacks=[Checkpoint(folder / "checkpoint", every_steps=every_steps)])
    write_state(model, folder / "finished.npz")


JOBS = {job.__name__: job for job in (load, load_and_resume, killed_fit, resumed_fit)}
