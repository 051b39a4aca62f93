"""Sound as a data set: folders of WAV files cut into windows, and the speech of Debian's asterisk-core-sounds-en-wav."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import tensorflow as tf

from tfgen import audio, checks
from tfgen.data.files import SOUNDS, find_files, list_files, number_classes
from tfgen.data.memory import Batching, batches, check_options, gather, view_images
from tfgen.data.rates import with_sample_rate

__all__ = ["SPEECH", "audio_windows", "cut_windows", "from_wav_folder", "read_sounds", "speech_folder"]

SPEECH = "asterisk_speech_8khz"
DEBIAN_FOLDER = "/usr/share/asterisk/sounds/en_US_f_Allison"
_LENGTH = 4096
_HELD_OUT = 10  # one file in so many
_SLACK = 1e-5  # floats round a little past the ends of the range
_SILENCE = "silence"  # a folder of recorded nothing, which would flatter every likelihood


def read_sounds(files: Sequence[Path], *, sample_rate: int | None = None, mono: bool = False) -> tuple[list[np.ndarray], int]:
    """Reads files of one sample rate, or brings them to one.

    Args:
      files: WAV files, at least one.
      sample_rate: the wanted rate, in Hz; None for the one that all files have.
      mono: whether several channels are mixed down to their mean.

    Returns:
      waveforms: (time, 1) float32 in [-1, 1], one of each file.
      sample_rate: of all of them, in Hz.

    Raises:
      ValueError: a file that is damaged, has several channels, leaves [-1, 1], or has another rate than those before it.

    Example:
      >>> import pathlib, tempfile, tfgen
      >>> file = pathlib.Path(tempfile.mkdtemp(), "a.wav")
      >>> tfgen.audio.write_wav(file, np.zeros((441, 2)), sample_rate=44100)
      >>> waveforms, rate = read_sounds([file], sample_rate=8000, mono=True)
      >>> waveforms[0].shape, rate
      ((80, 1), 8000)
    """
    waveforms, rate = [], sample_rate
    for file in files:
        waveform, found = audio.read_wav(file)
        channels = waveform.shape[1]
        waveform = waveform.mean(axis=1, keepdims=True) if mono else waveform
        if waveform.shape[1] != 1:
            raise ValueError(
                f"Expected files of one channel; mono=True mixes them down. Received: {file} with {channels} channels"
            )
        if not (np.abs(waveform) <= 1.0 + _SLACK).all():
            loudest = np.abs(waveform).max()
            raise ValueError(
                f"Expected sound in [-1, 1]: scale it and write it again. Received: {file} with values up to {loudest:g}"
            )
        rate = rate or found
        if sample_rate is not None:
            waveform = audio.resample(waveform, sample_rate=found, new_rate=sample_rate)
        elif found != rate:
            raise ValueError(
                f"Expected files of one sample rate; sample_rate={rate} brings them to one. Received: {file} at {found} Hz after "
                f"files at {rate} Hz"
            )
        waveforms.append(waveform)
    return waveforms, rate or 0


def cut_windows(waveforms: Sequence[np.ndarray], length: int, *, what: str = "the folder") -> np.ndarray:
    """Puts waveforms one after the other and cuts what they are together into windows; the rest at the end is left out.

    Args:
      waveforms: (time, 1) float32 each.
      length: samples of a window.
      what: what they are, for the message.

    Returns:
      windows: (n, length, 1) float32.

    Raises:
      ValueError: a length that is no positive integer, or not enough sound for one window.

    Example:
      >>> cut_windows([np.zeros((10, 1)), np.zeros((10, 1))], 8).shape
      (2, 8, 1)
    """
    length = checks.integer(length, "length", least=1)
    whole = np.concatenate([np.zeros((0, 1), np.float32), *waveforms])
    if len(whole) < length:
        raise ValueError(f"Expected sound for one window of {length} samples or more. Received: {len(whole)} samples in {what}")
    return whole[: len(whole) // length * length].reshape(-1, length, 1)


def from_wav_folder(
    path: str | os.PathLike[str],
    *,
    length: int,
    sample_rate: int | None = None,
    mono: bool = False,
    labels: bool = False,
    class_names: Sequence[str] | None = None,
    **batching: Unpack[Batching],
) -> tf.data.Dataset:
    """Loads a folder of WAV files, subfolders included, as windows of one length.

    Files are put one after the other in the order of their paths and cut; with labels, those of each class by themselves. Hidden ones are
    left out, and of sound in other formats a warning tells. The data set carries its sample rate (`tfgen.data.get_sample_rate`), which
    `fit` and its like compare with the model's.

    Args:
      path: the folder. With labels, each subfolder is a class (a speaker, say), numbered in alphabetic order.
      length: samples of a window.
      sample_rate: the rate, in Hz, to which files are resampled; None for the one that all of them have.
      mono: whether files of several channels are mixed down to their mean.
      labels: whether elements are pairs (waveforms, labels).
      class_names: the subfolders in the order of their numbers, for labels that do not follow the alphabet or whose folders may be empty
        or missing; they imply `labels`.
      **batching: `batch_size`, windows in a batch, of which the last may be shorter (8); `shuffle`, whether each epoch has an order of its
        own (True); `seed`, an integer of 64 bits (0).

    Returns:
      dataset: batches of waveforms (batch, length, 1) float32 in [-1, 1], or pairs of those and labels int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: no file, a damaged one, several rates or channels, too little sound, or class subfolders that cannot be numbered.
      FileNotFoundError: there is no such folder.

    Example:
      >>> import pathlib, tempfile, numpy as np, tfgen
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> tfgen.audio.write_wav(folder / "a.wav", np.zeros(100), sample_rate=8000)
      >>> data = tfgen.data.from_wav_folder(folder, length=40)
      >>> [batch.shape.as_list() for batch in data], tfgen.data.get_sample_rate(data)
      ([[2, 40, 1]], 8000)
    """
    options: dict[str, Any] = {"batch_size": 8, "shuffle": True, "seed": 0, **batching}
    check_options(view="8bit", **options)
    length = checks.integer(length, "length", least=1)
    if sample_rate is not None:
        sample_rate = checks.integer(sample_rate, "sample_rate", least=1)
    files = list_files(path, SOUNDS)
    numbers = number_classes(path, files, class_names) if labels or class_names is not None else None
    waveforms, rate = read_sounds(files, sample_rate=sample_rate, mono=mono)
    if numbers is None:
        return window_batches(cut_windows(waveforms, length), rate, **options)
    members = {number: np.flatnonzero(numbers == number) for number in np.unique(numbers)}
    groups = [cut_windows([waveforms[i] for i in rows], length, what=str(files[rows[0]].parent)) for rows in members.values()]
    classes = np.repeat(list(members), [len(group) for group in groups])
    return window_batches(np.concatenate(groups), rate, classes, **options)


def window_batches(windows: np.ndarray, sample_rate: int, labels: np.ndarray | None = None, **options: Any) -> tf.data.Dataset:
    """Makes batches of waveforms in memory."""
    show = view_images("8bit", seed=options["seed"], total=len(windows), fresh=False)  # floats pass as they are
    dataset = batches(gather(windows, labels), np.arange(len(windows), dtype=np.int64), show, **options)
    return with_sample_rate(dataset, sample_rate)


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
        if Path(folder).is_dir() and find_files(folder, SOUNDS):
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


def audio_windows(name: str) -> tuple[dict[str, np.ndarray], int]:
    """Reads the speech, cut into windows.

    One file in ten, by a hash of its path, is held out as the split "test". The folder of recorded silence is left out.

    Args:
      name: "asterisk_speech_8khz" (windows of 4096 samples, half a second), or "asterisk_speech_8khz/LENGTH".

    Returns:
      windows: split -> (n, length, 1) float32 in [-1, 1), not writeable.
      sample_rate: in Hz, 8000 unless TFGEN_DATA_DIR holds other files.

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
def _read_speech(folder: Path, length: int) -> tuple[dict[str, np.ndarray], int]:
    places = [file.relative_to(folder) for file in find_files(folder, SOUNDS)]
    places = [place for place in places if place.parts[0] != _SILENCE]
    waveforms, rate = read_sounds([folder / place for place in places])
    held_out = [is_held_out(place.as_posix()) for place in places]
    found = {}
    for split, wanted in (("train", False), ("test", True)):
        found[split] = cut_windows([w for w, is_test in zip(waveforms, held_out, strict=True) if is_test == wanted], length)
        found[split].setflags(write=False)
    return found, rate
