"""Numbered version folders that appear whole or not at all.

A server polls the folder and loads every integer name that it sees. So a version is written into a dot-folder beside its place
and renamed when it is whole. What a killed process leaves is such a dot-folder, which the next export removes: a lock, released
by the system when its holder dies, tells the dead ones from those that another process is writing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows has no such locks: left-overs stay, and servers ignore them
    fcntl = None

__all__ = ["check_version", "existing_versions", "publish", "staging_folder"]

_STAGING = re.compile(r"\.tmp-(next|[0-9]+)-[0-9]+-[0-9a-f]{8}")  # version, process, token
_LARGEST = 2**63 - 1  # a server reads the folder's name as int64


def existing_versions(directory: Path) -> list[int]:
    """Lists the version numbers that are taken, in increasing order, read as a server reads them ("007" is 7)."""
    names = os.listdir(directory) if directory.is_dir() else []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def check_version(directory: Path, version: int | None) -> None:
    """Refuses a number that cannot be a version, or is one already."""
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"`directory` must be a folder, or not exist yet. Received: directory={str(directory)!r}, a file")
    if version is None:
        return
    if isinstance(version, bool) or not isinstance(version, int):
        raise TypeError(f"`version` must be an integer, or None for the next free one. Received: version={version!r}")
    if not 1 <= version <= _LARGEST:
        raise ValueError(f"`version` must lie in [1, 2**63). Received: version={version}")
    if version in existing_versions(directory):
        raise _taken(directory, version)


def _taken(directory: Path, version: int) -> ValueError:
    return ValueError(
        f"`version` must be new: {str(directory)!r} holds {existing_versions(directory)}. Received: version={version}. "
        "Pass version=None for the next free one."
    )


@contextlib.contextmanager
def staging_folder(directory: Path, version: int | None) -> Iterator[Path]:
    """Makes a locked dot-folder to write in, and removes it in the end if it has not been published."""
    directory.mkdir(parents=True, exist_ok=True)
    _remove_left_overs(directory)
    label = "next" if version is None else version
    folder, lock = _locked_folder(directory, f".tmp-{label}-{os.getpid()}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def publish(folder: Path, directory: Path, version: int | None) -> Path:
    """Renames a whole folder to its number; of two processes that want one number, one gets it and the other goes on."""
    while True:
        number = max(existing_versions(directory), default=0) + 1 if version is None else version
        target = directory / str(number)
        try:
            os.rename(folder, target)  # fails when the target is there: a version folder is never empty
        except OSError:
            if not os.path.lexists(target):
                raise
            if version is not None:
                raise _taken(directory, version) from None
        else:
            return target


def _locked_folder(directory: Path, stem: str) -> tuple[Path, int | None]:
    while True:
        folder = directory / f"{stem}-{secrets.token_hex(4)}"
        folder.mkdir()
        lock = _lock(folder)
        if folder.is_dir():
            return folder, lock
        _unlock(lock)  # another export took it for a left-over before it was locked


def _remove_left_overs(directory: Path) -> None:
    for folder in directory.iterdir():
        if not _STAGING.fullmatch(folder.name):
            continue
        try:
            lock = _lock(folder, wait=False)
        except OSError:  # held by a live process, or just gone
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            _unlock(lock)


def _lock(folder: Path, wait: bool = True) -> int | None:
    """Locks a folder until `_unlock` or the end of the process; None where the file system has no locks."""
    locks: Any = fcntl
    if locks is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        locks.flock(descriptor, locks.LOCK_EX if wait else locks.LOCK_EX | locks.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
