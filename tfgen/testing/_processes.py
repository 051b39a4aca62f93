"""Runs jobs in processes of their own: each is a copy of one in which nothing but `import tfgen` has been done."""

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
from pathlib import Path
from typing import Any

from tfgen import writing
from tfgen.testing._jobs import JOBS, KILLED
from tfgen.testing.devices import two_devices

__all__ = ["serve", "start", "wait", "work"]

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
    return [sys.executable, "-c", f"import sys; from tfgen.testing import _processes; _processes.{call}"]


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
        writing.write_json(Path(folder, "done.txt"), codes)


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
    if devices > 1:
        two_devices()
    try:
        JOBS[name](Path(folder), *arguments)
    except BaseException:
        if os.path.isdir(folder):
            Path(folder, "error.txt").write_text(traceback.format_exc())
        raise
