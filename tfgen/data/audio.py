"""Sound as a data set: folders of WAV files cut into windows, and the speech of Debian's asterisk-core-sounds-en-wav."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.audio import read_wav
from tfgen.data.memory import batches, check_options, gather, view_images

__all__ = ["SPEECH", "audio_windows", "cut_windows", "from_wav_folder", "list_wav_files", "speech_folder"]

SPEECH = "asterisk_speech_8khz"
DEBIAN_FOLDER = "/usr/share/asterisk/sounds/en_US_f_Allison"
_LENGTH = 4096
_HELD_OUT = 10  # one file in so many
_SILENCE = "silence"  # a folder of recorded nothing, which would flatter every likelihood


def list_wav_files(path: str | os.PathLike[str]) -> list[Path]:
    """Lists the WAV files of a folder and its subfolders, sorted by path; hidden ones are left out.

    Args:
      path: the folder.

    Returns:
      files: at least one.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: no WAV file is in it.

    Example:
      >>> list_wav_files("/nowhere")
      Traceback (most recent call last):
        ...
      FileNotFoundError: Expected a folder of WAV files. Received: path='/nowhere'
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a folder of WAV files. Received: path={os.fspath(path)!r}")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() == ".wav" and f.is_file() and not f.name.startswith("."))
    if not files:
        raise ValueError(f"Expected a folder with WAV files. Received: path={os.fspath(path)!r} without any")
    return files


def cut_windows(files: list[Path], length: int) -> tuple[np.ndarray, int]:
    """Reads files one after the other and cuts what they are together into windows; the rest at the end is left out.

    Args:
      files: WAV files of one channel and one sample rate.
      length: samples of a window.

    Returns:
      windows: (n, length, 1) float32 in [-1, 1).
      sample_rate: in Hz.

    Raises:
      ValueError: a length that is no positive integer, files of several channels or rates, or not enough sound for one window.

    Example:
      >>> import pathlib, tempfile, tfgen
      >>> file = pathlib.Path(tempfile.mkdtemp(), "a.wav")
      >>> tfgen.audio.write_wav(file, np.zeros(10), sample_rate=8000)
      >>> cut_windows([file, file], 8)[0].shape
      (2, 8, 1)
    """
    length = checks.integer(length, "length", least=1)
    parts, rate = [], 0
    for file in files:
        waveform, found = read_wav(file)
        if waveform.shape[1] != 1 or (rate and found != rate):
            raise ValueError(
                f"Expected files of one channel, all with one sample rate. Received: {file} with {waveform.shape[1]} "
                f"channels at {found} Hz" + (f" after files at {rate} Hz" if rate else "")
            )
        parts.append(waveform)
        rate = found
    whole = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    if len(whole) < length:
        raise ValueError(f"Expected sound for one window of {length} samples or more. Received: {len(whole)} samples")
    return whole[: len(whole) // length * length].reshape(-1, length, 1), rate


def from_wav_folder(
    path: str | os.PathLike[str],
    *,
    length: int,
    labels: bool = False,
    batch_size: int = 8,
    shuffle: bool = True,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads a folder of WAV files, subfolders included, as windows of one length.

    Files of 16 bits and one channel are put one after the other in the order of their paths and cut; with labels, those of each
    class by themselves.

    Args:
      path: the folder. With labels, each subfolder is a class (a speaker, say), numbered in alphabetic order.
      length: samples of a window.
      labels: whether elements are pairs (waveforms, labels).
      batch_size: number of windows in a batch; the last batch may be shorter.
      shuffle: whether each epoch has an order of its own.
      seed: an integer of 64 bits.

    Returns:
      dataset: batches of waveforms (batch, length, 1) float32 in [-1, 1), or pairs of those and labels int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: no file, a damaged one, several rates or channels, too little sound, or no class subfolders.
      FileNotFoundError: there is no such folder.

    Example:
      >>> import pathlib, tempfile, numpy as np, tfgen
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> tfgen.audio.write_wav(folder / "a.wav", np.zeros(100), sample_rate=8000)
      >>> [batch.shape.as_list() for batch in tfgen.data.from_wav_folder(folder, length=40)]
      [[2, 40, 1]]
    """
    check_options(batch_size=batch_size, view="8bit", shuffle=shuffle, seed=seed)
    files = list_wav_files(path)
    if not labels:
        return window_batches(cut_windows(files, length)[0], batch_size=batch_size, shuffle=shuffle, seed=seed)
    classes = sorted({file.relative_to(path).parts[0] for file in files if len(file.relative_to(path).parts) > 1})
    if not classes:
        raise ValueError(f"Expected one subfolder for each class. Received: path={os.fspath(path)!r} without subfolders")
    groups = [cut_windows([f for f in files if f.relative_to(path).parts[0] == name], length)[0] for name in classes]
    numbers = np.repeat(np.arange(len(classes)), [len(group) for group in groups])
    return window_batches(np.concatenate(groups), numbers, batch_size=batch_size, shuffle=shuffle, seed=seed)


def window_batches(windows: np.ndarray, labels: np.ndarray | None = None, **options: Any) -> tf.data.Dataset:
    """Makes batches of waveforms in memory."""
    show = view_images("8bit", seed=options["seed"], total=len(windows), fresh=False)  # floats pass as they are
    return batches(gather(windows, labels), np.arange(len(windows), dtype=np.int64), show, **options)


# ---- the speech ----


def speech_folder() -> Path:
    """Finds the speech: `TFGEN_DATA_DIR`, if it holds WAV files, or where Debian's package puts them.

    Returns:
      folder: it holds WAV files.

    Raises:
      FileNotFoundError: the package is not there; the message says how to install it.

    Example:
      >>> import os, tempfile, numpy as np, tfgen
      >>> os.environ["TFGEN_DATA_DIR"] = tempfile.mkdtemp()
      >>> tfgen.audio.write_wav(os.environ["TFGEN_DATA_DIR"] + "/a.wav", np.zeros(9), sample_rate=8000)
      >>> speech_folder() == Path(os.environ.pop("TFGEN_DATA_DIR"))
      True
    """
    own = os.path.expanduser(os.environ.get("TFGEN_DATA_DIR") or "")
    for folder in filter(None, (own, DEBIAN_FOLDER)):
        if Path(folder).is_dir() and next(Path(folder).rglob("*.wav"), None) is not None:
            return Path(folder)
    raise FileNotFoundError(
        f"The data set {SPEECH!r} needs the WAV files of Debian's package asterisk-core-sounds-en-wav (`apt-get install "
        f"asterisk-core-sounds-en-wav` puts them in {DEBIAN_FOLDER}), or a folder that holds them, named by TFGEN_DATA_DIR"
    )


def is_speech(name: Any) -> bool:
    """Tells whether `load` means the speech, "asterisk_speech_8khz" or "asterisk_speech_8khz/LENGTH"."""
    return isinstance(name, str) and name.split("/")[0] == SPEECH


def is_held_out(place: str) -> bool:
    """Tells whether a file belongs to the test split: a hash of its path, so that more files move none."""
    return int.from_bytes(hashlib.sha256(place.encode()).digest()[:8], "big") % _HELD_OUT == 0


def audio_windows(name: str) -> dict[str, np.ndarray]:
    """Reads the speech, cut into windows.

    One file in ten, by a hash of its path, is held out as the split "test". The folder of recorded silence is left out.

    Args:
      name: "asterisk_speech_8khz" (windows of 4096 samples, half a second), or "asterisk_speech_8khz/LENGTH".

    Returns:
      windows: split -> (n, length, 1) float32 in [-1, 1), not writeable.

    Raises:
      ValueError: the length is no positive integer, or longer than a split.
      FileNotFoundError: the package is not there; the message says how to install it.

    Example:
      >>> audio_windows("asterisk_speech_8khz/long")
      Traceback (most recent call last):
        ...
      ValueError: Expected 'asterisk_speech_8khz', or with samples a window 'asterisk_speech_8khz/4096'. Received: ...
    """
    length = name.removeprefix(SPEECH).removeprefix("/") or str(_LENGTH)
    if not length.isdecimal() or int(length) < 1:
        raise ValueError(f"Expected {SPEECH!r}, or with samples a window '{SPEECH}/{_LENGTH}'. Received: name={name!r}")
    return _read_speech(speech_folder(), int(length))


@functools.lru_cache(maxsize=4)
def _read_speech(folder: Path, length: int) -> dict[str, np.ndarray]:
    files: dict[str, list[Path]] = {"train": [], "test": []}
    for file in list_wav_files(folder):
        place = file.relative_to(folder)
        if place.parts[0] != _SILENCE:
            files["test" if is_held_out(place.as_posix()) else "train"].append(file)
    found = {split: cut_windows(members, length)[0] for split, members in files.items()}
    for windows in found.values():
        windows.setflags(write=False)
    return found
