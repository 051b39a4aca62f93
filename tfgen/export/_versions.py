"""Numbered version folders that appear whole or not at all: a server polls the folder and loads every integer name that it sees."""

from __future__ import annotations

import os
from pathlib import Path

from tfgen import writing

__all__ = ["check_version", "existing_versions", "publish"]

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


def publish(aside: Path, directory: Path, version: int | None) -> Path:
    """Renames a whole folder to its number; of two processes that want one number, one gets it and the other goes on."""
    while True:
        number = max(existing_versions(directory), default=0) + 1 if version is None else version
        target = directory / str(number)
        try:
            writing.put_folder(aside, target)  # fails when the target is there: a version folder is never empty
        except OSError:
            if not os.path.lexists(target):
                raise
            if version is not None:
                raise _taken(directory, version) from None
        else:
            return target
