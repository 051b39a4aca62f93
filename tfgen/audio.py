"""Sound as numbers: mu-law codes, WAV files, and other sample rates."""

from __future__ import annotations

import functools
import io
import math
import os
import warnings
import wave
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks, writing

__all__ = ["mu_law_decode", "mu_law_edges", "mu_law_encode", "read_wav", "resample", "write_wav"]

_FULL_SCALE = 32768  # of 16 bits
_STREAMED = 2**31 - 2**16  # a size from here on is what a writer puts who does not know it: 2**31 or 2**32, and a little less


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
    """Reads a WAV file: whole numbers of any width, floats of 32 or 64 bits, any number of channels.

    A header that was written before the length was known, as programs do that write into a pipe, is taken to mean all that follows.

    Args:
      path: the file.

    Returns:
      waveform: (time, channels) float32; whole numbers of b bits as `k / 2**(b - 1)`, in [-1, 1), floats as they stand.
      sample_rate: in Hz.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no WAV file, is compressed (mu-law and the like), or ends before its header says.

    Example:
      >>> import os, tempfile, numpy as np, tfgen
      >>> path = os.path.join(tempfile.mkdtemp(), "tone.wav")
      >>> tfgen.audio.write_wav(path, np.array([[0.0], [0.5]]), sample_rate=8000)
      >>> tfgen.audio.read_wav(path)[0].tolist()
      [[0.0], [0.5]]
    """
    from scipy.io import wavfile

    content = checks.path(path).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # about chunks that hold no sound
            rate, values = wavfile.read(io.BytesIO(_with_sizes(content)))
    except Exception as error:  # scipy passes on whatever its parser stumbles over
        raise ValueError(f"Expected a whole WAV file that is not compressed. Received: {path}: {error}") from error
    values = values[:, None] if values.ndim == 1 else values
    if values.dtype.kind == "u":  # 8 bits, of which 128 is silence
        values = (values.astype(np.float32) - 128) / 128
    elif values.dtype.kind == "i":
        values = values / 2.0 ** (8 * values.dtype.itemsize - 1)
    return values.astype(np.float32), int(rate)


def _with_sizes(content: bytes) -> bytes:
    """Ends a WAV file with its sound, writes the true sizes into a streamed header, and refuses a file that was cut short."""
    order = "big" if content[:4] == b"RIFX" else "little"
    end, at, frame = int.from_bytes(content[4:8], order) + 8, 12, 1
    while at + 8 <= len(content) and content[:4] != b"RF64":  # which keeps its sizes elsewhere
        name, size, there = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], order), len(content) - at - 8
        if name == b"fmt ":
            frame = int.from_bytes(content[at + 20 : at + 22], order) or 1
        if name == b"data":
            if size >= _STREAMED > there or (size == 0 and end <= at + 8):
                size = there // frame * frame
            if size > there:
                raise ValueError(f"it holds {there} bytes of sound where its header says {size}")
            sizes = [(length).to_bytes(4, order) for length in (at + size, size)]
            return content[:4] + sizes[0] + content[8 : at + 4] + sizes[1] + content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return content


def resample(waveform: Any, *, sample_rate: int, new_rate: int) -> np.ndarray:
    """Changes the sample rate of a waveform; what lies above half the lower rate is filtered out (`scipy.signal.resample_poly`).

    Args:
      waveform: (time, channels) in [-1, 1].
      sample_rate: its rate, in Hz.
      new_rate: the wanted rate, in Hz.

    Returns:
      waveform: (ceil(time * new_rate / sample_rate), channels) float32 in [-1, 1], where the filter's overshoot is cut off.

    Raises:
      ValueError: another shape, or a rate that is no positive integer.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.audio.resample(np.zeros((441, 1)), sample_rate=44100, new_rate=16000).shape
      (160, 1)
    """
    checks.counts(1, sample_rate=sample_rate, new_rate=new_rate)
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 2:
        raise ValueError(f"Expected a waveform of shape (time, channels). Received: shape {waveform.shape}")
    if sample_rate == new_rate or not len(waveform):
        return waveform
    from scipy.signal import resample_poly

    common = math.gcd(sample_rate, new_rate)
    resampled = resample_poly(waveform.astype(np.float64), new_rate // common, sample_rate // common, axis=0)
    return np.clip(resampled, -1.0, 1.0).astype(np.float32)


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
