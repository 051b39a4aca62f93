"""Pictures of two rows and three columns in every form that folders hold, each with its pixels.

PNG files are put together here byte by byte; of other formats Pillow's writer is all there is. Where a form is exact, so is the array;
`slack` says by how many of 255 levels a picture may differ.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [200, 100, 50], [255, 255, 255]]], np.uint8)
GREYS = np.array([[0, 1, 128], [200, 254, 255]], np.uint8)
ALPHA = np.array([[255, 0, 128], [64, 255, 0]], np.uint8)


@dataclass(frozen=True)
class Picture:
    """A file, and what it holds: (2, 3, 3) on a white background, or with alpha (2, 3, 4)."""

    content: bytes
    pixels: np.ndarray
    slack: int = 0
    with_alpha: np.ndarray | None = None


def on(background: int, pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lays pixels on a grey background: `alpha pixel + (1 - alpha) background`."""
    share = alpha[..., None] / 255
    return np.round(pixels * share + background * (1 - share))


def three(greys: np.ndarray) -> np.ndarray:
    """Writes grey levels as colours."""
    return np.repeat(greys[..., None], 3, -1)


def _png(colour_type: int, depth: int, rows: list[bytes], *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 3, 2, depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))  # filter 0: none
    parts = [chunk(b"IHDR", header), *(chunk(*part) for part in chunks), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _rows(values: np.ndarray) -> list[bytes]:
    return [np.ascontiguousarray(row).tobytes() for row in values]


def _saved(pixels: np.ndarray, kind: str, mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(pixels) if mode is None else Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
    picture.save(file, kind, **options)
    return file.getvalue()


def _rotated() -> bytes:
    """A picture that lies on its side, and says so as cameras do."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    return _saved(np.rot90(COLOURS), "TIFF", exif=exif)


_RGBA = np.concatenate([COLOURS, ALPHA[..., None]], -1)
_GREY_ALPHA = np.stack([GREYS, ALPHA], -1)
_PALETTE = np.arange(6, dtype=np.uint8).reshape(2, 3)  # one entry a pixel
_CMYK = np.concatenate([255 - COLOURS, np.full((2, 3, 1), 51, np.uint8)], -1)  # a fifth of black
_INK = np.round(COLOURS * 0.8)
_ON_WHITE = on(255, COLOURS, ALPHA)
_HARD = np.where(ALPHA > 200, 255, 0).astype(np.uint8)  # a GIF's pixels are there or not
_FLAT = np.full((2, 3, 3), 90, np.uint8)  # a colour that JPEG keeps

PICTURES = {
    "colour.png": Picture(_png(2, 8, _rows(COLOURS)), COLOURS),
    "alpha.png": Picture(_png(6, 8, _rows(_RGBA)), _ON_WHITE, 1, _RGBA),
    "grey-alpha.png": Picture(
        _png(4, 8, _rows(_GREY_ALPHA)), on(255, three(GREYS), ALPHA), 1, np.concatenate([three(GREYS), ALPHA[..., None]], -1)
    ),
    "palette.png": Picture(_png(3, 8, _rows(_PALETTE), (b"PLTE", COLOURS.tobytes())), COLOURS),
    "palette-alpha.png": Picture(
        _png(3, 8, _rows(_PALETTE), (b"PLTE", COLOURS.tobytes()), (b"tRNS", ALPHA.tobytes())), _ON_WHITE, 1, _RGBA
    ),
    "colour-key.png": Picture(  # green is not there
        _png(2, 8, _rows(COLOURS), (b"tRNS", struct.pack(">HHH", 0, 255, 0))),
        np.where((COLOURS == [0, 255, 0]).all(-1, keepdims=True), 255, COLOURS),
    ),
    "grey-16-bits.png": Picture(_png(0, 16, _rows(GREYS.astype(">u2") * 257)), three(GREYS)),
    "colour-16-bits.png": Picture(_png(2, 16, _rows(COLOURS.astype(">u2") * 257)), COLOURS),
    "one-bit.png": Picture(_png(0, 1, [b"\xa0", b"\x40"]), three(np.array([[255, 0, 255], [0, 255, 0]]))),
    "cmyk.tif": Picture(_saved(_CMYK, "TIFF", "CMYK"), _INK, 1),
    "cmyk.jpg": Picture(_saved(np.broadcast_to(_CMYK[1, 1], (2, 3, 4)), "JPEG", "CMYK", quality=100), np.tile(_INK[1, 1], (2, 3, 1)), 3),
    "grey-16-bits.tif": Picture(_saved(GREYS.astype(np.uint16) * 257, "TIFF"), three(GREYS)),
    "floats.tif": Picture(_saved(GREYS / np.float32(255), "TIFF"), three(GREYS)),
    "two-pages.tiff": Picture(
        _saved(COLOURS, "TIFF", save_all=True, append_images=[Image.fromarray(255 - COLOURS)]), COLOURS
    ),
    "turned.tif": Picture(_rotated(), COLOURS),
    "lossless.webp": Picture(_saved(COLOURS, "WEBP", lossless=True), COLOURS),
    "alpha.webp": Picture(_saved(_RGBA, "WEBP", lossless=True, exact=True), _ON_WHITE, 1, _RGBA),
    "two-frames.gif": Picture(
        _saved(np.concatenate([COLOURS, _HARD[..., None]], -1), "GIF", save_all=True, append_images=[Image.new("RGB", (3, 2))]),
        on(255, COLOURS, _HARD),
    ),
    "photo.jfif": Picture(_saved(_FLAT, "JPEG"), _FLAT, 1),
    "portable.ppm": Picture(b"P6 3 2 255\n" + COLOURS.tobytes(), COLOURS),
    "windows.bmp": Picture(_saved(COLOURS, "BMP"), COLOURS),
    "CAPITALS.PNG": Picture(_png(2, 8, _rows(COLOURS)), COLOURS),
}  # fmt: skip

REFUSED = {
    "cut.png": _png(2, 8, _rows(COLOURS))[:-35],
    "text.jpg": b"no picture",
    "empty.gif": b"",
    "bright.tif": _saved(np.full((2, 3), 1.5, np.float32), "TIFF"),
    "not-a-number.tif": _saved(np.full((2, 3), np.nan, np.float32), "TIFF"),
    "wide.tif": _saved(np.full((2, 3), 65536, np.int32), "TIFF"),
}
