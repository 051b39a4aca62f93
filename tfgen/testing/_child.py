"""Jobs that run in a process of their own: loading, resuming and being killed. What they need travels in files."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KILLED", "killed_fit", "load_and_resume", "resumed_fit", "run"]

KILLED = 37  # the exit code of a process that ended itself in the middle of training


def run(job: Callable[..., None], *arguments: Any, devices: int) -> int:
    """Runs a job in a new process, in which nothing but `import tfgen` has been done; returns its exit code.

    Where the system forks, the new process is a copy of one that only imported tfgen: a start costs 10 ms and not 3 s.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload(["tfgen"])
    process = context.Process(target=_guarded, args=(job, arguments, devices))
    process.start()
    process.join()
    return process.exitcode


def _guarded(job: Callable[..., None], arguments: Sequence[Any], devices: int) -> None:
    """Runs the job; an exception is written beside its result, for the parent to show."""
    from tfgen.testing.devices import two_devices

    if devices > 1:
        two_devices()
    try:
        job(*arguments)
    except BaseException:
        Path(arguments[0], "error.txt").write_text(traceback.format_exc())
        raise


def _open(folder: str, modules: Sequence[str], name: str) -> tuple[Any, dict[str, Any]]:
    """Loads a model's file after importing `modules` alone, and the data that the parent left."""
    for module in modules:
        import_module(module)
    import keras

    with np.load(Path(folder, "data.npz")) as stored:
        data = {key: stored[key] for key in stored.files}
    arguments = {"x": data["x"], "y": data.get("y"), "batch_size": int(data["batch"]), "verbose": 0}
    return keras.saving.load_model(Path(folder, name)), arguments


def _write_state(model: Any, path: Path) -> None:
    from tfgen.testing._bench import state_of

    np.savez(path, **{str(i): value for i, value in enumerate(state_of(model).values())})


def load_and_resume(folder: str, modules: Sequence[str], epochs: int) -> None:
    """Loads `trained.keras`, writes its state and samples, then trains on and writes the state again."""
    model, data = _open(folder, modules, "trained.keras")
    _write_state(model, Path(folder, "loaded.npz"))
    labels = {"label": data["y"][:2]} if data["y"] is not None else {}
    np.save(Path(folder, "samples.npy"), model.sample(seed=[7, 8], **labels))
    model.fit(**data, epochs=epochs)
    _write_state(model, Path(folder, "resumed.npz"))


def killed_fit(folder: str, modules: Sequence[str], epochs: int, kill_after: int, every_steps: int) -> None:
    """Trains `start.keras` with checkpoints and ends the process, as a kill would, after so many steps."""
    import keras

    from tfgen.callbacks import Checkpoint

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if int(self.model.step.numpy()) >= kill_after:
                os._exit(KILLED)

    model, data = _open(folder, modules, "start.keras")
    checkpoint = Checkpoint(Path(folder, "checkpoint"), every_steps=every_steps)
    model.fit(**data, epochs=epochs, callbacks=[checkpoint, Kill()])


def resumed_fit(folder: str, modules: Sequence[str], epochs: int, every_steps: int) -> None:
    """Starts the killed program again, and writes the state in which it ends."""
    from tfgen.callbacks import Checkpoint

    model, data = _open(folder, modules, "start.keras")
    model.fit(**data, epochs=epochs, callbacks=[Checkpoint(Path(folder, "checkpoint"), every_steps=every_steps)])
    _write_state(model, Path(folder, "finished.npz"))
