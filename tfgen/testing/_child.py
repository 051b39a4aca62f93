"""Jobs that run in a process of their own: loading, resuming and being killed. What they need travels in files."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["JOBS", "KILLED", "run", "serve"]

KILLED = 37  # the exit code of a process that ended itself in the middle of training
_COMMAND = [sys.executable, "-c", "from tfgen.testing import _child; _child.serve()"]


def run(job: str, *arguments: Any, devices: int) -> int:
    """Runs a job in a new process, in which nothing but `import tfgen` has been done; returns its exit code.

    Where the system forks, the new process is the copy of one that has only imported tfgen: a start costs 10 ms and not 3 s.
    """
    request = json.dumps([job, arguments, devices]) + "\n"
    if not hasattr(os, "fork"):
        return subprocess.run(_COMMAND, input=request, text=True, env=_environment()).returncode
    server = _server()
    server.stdin.write(request)  # type: ignore[union-attr]
    server.stdin.flush()  # type: ignore[union-attr]
    return int(server.stdout.readline())  # type: ignore[union-attr]


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Starts the process that forks; it ends when this one does, because its input ends then."""
    return subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


def serve() -> None:
    """Reads jobs line by line; runs each in a fork of its own and answers with its exit code."""
    for request in sys.stdin:
        job, arguments, devices = json.loads(request)
        if not hasattr(os, "fork"):
            _guarded(job, arguments, devices)
            return
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # what the job prints is no answer
            try:
                _guarded(job, arguments, devices)
            except BaseException:
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _guarded(job: str, arguments: Sequence[Any], devices: int) -> None:
    """Runs the job; an exception is written beside its result, for the parent to show."""
    from tfgen.testing.devices import two_devices

    if devices > 1:
        two_devices()
    try:
        JOBS[job](*arguments)
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


JOBS = {job.__name__: job for job in (load_and_resume, killed_fit, resumed_fit)}
