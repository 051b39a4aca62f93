"""Which files of a folder are examples, and which classes its subfolders are: one rule for pictures and for sounds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfgen import checks

__all__ = ["PICTURES", "SOUNDS", "Kind", "class_folders", "find_files", "folder_classes", "list_files", "number_classes"]

_MACOS = "__MACOSX"  # what its archives hold beside the files


@dataclass(frozen=True)
class Kind:
    """What is looked for in a folder.

    Args:
      name: what messages call it.
      endings: of the files that are read, in small letters.
      others: of files that hold the same sort of thing and are not read; who has some is told.
    """

    name: str
    endings: tuple[str, ...]
    others: tuple[str, ...]


PICTURES = Kind(
    "pictures",
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".tga"),
    (".apng", ".avif", ".cr2", ".dds", ".dng", ".eps", ".exr", ".hdr", ".heic", ".heif", ".ico", ".j2k", ".jp2", ".jxl", ".nef",
     ".pcx", ".pfm", ".psd", ".qoi", ".svg", ".xcf"),
)  # fmt: skip
SOUNDS = Kind(
    "WAV files",
    (".wav", ".wave"),
    (".aac", ".aif", ".aiff", ".amr", ".au", ".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".ra", ".snd", ".sph",
     ".w64", ".wma", ".wv"),
)  # fmt: skip


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == _MACOS


def _walk(folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields every file that is not hidden, links followed, but for those that lead back to a folder above."""
    place = os.path.realpath(folder)
    if place in above:
        return
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir() and not _is_hidden(entry.name):
            yield from _walk(entry.path, (*above, place))
        elif (entry.is_file() or entry.is_symlink()) and not _is_hidden(entry.name):
            yield entry.path  # a link to nothing too: reading it says so


def _sort(path: str | os.PathLike[str], kind: Kind) -> tuple[list[Path], list[Path]]:
    """Lists files to read, and files of the same sort that cannot be read, each sorted by path."""
    folder = checks.path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a folder of {kind.name}. Received: path={str(path)!r}, which is no folder")
    files = sorted(Path(name).relative_to(folder).as_posix() for name in _walk(str(folder)))
    endings = [os.path.splitext(name)[1].lower() for name in files]
    named = list(zip(files, endings, strict=True))
    wanted, others = ([folder / name for name, end in named if end in known] for known in (kind.endings, kind.others))
    return wanted, others


def find_files(path: str | os.PathLike[str], kind: Kind) -> list[Path]:
    """Lists the files of a folder and its subfolders that can be read, perhaps none.

    Args:
      path: an existing folder.
      kind: what is looked for.

    Returns:
      files: sorted by path, none hidden or inside a hidden folder.

    Raises:
      FileNotFoundError: there is no such folder.

    Example:
      >>> import tempfile
      >>> find_files(tempfile.mkdtemp(), SOUNDS)
      []
    """
    return _sort(path, kind)[0]


def list_files(path: str | os.PathLike[str], kind: Kind) -> list[Path]:
    """Lists the files of a folder and its subfolders, and warns of those of the same sort that cannot be read.

    Args:
      path: an existing folder.
      kind: what is looked for.

    Returns:
      files: at least one, sorted by path, none hidden or inside a hidden folder.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: it holds none.

    Example:
      >>> import tempfile
      >>> list_files(tempfile.mkdtemp(), SOUNDS)  # doctest: +ELLIPSIS
      Traceback (most recent call last):
        ...
      ValueError: Expected a folder with WAV files (.wav, .wave). Received: path=..., which has none
    """
    files, others = _sort(path, kind)
    endings = ", ".join(sorted({file.suffix.lower() for file in others}))
    if not files:
        besides = f" but {len(others)} of {endings}: convert them" if others else ""
        raise ValueError(
            f"Expected a folder with {kind.name} ({', '.join(kind.endings)}). Received: path={str(path)!r}, which has none{besides}"
        )
    if others:
        warnings.warn(
            f"Left out of {path}: {len(others)} of {len(files) + len(others)} files, which cannot be read ({endings}), the first "
            f"{others[0]}. Convert them to {kind.endings[0]}",
            stacklevel=3,
        )
    return files


def class_folders(path: str | os.PathLike[str], files: Sequence[Path], class_names: Sequence[str] | None = None) -> list[str]:
    """Names the classes of a folder, in the order of their numbers.

    Args:
      path: the folder.
      files: what `list_files` found in it.
      class_names: the classes in order, with files or without; None for the subfolders in alphabetic order, each of which must then
        hold files: an empty one would move the numbers of all after it.

    Returns:
      names: one string per class.

    Raises:
      TypeError: the names are no list of strings.
      ValueError: a file outside of the classes' subfolders, a subfolder without files, or a name that is given twice.
    """
    folder = checks.path(path)
    inside = [file.relative_to(folder) for file in files]
    loose = next((file for file in inside if len(file.parts) == 1), None)
    if loose is not None:
        raise ValueError(f"Expected every file inside a subfolder named after its class. Received: {loose} directly in {path}")
    there = sorted({file.parts[0] for file in inside})
    if class_names is None:
        empty = sorted({entry.name for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry.name)} - {*there})
        if empty:
            raise ValueError(
                f"Expected files in each subfolder, since their order numbers the classes. Remove it, or say which classes there "
                f"are: class_names={there + empty[:1]}. Received: {folder / empty[0]} without any"
            )
        return there
    names = list(class_names)
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"Expected `class_names` as a list of strings. Received: class_names={class_names!r}")
    unknown = next((name for name in there if name not in names), None)
    if unknown is not None or len(set(names)) < len(names):
        received = f"class_names={names}" + (f" without {unknown!r}, of which there are files" if unknown is not None else "")
        raise ValueError(f"Expected `class_names` to name each subfolder with files once. Received: {received}")
    return names


def number_classes(path: str | os.PathLike[str], files: Sequence[Path], class_names: Sequence[str] | None = None) -> np.ndarray:
    """Numbers the class of each file.

    Args:
      path: the folder.
      files: what `list_files` found in it.
      class_names: the classes in order; None for the subfolders in alphabetic order.

    Returns:
      labels: (n,) int64.

    Raises:
      ValueError: as `class_folders`.
    """
    numbers = {name: number for number, name in enumerate(class_folders(path, files, class_names))}
    folder = checks.path(path)
    return np.array([numbers[file.relative_to(folder).parts[0]] for file in files], np.int64)


def folder_classes(path: str | os.PathLike[str]) -> list[str]:
    """Names the classes of a folder: its subfolders that hold pictures, or else WAV files, in alphabetic order.

    Args:
      path: the folder.

    Returns:
      names: one string per class.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: it holds no such file, a file outside of subfolders, or a subfolder without any.

    Example:
      >>> import pathlib, tempfile, PIL.Image
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> for name in ("dog", "cat"):
      ...     (folder / name).mkdir()
      ...     PIL.Image.new("L", (2, 2)).save(folder / name / "1.png")
      >>> folder_classes(folder)
      ['cat', 'dog']
    """
    files = find_files(path, PICTURES) or find_files(path, SOUNDS)
    if not files:
        raise ValueError(f"Expected a folder with pictures or WAV files. Received: path={str(path)!r}, which has none")
    return class_folders(path, files)
