"""Sound as numbers: mu-law codes, and WAV files of 16 bits."""

from __future__ import annotations

import functools
import os
import wave
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks, writing

__all__ = ["mu_law_decode", "mu_law_edges", "mu_law_encode", "read_wav", "write_wav"]

_FULL_SCALE = 32768  # of 16 bits


def _expand(companded: np.ndarray, levels: int) -> np.ndarray:
    """Inverts the compression: `x = sign(f) ((1 + m)**|f| - 1) / m` with `m = levels - 1`."""
    return np.sign(companded) * np.expm1(np.abs(companded) * np.log(levels)) / (levels - 1)


@functools.lru_cache(typed=True)
def _tables(levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Computes the edges between codes, (levels - 1,), and the value of each code, (levels,); both increase."""
    checks.integer(levels, "levels", least=2, most=65536)
    edges = _expand(2.0 * np.arange(1, levels) / levels - 1.0, levels).astype(np.float32)
    values = _expand((2.0 * np.arange(levels) + 1.0) / levels - 1.0, levels).astype(np.float32)
    for table in (edges, values):
        table.setflags(write=False)
    return edges, values


def mu_law_edges(levels: int = 256) -> np.ndarray:
    """Lists the values at which a mu-law code begins: code k holds `edges[k - 1] <= x < edges[k]`.

    Args:
      levels: number of codes.

    Returns:
      edges: (levels - 1,) float32, increasing, in (-1, 1).

    Raises:
      ValueError: fewer than 2 codes.

    Example:
      >>> import tfgen
      >>> float(tfgen.audio.mu_law_edges()[127])
      0.0
    """
    return _tables(levels)[0]


def mu_law_encode(x: Any, *, levels: int = 256) -> tf.Tensor:
    """Turns a waveform into mu-law codes, which are narrow for quiet sounds and wide for loud ones.

    `code = floor((f(x) + 1) / 2 * levels)`, at most `levels - 1`, where `f(x) = sign(x) log(1 + m |x|) / log(1 + m)` and
    `m = levels - 1`. Computed by comparing with the codes' edges, so that every device and number format agrees.

    Args:
      x: waveform of any shape, in [-1, 1].
      levels: number of codes.

    Returns:
      codes: int32 of the same shape, in [0, levels).

    Raises:
      ValueError: fewer than 2 codes.

    Example:
      >>> import tfgen
      >>> tfgen.audio.mu_law_encode([-1.0, 0.0, 1.0]).numpy().tolist()
      [0, 128, 255]

    Reference: ITU-T, 1988, Recommendation G.711; van den Oord et al., 2016, WaveNet, arXiv 1609.03499, section 2.2.
    """
    x = tf.cast(tf.convert_to_tensor(x), tf.float32)
    flat = tf.searchsorted(tf.constant(mu_law_edges(levels)), tf.reshape(x, [-1]), side="right")
    return tf.reshape(flat, tf.shape(x))


def mu_law_decode(codes: Any, *, levels: int = 256) -> tf.Tensor:
    """Turns mu-law codes into a waveform; `mu_law_encode` gives the same codes back.

    `x = sign(f) ((1 + m)**|f| - 1) / m` with `f = (2 code + 1) / levels - 1` and `m = levels - 1`.

    Args:
      codes: integers of any shape, in [0, levels).
      levels: number of codes.

    Returns:
      x: float32 of the same shape, in (-1, 1).

    Raises:
      ValueError: fewer than 2 codes.

    Example:
      >>> import tfgen
      >>> tfgen.audio.mu_law_encode(tfgen.audio.mu_law_decode([3, 200])).numpy().tolist()
      [3, 200]

    Reference: ITU-T, 1988, Recommendation G.711; van den Oord et al., 2016, WaveNet, arXiv 1609.03499, section 2.2.
    """
    return tf.gather(tf.constant(_tables(levels)[1]), tf.cast(tf.convert_to_tensor(codes), tf.int32))


def read_wav(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Reads a WAV file of 16 bits.

    Args:
      path: the file.

    Returns:
      waveform: (time, channels) float32 in [-1, 1), `k / 32768`.
      sample_rate: in Hz.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no WAV file of 16 bits, or it is damaged.

    Example:
      >>> import os, tempfile, numpy as np, tfgen
      >>> path = os.path.join(tempfile.mkdtemp(), "tone.wav")
      >>> tfgen.audio.write_wav(path, np.array([[0.0], [0.5]]), sample_rate=8000)
      >>> tfgen.audio.read_wav(path)[0].tolist()
      [[0.0], [0.5]]
    """
    try:
        with wave.open(os.fspath(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames, count = file.readframes(file.getnframes()), file.getnframes()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"Expected a WAV file of 16 bits. Received: {path}: {error}") from error
    if width != 2 or len(frames) != 2 * channels * count:
        received = f"{8 * width} bits" if width != 2 else f"{len(frames)} bytes where its header says {2 * channels * count}"
        raise ValueError(f"Expected a whole WAV file of 16 bits. Received: {path} with {received}")
    values = np.frombuffer(frames, "<i2").reshape(-1, channels)
    return values.astype(np.float32) / _FULL_SCALE, rate


def write_wav(path: str | os.PathLike[str], waveform: Any, *, sample_rate: int) -> None:
    """Writes a WAV file of 16 bits.

    Args:
      path: the file; its folder is made if missing.
      waveform: (time,) or (time, channels) in [-1, 1]; rounded to `k / 32768`, where 1 becomes 32767.
      sample_rate: in Hz.

    Raises:
      ValueError: another shape, values out of range or not finite, or a rate that is no positive integer.

    Example:
      >>> import os, tempfile, numpy as np, tfgen
      >>> path = os.path.join(tempfile.mkdtemp(), "silence.wav")
      >>> tfgen.audio.write_wav(path, np.zeros(8000), sample_rate=8000)
      >>> os.path.getsize(path)
      16044
    """
    values = np.asarray(waveform, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"Expected a waveform of shape (time, channels). Received: shape {np.shape(waveform)}")
    if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) > 1.0 + 1e-5:
        raise ValueError(f"Expected a finite waveform in [-1, 1]. Received: values up to {np.abs(values).max()}")
    sample_rate = checks.integer(sample_rate, "sample_rate", least=1)
    frames = np.clip(np.round(values * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    with writing.whole_file(path) as aside, wave.open(os.fspath(aside), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(frames.tobytes())
