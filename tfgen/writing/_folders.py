"""Folders, and files that belong together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfgen.writing._disk import check_replaceable, flush, flush_tree, naming
from tfgen.writing._locks import lock, locked, release

__all__ = ["folder_aside", "make_aside", "put_folder", "settled", "tidy", "whole_files"]

_ASIDE = re.compile(r"\..+\.(writing|placing)-[0-9]+-[0-9a-f]{8}")  # name, process, token
_PLAN = ".plan.json"  # in a folder that is being put into place: what goes where


@contextlib.contextmanager
def folder_aside(parent: str | os.PathLike[str], name: str) -> Iterator[Path]:
    """Makes a locked dot-folder to write in, and removes it at the end of the block if it has not been put into place.

    Args:
      parent: where it is made, the folder of what will be written; made if missing. What the dead have left there is removed.
      name: of what will be written.

    Yields:
      aside: an empty folder.

    Raises:
      OSError: it cannot be written; the message names `parent`.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> parent = tempfile.mkdtemp()
      >>> with writing.folder_aside(parent, "a") as aside:
      ...     made = aside.is_dir()
      >>> made, os.listdir(parent)
      (True, [])
    """
    with naming(Path(parent)), make_aside(Path(parent), name) as aside:
        yield aside


@contextlib.contextmanager
def make_aside(parent: Path, name: str) -> Iterator[Path]:
    """Does what `folder_aside` does; the caller says what a failure is called."""
    parent.mkdir(parents=True, exist_ok=True)
    tidy(parent)
    stem = name.encode()[:100].decode(errors="ignore")  # a file's name may be as long as a name can be
    while True:
        aside = parent / f".{stem}.writing-{os.getpid()}-{secrets.token_hex(4)}"
        aside.mkdir()
        held = lock(aside)
        if aside.is_dir():
            break
        release(held)  # another writer took it for a left-over before it was locked
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        release(held)


def put_folder(aside: Path, target: Path) -> None:
    """Flushes a whole folder and renames it.

    Args:
      aside: what `folder_aside` has given.
      target: where nothing is yet, in the same parent.

    Raises:
      OSError: it cannot be written, or there is something in its place.

    Example:
      >>> import os, pathlib, tempfile
      >>> from tfgen import writing
      >>> parent = pathlib.Path(tempfile.mkdtemp())
      >>> with writing.folder_aside(parent, "a") as aside:
      ...     writing.put_folder(aside, parent / "a")
      >>> os.listdir(parent)
      ['a']
    """
    with naming(target):
        flush_tree(aside)
        os.rename(aside, target)
        flush(target.parent)


@contextlib.contextmanager
def whole_files(folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> Iterator[Path]:
    """Gives a folder to write files into that belong together, and puts them into place together at the end of the block.

    A new folder appears in one step. In an old one the files are replaced one after the other; the next who writes or reads there
    (by `settled`) finishes what a killed writer has begun. Other files stay.

    Args:
      folder: made if missing, a link is followed.
      names: the files that there may be: those that were not written are removed from an old folder, and nothing else is put
        there. None puts all that was written, and removes nothing.

    Yields:
      aside: an empty folder.

    Raises:
      ValueError: `folder` is a file.
      OSError: it cannot be written; the message names `folder`, and the old files are as they were.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> folder = os.path.join(tempfile.mkdtemp(), "pair")
      >>> with writing.whole_files(folder) as aside:
      ...     written = [(aside / name).write_text("whole") for name in ("a", "b")]
      >>> sorted(os.listdir(folder))
      ['a', 'b']
    """
    target = Path(os.path.realpath(Path(folder).expanduser()))
    if target.exists() and not target.is_dir():
        raise ValueError(f"Expected a folder, or a path where nothing is. Received: {target}, a file")
    if target.is_dir():
        tidy(target.parent)  # where it was written when it was new
    with naming(target), make_aside(target if target.is_dir() else target.parent, target.name) as aside:
        yield aside
        if not target.is_dir():
            try:
                put_folder(aside, target)
                return
            except OSError:
                if not target.is_dir():  # else another writer was faster
                    raise
        _exchange(aside, target, names)


@contextlib.contextmanager
def settled(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Finishes what a killed `whole_files` has begun in a folder, and lets none begin while the block reads.

    Args:
      folder: that is read; it need not be there. The block must not write there by `whole_files`.

    Raises:
      OSError: what was begun cannot be finished.

    Example:
      >>> import tempfile
      >>> from tfgen import writing
      >>> with writing.settled(tempfile.mkdtemp()):
      ...     pass
    """
    folder = Path(os.path.realpath(folder))
    if not folder.is_dir():
        yield
        return
    _finish(folder)
    with locked(folder, shared=True):
        yield


def _names(folder: Path) -> list[str]:
    """Lists a folder; one that may be written to and not read is taken for an empty one."""
    try:
        return sorted(os.listdir(folder))
    except PermissionError:
        return []


def _exchange(aside: Path, folder: Path, names: Sequence[str] | None) -> None:
    """Puts the files of a folder aside into an old folder: from the moment when it is renamed there, others can finish it."""
    given = sorted(path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file())
    put = [name for name in given if names is None or name in names]
    drop = [name for name in names or () if name not in given]
    for name in (*put, *drop):
        check_replaceable(folder / name)
    (aside / _PLAN).write_text(json.dumps({"put": put, "drop": drop}), encoding="utf-8")
    flush_tree(aside)
    stem, _, rest = aside.name.rpartition(".writing-")
    begun = folder / f"{stem}.placing-{rest}"
    with locked(folder):
        _finish_all(folder)
        os.rename(aside, begun)
        flush(folder)
        _finish_one(begun)


def _finish(folder: Path) -> None:
    """Completes what killed writers have begun; waits for living ones to complete it themselves."""
    if any(found and found[1] == "placing" for found in map(_ASIDE.fullmatch, _names(folder))):
        with locked(folder):
            _finish_all(folder)


def _finish_all(folder: Path) -> None:
    for name in _names(folder):
        found = _ASIDE.fullmatch(name)
        if found and found[1] == "placing":
            _finish_one(folder / name)


def _finish_one(begun: Path) -> None:
    """Moves what has not been moved yet; without locks two may do it at once, and each moves what the other has not."""
    folder = begun.parent
    if (begun / _PLAN).is_file():  # else all has been moved, and only the removal was interrupted
        put, drop = _read_plan(begun / _PLAN)
        for name in drop:
            (folder / name).unlink(missing_ok=True)
        for name in put:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.replace(begun / name, folder / name)
        flush(folder)
    shutil.rmtree(begun, ignore_errors=True)


def _read_plan(path: Path) -> tuple[list[str], list[str]]:
    """Reads what goes where; the folder may be one that somebody has sent, and must not reach out of itself."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        put, drop = [str(name) for name in plan["put"]], [str(name) for name in plan["drop"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"Expected what tfgen writes: delete {path.parent}. Received: {error!r}") from error
    for name in (*put, *drop):
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise ValueError(f"Expected files of one folder: delete {path.parent}. Received: {name!r}")
    return put, drop


def tidy(folder: Path) -> None:
    """Removes what the dead were writing, and finishes what they were putting into place."""
    for name in _names(folder):
        found = _ASIDE.fullmatch(name)
        if found is None or found[1] == "placing":
            continue
        try:
            held = lock(folder / name, wait=False)
        except OSError:  # a living writer holds it
            continue
        if held is not None:
            shutil.rmtree(folder / name, ignore_errors=True)
            release(held)
    _finish(folder)
