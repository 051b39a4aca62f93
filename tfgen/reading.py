"""Reading files that somebody else may have written: what is damaged or hostile is refused in one sentence, before it does harm."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["check_archive", "read_json", "read_text"]

_LONGEST = 2**26  # bytes of a text file
# Keras stores what it packs, and a repacked file shrinks by a tenth: one that holds a hundred times its own size is none of both.
_UNPACKED, _TIMES = 2**28, 100
_WEIGHTS = "model.weights.h5"


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """Reads a text file in UTF-8.

    Args:
      path: the file.
      what: what it should hold, for the message.

    Returns:
      text: its content.

    Raises:
      ValueError: another encoding, or more than 64 MiB.
      OSError: it cannot be read.

    Example:
      >>> import pathlib, tempfile
      >>> from tfgen import reading
      >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
      >>> _ = path.write_bytes(b"caf" + bytes([233]))
      >>> reading.read_text(path, "a recipe")
      Traceback (most recent call last):
      ...
      ValueError: Expected a recipe, as text in UTF-8, in ...a.txt. Received: byte 0xe9 at position 3
    """
    if os.path.getsize(path) > _LONGEST:
        raise ValueError(f"Expected {what} in {path}. Received: {os.path.getsize(path)} bytes")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise ValueError(f"Expected {what}, as text in UTF-8, in {path}. Received: {byte}") from error


def read_json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Reads a JSON file that holds names and values.

    Args:
      path: the file.
      what: what it should hold, for the message.

    Returns:
      content: by name.

    Raises:
      ValueError: it holds something else.
      OSError: it cannot be read.

    Example:
      >>> import pathlib, tempfile
      >>> from tfgen import reading
      >>> path = pathlib.Path(tempfile.mkdtemp(), "a.json")
      >>> _ = path.write_text("[" * 100000)
      >>> reading.read_json(path, "the numbers of a card")
      Traceback (most recent call last):
      ...
      ValueError: Expected the numbers of a card in ...a.json. Received: RecursionError: ...
    """
    text = read_text(path, what)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected {what} in {path}. Received: {type(error).__name__}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Expected {what} in {path}, names and values. Received: a {type(content).__name__}")
    return content


def check_archive(path: str | os.PathLike[str]) -> Path:
    """Refuses a `.keras` file that would fill the memory, by the sizes that it declares, before anything of it is read.

    Args:
      path: the file; anything but a zip archive is left to who reads it.

    Returns:
      path: the same.

    Raises:
      ValueError: it, or the weights inside, would unpack to more than 256 MiB and a hundred times its size.

    Example:
      >>> import pathlib, tempfile, zipfile
      >>> from tfgen import reading
      >>> path = pathlib.Path(tempfile.mkdtemp(), "a.keras")
      >>> with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      ...     archive.writestr("model.weights.h5", bytes(2**29))
      >>> reading.check_archive(path)
      Traceback (most recent call last):
      ...
      ValueError: Expected a .keras file. Received: ...a.keras of 521,... bytes, which would unpack to 536,870,912
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(member.file_size for member in archive.infolist()))
            _check_size(path, _declared(archive))
    return Path(path)


def _check_size(path: str | os.PathLike[str], declared: int) -> None:
    size = os.path.getsize(path)
    if declared > max(_UNPACKED, _TIMES * size):
        raise ValueError(f"Expected a .keras file. Received: {path} of {size:,} bytes, which would unpack to {declared:,}")


def _declared(archive: zipfile.ZipFile) -> int:
    """Sums the sizes of all arrays of the weights: HDF5 fills what was never written with zeros, and packs on its own."""
    import h5py

    sizes = [0]

    def add(_: str, item: Any) -> None:
        sizes.append(item.size * item.dtype.itemsize if isinstance(item, h5py.Dataset) and item.size else 0)

    if _WEIGHTS in archive.namelist():
        try:
            with archive.open(_WEIGHTS) as file, h5py.File(file) as weights:
                weights.visititems(add)
        except (OSError, KeyError, RuntimeError):  # who reads it says what is damaged
            return 0
    return sum(sizes)
