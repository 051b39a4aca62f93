"""Finds data sets: an already prepared TFDS folder, then local idx files, then TFDS's own download.

Three environment variables steer it: `TFGEN_DATA_DIR` (a folder of idx files, or a TFDS data folder; asked first),
`TFDS_DATA_DIR` (TFDS's own, ~/tensorflow_datasets unless set) and `TFGEN_CACHE_DIR` (what is prepared here, ~/.cache/tfgen
unless set).
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tfgen import writing
from tfgen.data.audio import SPEECH
from tfgen.data.builder import local_fashion_mnist
from tfgen.data.drawn import NAMES
from tfgen.data.idx import FILES, find_idx_files

__all__ = ["cache_folder", "find_builder", "prepare_idx", "probe"]

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
PROBE_SECONDS = 5.0
FALLBACK_URL = "https://storage.googleapis.com/"  # where most TFDS downloads live, for data sets that do not say
_preparing = threading.Lock()
_ANSWERS_NOT_HEAD = (405, 501)


def cache_folder() -> Path:
    """Names the folder of what the library prepares: `TFGEN_CACHE_DIR`, or ~/.cache/tfgen.

    Returns:
      folder: it need not exist yet.

    Example:
      >>> cache_folder().is_absolute()
      True
    """
    return Path(os.environ.get("TFGEN_CACHE_DIR") or "~/.cache/tfgen").expanduser().absolute()


def find_builder(name: str) -> Any:
    """Finds a data set, prepares it if need be, and opens it through TFDS.

    The order: `TFGEN_DATA_DIR` (prepared TFDS folder or, for fashion_mnist, idx files), TFDS's own data folder, for
    fashion_mnist the idx files of Debian's package `dataset-fashion-mnist`, TFDS's own download.

    Args:
      name: a TFDS name, for example "fashion_mnist" or "cifar10".

    Returns:
      builder: a prepared `tfds.core.DatasetBuilder`.

    Raises:
      ValueError: TFDS knows no such name; the message suggests the nearest.
      FileNotFoundError: the data is nowhere and cannot be downloaded; the message says what to do.

    Example:
      >>> find_builder("fashion_mnits")
      Traceback (most recent call last):
        ...
      ValueError: Expected the name of a data set. Did you mean 'fashion_mnist'? Received: name='fashion_mnits'
    """
    import tensorflow_datasets as tfds

    own = os.path.expanduser(os.environ.get("TFGEN_DATA_DIR") or "")
    folders = [own] if own else []
    folders.append(os.path.expanduser(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))
    try:
        candidates = [tfds.builder(name, data_dir=folder) for folder in folders]
    except tfds.core.DatasetNotFoundError:
        raise ValueError(_unknown(name)) from None
    except (ValueError, AssertionError) as error:  # a wrong version or configuration
        raise ValueError(f"Expected the name of a TFDS data set. Received: name={name!r}. {error}") from error
    for folder, candidate in zip(folders, candidates, strict=True):
        if Path(candidate.data_dir, "dataset_info.json").is_file():
            return candidate
        if name == "fashion_mnist" and folder == own and find_idx_files(own):
            return prepare_idx(own)
    if name == "fashion_mnist" and find_idx_files(DEBIAN_FOLDER):
        return prepare_idx(DEBIAN_FOLDER)
    return _download(candidates[-1], name, folders)


def prepare_idx(source: str | Path) -> Any:
    """Prepares a TFDS folder from idx files, once: the folder's name holds a hash of the files' bytes.

    A kill leaves nothing half done, and two processes may do it at once.

    Args:
      source: folder of the four idx files.

    Returns:
      builder: a prepared `tfds.core.DatasetBuilder` named fashion_mnist.

    Raises:
      ValueError: a file is corrupted; the message names it.
      FileNotFoundError: a file is missing.

    Example:
      >>> prepare_idx("/nowhere")
      Traceback (most recent call last):
        ...
      FileNotFoundError: Expected the four idx files of Fashion-MNIST. Received: source='/nowhere'
    """
    import tensorflow_datasets as tfds

    digest = hashlib.sha256()
    for paths in (find_idx_files(source) or {}).values():
        for path in paths:
            digest.update(path.read_bytes())
    parent = cache_folder() / "tfds"
    final = parent / f"idx-{digest.hexdigest()[:16]}"
    builder = local_fashion_mnist()
    inside = Path(builder.name, str(builder.VERSION))
    with _preparing:
        if not (final / inside / "dataset_info.json").is_file():
            with writing.folder_aside(parent, final.name) as aside:
                with contextlib.redirect_stdout(io.StringIO()):  # TFDS says "Downloading"; its progress bars go to stderr
                    builder(source=source, data_dir=str(aside)).download_and_prepare()
                _put(aside, final)
    return tfds.builder_from_directory(final / inside)


def probe(url: str) -> str | None:
    """Asks within seconds whether a file can be downloaded; TFDS itself would retry silently for minutes.

    Args:
      url: address of a file.

    Returns:
      reason: why not, or None when the server answers.

    Example:
      >>> probe("http://127.0.0.1:9/") is None
      False
    """
    reasons: list[str | None] = []

    def ask() -> None:
        try:
            opener = urllib.request.build_opener()  # `urlopen` would keep the proxies of its first call
            with opener.open(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS):
                reasons.append(None)
        except urllib.error.HTTPError as error:
            reasons.append(None if error.code in _ANSWERS_NOT_HEAD else f"{url} answers {error.code} {error.reason}")
        except (OSError, ValueError) as error:
            reasons.append(f"{url} cannot be reached: {getattr(error, 'reason', error)}")

    thread = threading.Thread(target=ask, daemon=True)  # looking a name up has no time limit of its own
    thread.start()
    thread.join(PROBE_SECONDS)
    return reasons[0] if reasons else f"{url} does not answer within {PROBE_SECONDS:g} seconds"


def _download(builder: Any, name: str, folders: list[str]) -> Any:
    """Lets TFDS download, after a quick look whether it can."""
    url = next(iter(builder.url_infos or {}), FALLBACK_URL)
    reason, cause = probe(url), None
    if reason is None:
        try:
            builder.download_and_prepare()
            return builder
        except Exception as error:  # TFDS passes on whatever its many downloaders and parsers raise
            reason, cause = f"the download failed with {type(error).__name__}: {error}", error
    ways = f"a prepared TFDS folder (looked in {' and '.join(folders)}; name another by TFDS_DATA_DIR)"
    if name == "fashion_mnist":
        files = ", ".join(f"{file}.gz" for pair in FILES.values() for file in pair)
        ways += (
            f"; local idx files ({files}) in a folder named by TFGEN_DATA_DIR or in {DEBIAN_FOLDER} (Debian: `apt-get install "
            f"dataset-fashion-mnist`)"
        )
    small = ' `"fashion_mnist_small"` needs none of these.' if name == "fashion_mnist" else ""
    raise FileNotFoundError(
        f"The data set {name!r} needs one of: {ways}; or TFDS's own download, but {reason}.{small}"
    ) from cause


def _unknown(name: str) -> str:
    """Says that a name is unknown, and which known one is like it."""
    import tensorflow_datasets as tfds

    known = ["fashion_mnist_small", SPEECH, *NAMES, *tfds.list_builders(with_community_datasets=False)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "`tensorflow_datasets.list_builders()` lists them."
    return f"Expected the name of a data set. {hint} Received: name={name!r}"


def _put(aside: Path, final: Path) -> None:
    """Moves a prepared folder into place; when another process was faster, its folder stands."""
    try:
        writing.put_folder(aside, final)
    except OSError:
        if not final.is_dir():
            raise
