"""Kills a writer at each of its changes to the disk, fills the disk under it, and has another process in its way."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tfgen import writing

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _is_change(event: str, arguments: tuple) -> bool:
    """Whether something is about to change on the disk; a file that is opened to be written counts as one change."""
    if event == "open" and isinstance(arguments[2], int):
        return bool(arguments[2] & _WRITES)
    return event in _CHANGES


def dies(act: Callable[[], object], after: int) -> bool:
    """Runs `act` in a forked process that is killed after so many changes; says whether it was."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = [after]

    def count(event: str, arguments: tuple) -> None:
        if _is_change(event, arguments):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    sys.addaudithook(count)
    try:
        act()
    finally:
        os._exit(0)


def each_kill(act: Callable[[], object], prepare: Callable[[], object]) -> Iterator[int]:
    """Kills `act` at its first change, its second, ... until it ends by itself; before each, `prepare` sets the scene."""
    after = 0
    while True:
        prepare()
        if not dies(act, after):
            return
        yield after
        after += 1


@contextlib.contextmanager
def full_disk(limit: int = 1000) -> Iterator[None]:
    """Lets no file grow beyond so many bytes: the system refuses more as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Has another process at a training in a folder, which is killed in the end; gives its number."""
    ready = os.pipe()
    child = os.fork()
    if child == 0:
        with writing.Claim(folder, what="training"):
            os.write(ready[1], b".")
            signal.pause()
    os.close(ready[1])
    assert os.read(ready[0], 1) == b"."
    os.close(ready[0])
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
