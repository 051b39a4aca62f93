"""Folders that one is at work in alone, and folders that are somebody else's."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from tfgen.writing._folders import tidy
from tfgen.writing._locks import lock, release

__all__ = ["Claim", "check_free"]

_FILE = ".in-use"
_claims: dict[str, _Held] = {}  # by folder
_guard = threading.Lock()


@dataclass
class _Held:
    """A folder that this process has claimed."""

    lock: int | None
    holder: tuple[int, int]  # process, thread
    claims: int = 0


class Claim:
    """The right to be the only one at work in a folder. It ends by `release`, or with the process that holds it.

    The same thread may claim a folder several times; it is free again when all claims are released.

    Args:
      folder: made when it is claimed.
      what: what one is at there, for the message.

    Example:
      >>> import tempfile
      >>> from tfgen import writing
      >>> with writing.Claim(tempfile.mkdtemp(), what="training"):
      ...     pass
    """

    def __init__(self, folder: str | os.PathLike[str], *, what: str) -> None:
        self.folder, self.what = Path(folder).expanduser(), what
        self._key: str | None = None

    def take(self) -> None:
        """Claims the folder, and removes what the dead have left in it; a second time does nothing.

        Raises:
          ValueError: another process or thread is at work in it.
          OSError: it cannot be made.
        """
        if self._key is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        key, me = os.path.realpath(self.folder), (os.getpid(), threading.get_ident())
        with _guard:
            held = _claims.get(key)
            if held is None or held.holder[0] != me[0]:  # a forked child has its parent's table, and none of its claims
                held = _claims[key] = _Held(self._open(Path(key, _FILE)), me)
                tidy(Path(key))
            elif held.holder != me:
                raise self._refusal("another thread of this process")
            held.claims += 1
        self._key = key

    def release(self) -> None:
        """Lets others claim the folder; does nothing where it is not claimed."""
        key, self._key = self._key, None
        with _guard:
            held = _claims.get(key or "")
            if held is None or key is None or held.holder[0] != os.getpid():
                return
            held.claims -= 1
            if not held.claims:
                del _claims[key]
                Path(key, _FILE).unlink(missing_ok=True)
                release(held.lock)

    def __enter__(self) -> Claim:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _open(self, path: Path) -> int | None:
        """Locks a file; one that a killed process has left is one that nobody holds a lock on."""
        while True:
            try:
                held = lock(path, wait=False, flags=os.O_RDWR | os.O_CREAT)
            except BlockingIOError:
                raise self._refusal(f"process {self._holder(path)}") from None
            if held is None:  # no locks here
                return None
            if path.exists() and os.path.samestat(os.fstat(held), path.stat()):
                break
            release(held)  # its holder has just removed it
        with contextlib.suppress(OSError):  # the number is for the message alone
            os.truncate(held, 0)
            os.write(held, str(os.getpid()).encode())
        return held

    def _holder(self, path: Path) -> str:
        try:
            return path.read_text(encoding="ascii")[:20] or "unknown"
        except (OSError, ValueError):  # it has just ended
            return "unknown"

    def _refusal(self, holder: str) -> ValueError:
        return ValueError(
            f"Expected one {self.what} at a time in {self.folder}: wait until the other has ended, or choose another directory. "
            f"Received: {holder} is at work there"
        )


def check_free(folder: str | os.PathLike[str], *, own: bool, what: str) -> None:
    """Refuses to write among somebody's own files.

    Args:
      folder: where files would be written.
      own: whether what is there was written in this way before.
      what: what that would be, for the message.

    Raises:
      ValueError: it is neither new nor empty nor `own`. Names that begin with a dot do not count.

    Example:
      >>> import os, tempfile
      >>> from tfgen import writing
      >>> folder = tempfile.mkdtemp()
      >>> writing.check_free(folder, own=False, what="an entry of the zoo")
      >>> writing.write_text(os.path.join(folder, "README.md"), "mine")
      >>> writing.check_free(folder, own=False, what="an entry of the zoo")
      Traceback (most recent call last):
      ...
      ValueError: Expected a new or empty folder, or an entry of the zoo: nothing of yours is replaced. Received: ... README.md
    """
    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError(f"Expected a folder, or a path where nothing is. Received: {path}, a file")
    found = sorted(name for name in os.listdir(path) if not name.startswith(".")) if path.is_dir() else []
    if found and not own:
        held = ", ".join(found[:3]) + (", ..." if found[3:] else "")
        raise ValueError(
            f"Expected a new or empty folder, or {what}: nothing of yours is replaced. Received: {path}, which holds {held}"
        )
