"""`save` and `save_weights` of every model: a file is the old one or the new one, whole."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

from tfgen import writing

__all__ = ["SavingMixin"]


class _Memory(io.BytesIO):
    """A file in memory that Keras takes for one of weights: when a disk is full, HDF5 ends the process that writes to it."""

    def __str__(self) -> str:
        return "model.weights.h5"


def _is_local(path: Any, overwrite: bool) -> bool:
    """Tells the path of a file on this machine from what only Keras knows how to write to."""
    local = isinstance(path, (str, os.PathLike)) and "://" not in str(path)
    if local and not overwrite and Path(path).expanduser().exists():
        raise FileExistsError(f"Expected a path where nothing is, because overwrite=False. Received: {path}")
    return local


class SavingMixin:
    """Keras's methods that write; callbacks, the zoo and the command line save through them."""

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **keywords: Any) -> None:
        """Saves the model as `keras.Model.save` does; a kill or a full disk leaves the old file as it was.

        Args:
          filepath: a path that ends in .keras, or a folder's with `zipped=False`.
          overwrite: whether an old file is replaced.
          zipped: False for a folder of files in place of one file.
          **keywords: as in Keras.

        Raises:
          FileExistsError: there is a file, and `overwrite` is False.
          OSError: it cannot be written; the message names `filepath`.
          ValueError: another ending.
        """
        save = super().save  # type: ignore[misc]
        is_file = str(filepath).endswith((".keras", ".h5", ".hdf5"))
        if not _is_local(filepath, overwrite) or is_file == (zipped is False):
            save(filepath, overwrite=overwrite, zipped=zipped, **keywords)  # or says what a path ends in
        elif zipped is False:
            with writing.whole_files(filepath) as aside:
                save(aside / "whole.keras", **keywords)
                with zipfile.ZipFile(aside / "whole.keras") as archive:
                    archive.extractall(aside)
                (aside / "whole.keras").unlink()
        else:
            with writing.whole_file(filepath) as aside:
                save(aside, zipped=zipped, **keywords)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Saves the weights as `keras.Model.save_weights` does; a kill or a full disk leaves the old file as it was.

        Args:
          filepath: a path that ends in .weights.h5, or in .weights.json with `max_shard_size`.
          overwrite: whether an old file is replaced.
          max_shard_size: GB of the largest file, of several; None for one file.

        Raises:
          FileExistsError: there is a file, and `overwrite` is False.
          OSError: it cannot be written; the message names `filepath`.
          ValueError: another ending.
        """
        save_weights = super().save_weights  # type: ignore[misc]
        known = str(filepath).endswith(".weights.h5" if max_shard_size is None else (".weights.h5", ".weights.json"))
        if not _is_local(filepath, overwrite) or not known:
            save_weights(filepath, overwrite=overwrite, max_shard_size=max_shard_size)
        elif max_shard_size is None:
            with writing.whole_file(filepath) as aside, _Memory() as memory:
                save_weights(memory)
                aside.write_bytes(memory.getvalue())
        else:
            path = Path(filepath).expanduser()
            with writing.whole_files(path.parent) as aside:
                save_weights(aside / path.name, max_shard_size=max_shard_size)
