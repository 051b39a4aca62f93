"""The folders of the zoo: their names, where they are, what they hold, and how files get into them."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgen import checks, paths
from tfgen.zoo.numbers import check_number

__all__ = ["FILES", "locate", "names", "read_metrics", "sha256_of", "write_entry"]

FILES = ("model.keras", "recipe.yaml", "history.csv", "samples.png", "samples.wav", "README.md", "metrics.json")
"""The files of an entry, in the order in which they are put into place."""


def names() -> list[str]:
    """Lists the zoo.

    Returns:
      names: sorted; each is what `load`, `card`, `build` and `train` take.

    Example:
      >>> import tfgen
      >>> "vae-fashion-mnist" in tfgen.zoo.names()
      True
    """
    folder = paths.zoo_folder()
    return sorted(path.parent.name for path in folder.glob("*/recipe.yaml")) if folder.is_dir() else []


def locate(name: str | os.PathLike[str]) -> Path:
    """Finds the folder of a zoo model.

    Args:
      name: a zoo name, or the path of a folder that `tfgen.zoo.save` or `tfgen.zoo.train` wrote.

    Returns:
      folder: an existing folder.

    Raises:
      FileNotFoundError: neither exists; the nearest name is suggested.

    Example:
      >>> from tfgen.zoo.entries import locate
      >>> locate("vae-fashion-mnits")
      Traceback (most recent call last):
      ...
      FileNotFoundError: No model of this name in the zoo, and no such folder. Did you mean 'vae-fashion-mnist'? ...
    """
    known = names()
    if str(name) in known:
        return paths.zoo_folder() / str(name)
    path = checks.path(name, "name")
    if path.is_dir():
        return path
    near = difflib.get_close_matches(str(name), known, 1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise FileNotFoundError(
        f"No model of this name in the zoo, and no such folder. {hint}`tfgen list` shows all. Received: {name}"
    )


def sha256_of(path: Path) -> str:
    """Computes the sha256 of a file.

    Args:
      path: the file.

    Returns:
      sha256: 64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metrics(folder: Path, *, check: bool = True) -> dict[str, Any]:
    """Reads the numbers of an entry.

    Args:
      folder: the entry.
      check: whether to refuse numbers that lack their protocol; loading the weights needs none of them.

    Returns:
      content: {"model": {class, parameters, bytes, sha256}, "training": {...} or None, "metrics": [one dict a number]}.

    Raises:
      FileNotFoundError: there is no trained model in the folder.
      ValueError: `metrics.json` is not what `tfgen.zoo.save` writes, or holds a number without its protocol or of another
        feature space than the frozen one.
    """
    path = folder / "metrics.json"
    if not path.is_file() or not (folder / "model.keras").is_file():
        missing = "model.keras" if not (folder / "model.keras").is_file() else "metrics.json"
        name = folder.name if folder.parent == paths.zoo_folder() else folder
        raise FileNotFoundError(
            f"There is no trained model in this folder, or its writing was interrupted. `tfgen train {name}` trains it, and "
            f"`tfgen.zoo.save` writes one. Received: {folder} without {missing}"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = {"model", "training", "metrics"} - set(content) or {"sha256"} - set(content["model"])
        if missing:
            raise ValueError(f"no {min(missing)}")
        numbers = list(content["metrics"])
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Expected {path} as `tfgen.zoo.save` writes it. Restore it, or write the entry again. Received: {error!r}"
        ) from error
    for number in numbers if check else ():
        check_number(number, str(path))
    return content


def write_entry(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Writes the files of an entry aside and puts them into place when all are whole.

    A new folder appears in one step. In an existing folder `metrics.json` is removed first and put into place last: whatever a
    kill leaves in between, `load` refuses. Files of an older entry that the new one lacks are removed; other files stay.

    Args:
      folder: the entry.
      fill: writes files into the folder that it is given.

    Returns:
      folder: the entry.
    """
    folder = Path(os.path.abspath(folder))
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Expected a folder, or a path where nothing is. Received: {folder}, a file")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f".{folder.name}-{os.getpid()}-{secrets.token_hex(4)}"
    aside.mkdir()
    try:
        fill(aside)
        if not folder.exists():
            os.rename(aside, folder)
        else:
            (folder / FILES[-1]).unlink(missing_ok=True)
            for name in FILES:
                if (aside / name).exists():
                    os.replace(aside / name, folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder
