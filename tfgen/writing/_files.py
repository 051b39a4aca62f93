"""Single files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen.writing._disk import check_replaceable, flush, naming
from tfgen.writing._folders import make_aside

__all__ = ["whole_file", "write_json", "write_text"]


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a path to write a file to, and puts what was written there into its place at the end of the block.

    Whoever reads sees the old file or the new one, each whole, whatever happens to the writer. Of two who write at once the last
    one's stays.

    Args:
      path: the file; its folder is made if missing, a link is followed, the permissions of an old file are kept.

    Yields:
      aside: a path of the same name in a folder of its own; a file must be there when the block ends.

    Raises:
      OSError: it cannot be written; the message names `path`, and the old file is as it was.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> path = os.path.join(tempfile.mkdtemp(), "a.txt")
      >>> with writing.whole_file(path) as aside:
      ...     written = aside.write_text("whole")
      >>> open(path).read(), os.listdir(os.path.dirname(path))
      ('whole', ['a.txt'])
    """
    target = Path(os.path.realpath(Path(path).expanduser()))
    with naming(target):
        check_replaceable(target)
        with make_aside(target.parent, target.name) as folder:
            aside = folder / target.name
            yield aside
            if target.exists():
                shutil.copymode(target, aside)
            flush(aside)
            os.replace(aside, target)
            flush(target.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file in UTF-8, as `whole_file` does.

    Args:
      path: the file.
      text: its content.

    Raises:
      OSError: it cannot be written.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> writing.write_text(os.path.join(tempfile.mkdtemp(), "a.txt"), "whole")
    """
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Writes a JSON file, as `whole_file` does.

    Args:
      path: the file.
      content: what JSON can hold; no number that is not finite.

    Raises:
      OSError: it cannot be written.
      ValueError: a number is not finite.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> writing.write_json(os.path.join(tempfile.mkdtemp(), "a.json"), {"steps": 3})
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
