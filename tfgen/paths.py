"""Where the zoo and the serving kit are: beside the package in a clone, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["export_folder", "zoo_folder"]

_PACKAGE = Path(__file__).resolve().parent


def _content_folder(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def zoo_folder() -> Path:
    """Finds the folder that holds one folder per trained model.

    Returns:
      folder: `zoo/` of a clone, or `tfgen/_zoo/` of an installed wheel.

    Example:
      >>> import tfgen
      >>> tfgen.paths.zoo_folder().name in ("zoo", "_zoo")
      True
    """
    return _content_folder("zoo")


def export_folder() -> Path:
    """Finds the serving kit: the files that put an exported model behind TensorFlow Serving.

    Returns:
      folder: `export/` of a clone, or `tfgen/_export/` of an installed wheel.

    Example:
      >>> import tfgen
      >>> tfgen.paths.export_folder().name in ("export", "_export")
      True
    """
    return _content_folder("export")
