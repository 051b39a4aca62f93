"""The folders of the zoo: their names, and where they are."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from tfgen import paths

__all__ = ["locate", "names"]


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
    """
    folder = paths.zoo_folder() / str(name)
    if str(name) in names():
        return folder
    path = Path(name)
    if path.is_dir():
        return path
    near = difflib.get_close_matches(str(name), names(), 1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise FileNotFoundError(f"No model of this name in the zoo, and no such folder. {hint}`tfgen list` shows all. Received: {name}")
