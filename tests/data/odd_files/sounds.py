"""WAV files in every form that folders hold, put together byte by byte, each with its sound."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

MONO = np.array([0, 1, -1, 64, -128, 127])[:, None] / 128  # what 8 bits can say, and so all wider forms
STEREO = np.concatenate([MONO, -MONO / 2], 1)
RATE = 11025
_GUID = bytes.fromhex("000000001000800000aa00389b71")  # what follows the format's number in an extensible header


@dataclass(frozen=True)
class Sound:
    """A file, and its sound: (time, channels), at `RATE`."""

    content: bytes
    waveform: np.ndarray


def whole_numbers(waveform: np.ndarray, bits: int, order: str = "little") -> bytes:
    """Writes values in [-1, 1) as whole numbers of so many bits; those of 8 bits have no sign."""
    values = np.round(waveform * 2 ** (bits - 1)).astype(np.int64).ravel() + (128 if bits == 8 else 0)
    return b"".join(int(value).to_bytes(bits // 8, order, signed=bits > 8) for value in values)  # type: ignore[call-overload]


def wav(
    frames: bytes,
    bits: int,
    *,
    channels: int = 1,
    tag: int = 1,
    extensible: bool = False,
    between: bytes = b"",
    declared: tuple[int, int] | None = None,
    order: str = "<",
) -> bytes:
    """Puts a file together: `tag` 1 for whole numbers, 3 for floats; `declared` are the sizes of a header that was streamed."""
    width = channels * bits // 8
    layout = struct.pack(f"{order}HHIIHH", 0xFFFE if extensible else tag, channels, RATE, RATE * width, width, bits)
    if extensible:
        layout += struct.pack("<HHIH", 22, bits, 0, tag) + _GUID
    sizes = declared or (20 + len(layout) + len(between) + len(frames), len(frames))
    head = (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", sizes[0]) + b"WAVE"
    head += b"fmt " + struct.pack(f"{order}I", len(layout)) + layout + between
    return head + b"data" + struct.pack(f"{order}I", sizes[1]) + frames


_SIXTEEN = whole_numbers(MONO, 16)
_TITLE = b"LIST" + struct.pack("<I", 5) + b"title" + b"\0"  # of an odd length, and so padded

SOUNDS = {
    "8-bits.wav": Sound(wav(whole_numbers(MONO, 8), 8), MONO),
    "16-bits.wav": Sound(wav(_SIXTEEN, 16), MONO),
    "24-bits.wav": Sound(wav(whole_numbers(MONO, 24), 24), MONO),
    "32-bits.wav": Sound(wav(whole_numbers(MONO, 32), 32), MONO),
    "floats.wav": Sound(wav(MONO.astype("<f4").tobytes(), 32, tag=3), MONO),
    "doubles.wav": Sound(wav(MONO.astype("<f8").tobytes(), 64, tag=3), MONO),
    "stereo.wav": Sound(wav(whole_numbers(STEREO, 16), 16, channels=2), STEREO),
    "extensible.wav": Sound(wav(whole_numbers(STEREO, 24), 24, channels=2, extensible=True), STEREO),
    "extensible-floats.wav": Sound(wav(MONO.astype("<f4").tobytes(), 32, tag=3, extensible=True), MONO),
    "big-endian.wav": Sound(wav(whole_numbers(MONO, 16, "big"), 16, order=">"), MONO),
    "titled.wav": Sound(wav(_SIXTEEN, 16, between=_TITLE) + _TITLE, MONO),
    "streamed.wav": Sound(wav(_SIXTEEN, 16, declared=(2**32 - 1, 2**32 - 1)), MONO),
    "streamed-signed.wav": Sound(wav(_SIXTEEN, 16, declared=(2**31 - 1, 2**31 - 37)), MONO),
    "streamed-zeros.wav": Sound(wav(_SIXTEEN, 16, declared=(0, 0)), MONO),
    "streamed-empty.wav": Sound(wav(_SIXTEEN, 16, declared=(36, 0)), MONO),
    "streamed-cut.wav": Sound(
        wav(whole_numbers(STEREO, 16)[:-3], 16, channels=2, declared=(2**32 - 1, 2**32 - 1)), STEREO[:-1]
    ),
    "silent.wav": Sound(wav(b"", 16, declared=(36 + len(_TITLE), 0)) + _TITLE, MONO[:0]),
    "CAPITALS.WAV": Sound(wav(_SIXTEEN, 16), MONO),
}

REFUSED = {
    "cut.wav": wav(_SIXTEEN, 16)[:-1],
    "mu-law.wav": wav(whole_numbers(MONO, 8), 8, tag=7),
    "text.wav": b"no sound",
    "empty.wav": b"",
    "no-data.wav": wav(_SIXTEEN, 16)[:36],
    "no-channels.wav": wav(_SIXTEEN, 16, channels=0),
}
