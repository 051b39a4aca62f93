"""What reaches the disk, and what a failure on the way is called."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["check_replaceable", "flush", "flush_tree", "naming"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNFLUSHABLE = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)  # what file systems say that cannot flush a folder


def flush(path: Path) -> None:
    """Has the system write a file, or a folder's names, to the disk now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNFLUSHABLE:
            raise
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Flushes a folder, and all that is in it."""
    for place, _, names in os.walk(folder):
        for name in names:
            flush(Path(place, name))
        flush(Path(place))


def check_replaceable(path: Path) -> None:
    """Refuses what is no file, and a file that is protected: the permissions of its folder alone would let it be replaced."""
    code = errno.EISDIR if path.is_dir() else errno.EACCES if path.exists() and not os.access(path, os.W_OK) else None
    if code is not None:
        raise OSError(code, os.strerror(code), str(path))


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has a failure name the file that was to be written, not the one aside, and say that nothing is lost."""
    try:
        yield
    except Exception as error:
        # TensorFlow and HDF5 have kinds of their own for a full disk, and say the system's words
        full = next((code for code in _FULL if getattr(error, "errno", None) == code or os.strerror(code) in str(error)), None)
        # numpy's has no number; kinds of OSError without one are raised by those who have something to say themselves
        ours = (type(error) is OSError and error.errno is None) or ".writing-" in str(getattr(error, "filename", None))
        if full is None and not ours:
            raise
        code = full or getattr(error, "errno", None) or errno.EIO
        reason = os.strerror(code) if code != errno.EIO else str(error)
        raise OSError(code, f"{reason}; what was there before is as it was", str(path)) from error
