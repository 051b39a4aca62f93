"""Jobs that run in a process of their own: loading, resuming and being killed. What they need travels in files."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["JOBS", "KILLED", "serve", "start", "wait", "work"]

KILLED = 37  # the exit code of a process that ended itself in the middle of training
_FORKS = hasattr(os, "fork")
_LONGEST = 600.0


def start(folder: Path, jobs: Sequence[tuple[str, Sequence[Any]]], devices: int) -> None:
    """Has jobs run one after the other, each in a new process, in which nothing but `import tfgen` has been done.

    Where the system forks, a new process is the copy of one that has only imported tfgen: a start costs 10 ms and not 3 s.
    Returns at once; `wait` gives the exit codes.
    """
    server = _server()
    server.stdin.write(json.dumps([str(folder), jobs, devices]) + "\n")  # type: ignore[union-attr]
    server.stdin.flush()  # type: ignore[union-attr]


def wait(folder: Path) -> list[int]:
    """Waits until the jobs of a folder are done; returns their exit codes."""
    until, done = time.monotonic() + _LONGEST, folder / "done.txt"
    while not done.exists():
        if _server().poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"The process that runs the jobs of {folder} has ended, or takes more than {_LONGEST} s")
        time.sleep(0.01)
    return json.loads(done.read_text())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Starts the process that forks; it ends when this one does, because its input ends then."""
    return subprocess.Popen(_command("serve()"), stdin=subprocess.PIPE, text=True, env=_environment())


def _command(call: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; from tfgen.testing import _child; _child.{call}"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


def serve() -> None:
    """Reads requests line by line, and lets each run beside the others."""
    if _FORKS:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who watch over the jobs
    for request in sys.stdin:
        if not _FORKS:
            _watch(request)
        elif os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(2, 1)  # what jobs print goes to the log
            _watch(request)
            os._exit(0)


def _watch(request: str) -> None:
    """Runs a request's jobs until one fails, and writes their exit codes."""
    folder, jobs, devices = json.loads(request)
    codes: list[int] = []
    for name, arguments in jobs:
        codes.append(_new_process(json.dumps([folder, name, arguments, devices])))
        if codes[-1] not in (0, KILLED):
            break
    if os.path.isdir(folder):  # else nobody waits any more
        aside = Path(folder, "aside.txt")
        aside.write_text(json.dumps(codes))
        os.replace(aside, Path(folder, "done.txt"))


def _new_process(request: str) -> int:
    if not _FORKS:
        return subprocess.run([*_command("work(sys.argv[1])"), request], env=_environment()).returncode
    child = os.fork()
    if child == 0:
        try:
            work(request)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def work(request: str) -> None:
    """Does one job; an exception is written beside its result, for the parent to show."""
    folder, name, arguments, devices = json.loads(request)
    from tfgen.testing.devices import two_devices

    if devices > 1:
        two_devices()
    try:
        JOBS[name](folder, *arguments)
    except BaseException:
        if os.path.isdir(folder):
            Path(folder, "error.txt").write_text(traceback.format_exc())
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
    labels = dict.fromkeys(model._condition_names(), data["y"][:2]) if data["y"] is not None else {}
    np.save(Path(folder, "samples.npy"), model.sample(seed=[7, 8], **labels))
    model.fit(**data, epochs=epochs)
    _write_state(model, Path(folder, "resumed.npz"))


def killed_fit(folder: str, modules: Sequence[str], epochs: int, kill_after: int, every_steps: int) -> None:
    """Trains `start.keras` with checkpoints and ends the process, as a kill would, after so many steps."""
    import keras

    from tfgen.callbacks import Checkpoint

    class Kill(keras.callbacks.Callback):
        model: Any  # set by Keras before the first call; its own annotation is None

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
