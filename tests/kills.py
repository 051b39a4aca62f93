"""Kills a writer at each of its changes to the disk: a forked process dies when it is about to make one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

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
