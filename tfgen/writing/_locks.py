"""Locks that die with their holder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["lock", "locked", "release"]

_held: set[int] = set()  # descriptors


def _forget() -> None:
    """Closes a forked child's copies of the locks: each would outlive its holder for as long as the child runs."""
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def lock(path: Path, *, wait: bool = True, shared: bool = False, flags: int = os.O_RDONLY) -> int | None:
    """Opens a file or folder and locks it until `release`, or the end of the process.

    Returns None where there is nothing, or where the file system has no locks.
    """
    locks: Any = fcntl
    if locks is None:
        return None
    try:
        descriptor = os.open(path, flags, 0o666)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        locks.flock(descriptor, (locks.LOCK_SH if shared else locks.LOCK_EX) | (0 if wait else locks.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    _held.add(descriptor)
    return descriptor


def release(descriptor: int | None) -> None:
    """Ends a lock."""
    if descriptor is not None and descriptor in _held:
        _held.discard(descriptor)
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock of a folder for a block; waits for it."""
    held = lock(folder, shared=shared)
    try:
        yield
    finally:
        release(held)
