"""The folders of the zoo: their names, where they are, what they hold, and where one may be written."""

from __future__ import annotations

import difflib
import hashlib
import os
from pathlib import Path
from typing import Any

from tfgen import checks, paths, reading, writing
from tfgen.zoo.numbers import check_number

__all__ = [
    "CHECKPOINT",
    "FILES",
    "RUN",
    "TRAINING",
    "check_place",
    "is_training",
    "locate",
    "names",
    "read_metrics",
    "read_run",
    "sha256_of",
]

FILES = ("model.keras", "recipe.yaml", "history.csv", "samples.png", "samples.wav", "README.md", "metrics.json")
"""The files of an entry."""

TRAINING, RUN, CHECKPOINT = "training", "run.json", "checkpoint.keras"
"""The folder, within an entry, of its training; and what it holds: how long it took, and its state."""


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
    wanted = "numbers as `tfgen.zoo.save` writes them"
    content = reading.read_json(path, wanted)
    wrong = _wrong_part(content)
    if wrong:
        raise ValueError(f"Expected {wanted} in {path}. Restore it, or write the entry again elsewhere. Received: {wrong}")
    for number in content["metrics"] if check else ():
        check_number(number, str(path))
    return content


_MODEL = {"class": str, "parameters": int, "bytes": int, "sha256": str}
_RUN = {"steps": int, "epochs": int, "minutes": (int, float), "hardware": str, "precision": str}


def _wrong_part(content: dict[str, Any]) -> str:
    """Says what of an entry's numbers is missing or of another kind; nothing for those that are well."""
    wrong = _wrong_value(content, {"model": dict, "training": (dict, type(None)), "metrics": list})
    wrong = wrong or _wrong_value(content["model"], _MODEL)
    return wrong or (_wrong_value(content["training"], _RUN) if content["training"] else "")


def _wrong_value(values: dict[str, Any], kinds: dict[str, Any]) -> str:
    for name, kind in kinds.items():
        if not isinstance(values.get(name, ...), kind):
            return f"{name}={values[name]!r:.100}" if name in values else f"no {name}"
    return ""


def read_run(folder: Path) -> dict[str, Any]:
    """Reads how long a training has taken so far.

    Args:
      folder: of the training.

    Returns:
      run: minutes, steps, epochs, precision, hardware.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it holds something else.
    """
    wanted = "a training's minutes and steps"
    run = reading.read_json(folder / RUN, wanted)
    wrong = _wrong_value(run, _RUN)
    if wrong:
        raise ValueError(f"Expected {wanted} in {folder / RUN}. Received: {wrong}")
    return run


def is_training(folder: Path) -> bool:
    """Tells whether a folder holds nothing but a training by a recipe.

    Args:
      folder: it need not be there.

    Returns:
      answer: True also for one that is new or empty.
    """
    try:
        begun = bool(read_run(folder))
    except (OSError, ValueError):
        begun = (folder / CHECKPOINT).is_file()
    return begun or not folder.exists() or (folder.is_dir() and not _own_names(folder))


def check_place(directory: str | os.PathLike[str], recipe: Path | None = None) -> Path:
    """Refuses to write an entry among somebody's own files.

    Args:
      directory: the entry, new or old.
      recipe: the file of the recipe that it is trained by, which may lie there.

    Returns:
      folder: its absolute path.

    Raises:
      ValueError: it is neither new nor empty, and neither an entry nor the folder of a training.

    Example:
      >>> import pathlib, tempfile
      >>> from tfgen.zoo.entries import check_place
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "README.md").write_text("mine")
      >>> check_place(folder)
      Traceback (most recent call last):
      ...
      ValueError: Expected a new or empty folder, or an entry of the zoo: nothing of yours is replaced. Received: ... README.md
    """
    folder = Path(os.path.abspath(Path(directory).expanduser()))
    allowed = {TRAINING} if is_training(folder / TRAINING) else set()
    if recipe is not None and recipe.resolve() == (folder / "recipe.yaml").resolve():
        allowed.add("recipe.yaml")
    own = folder.is_dir() and (set(_own_names(folder)) <= allowed or _is_entry(folder))
    writing.check_free(folder, own=own, what="an entry of the zoo")
    return folder


def _own_names(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if not name.startswith(".")]


def _is_entry(folder: Path) -> bool:
    try:
        with writing.settled(folder):
            read_metrics(folder, check=False)
    except (OSError, ValueError):
        return False
    return True
