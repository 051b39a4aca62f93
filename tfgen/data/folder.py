"""A folder of pictures as a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data.files import PICTURES, list_files, number_classes
from tfgen.data.memory import ImageBatching, as_size, batches, check_options, from_arrays, view_images
from tfgen.data.prepared import fits_in_memory

__all__ = ["from_folder", "read_picture"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # what Pillow calls pictures of so many channels
_WIDE = 65535  # white in 16 bits


def from_folder(
    path: str | os.PathLike[str],
    *,
    image_size: int | tuple[int, int],
    channels: int = 3,
    background: str = "white",
    labels: bool = False,
    class_names: Sequence[str] | None = None,
    **batching: Unpack[ImageBatching],
) -> tf.data.Dataset:
    """Loads a folder of pictures (png, jpg, bmp, gif, webp, tif and others), subfolders included.

    Of each picture the largest centred rectangle of the target's shape is cut out and resized (Lanczos); what is transparent shows
    `background`; of several frames the first is taken. Up to 1 GiB of them is read once and kept in memory; more are read from disk in
    each epoch. Files are numbered in the order of their paths; hidden ones are left out, and of pictures in other formats a warning
    tells.

    Args:
      path: the folder. With labels, each subfolder is a class, numbered in alphabetic order (`tfgen.data.class_names(path)`).
      image_size: height and width of the result, one integer for a square.
      channels: 3 (colour), 1 (grey) or 4 (colour and alpha, in which nothing is laid on a background).
      background: the colour behind transparent pixels, as a name or "#rrggbb".
      labels: whether elements are pairs (images, labels).
      class_names: the subfolders in the order of their numbers, for labels that do not follow the alphabet or whose folders may be empty
        or missing; they imply `labels`.
      **batching: `batch_size`, images in a batch, of which the last may be shorter (64); `view`, "8bit" (intensities) or "binarized" (0
        and 1); `shuffle`, whether each epoch has an order of its own (True); `seed`, an integer of 64 bits (0).

    Returns:
      dataset: batches of images float32 in [0, 1], or pairs of those and labels int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: no picture, a damaged one, an unknown colour, or class subfolders that cannot be numbered.
      FileNotFoundError: there is no such folder.

    Example:
      >>> import pathlib, tempfile, PIL.Image, tfgen
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> PIL.Image.new("RGB", (9, 7), "red").save(folder / "red.png")
      >>> [batch.shape.as_list() for batch in tfgen.data.from_folder(folder, image_size=4)]
      [[1, 4, 4, 3]]
    """
    options: dict[str, Any] = {"batch_size": 64, "view": "8bit", "shuffle": True, "seed": 0, **batching}
    check_options(**options)
    size = as_size(image_size)
    if size is None:
        raise ValueError("Expected `image_size`, one size for all pictures. Received: image_size=None; try image_size=64")
    checks.one_of(channels, "channels", tuple(_MODES))
    _check_colour(background)
    files = list_files(path, PICTURES)
    classes = number_classes(path, files, class_names) if labels or class_names is not None else None

    def decode(index: np.ndarray) -> np.ndarray:
        return np.stack([read_picture(files[i], size, channels, background=background) for i in index])

    if fits_in_memory((*size, channels), len(files)):
        return from_arrays(decode(np.arange(len(files))), classes, **options)
    show = view_images(options.pop("view"), seed=options["seed"], total=len(files), fresh=options["shuffle"])
    return batches(_reader(decode, classes, (*size, channels)), np.arange(len(files)), show, **options)


def read_picture(
    file: str | os.PathLike[str], image_size: tuple[int, int], channels: int, *, background: str = "white"
) -> np.ndarray:
    """Reads one picture, cut to the target's shape and resized.

    Args:
      file: a picture that Pillow reads.
      image_size: (height, width) of the result.
      channels: 1, 3 or 4.
      background: the colour behind transparent pixels, where `channels` is not 4.

    Returns:
      image: (height, width, channels) uint8.

    Raises:
      ValueError: the file is damaged or no picture; the message names it.

    Example:
      >>> import pathlib, tempfile, PIL.Image
      >>> file = pathlib.Path(tempfile.mkdtemp(), "white.png")
      >>> PIL.Image.new("L", (4, 4), 255).save(file)
      >>> read_picture(file, (2, 2), 1).ravel().tolist()
      [255, 255, 255, 255]
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as picture:
            picture = _in_bytes(ImageOps.exif_transpose(picture))
            if channels != 4 and picture.has_transparency_data:
                layer = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
            picture = picture.convert(_MODES[channels])
            picture = ImageOps.fit(picture, (image_size[1], image_size[0]), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"Expected a picture that can be read. Received: {file}: {error}. Mend or remove the file") from error
    return np.asarray(picture, np.uint8).reshape(*image_size, channels)


def _in_bytes(picture: Any) -> Any:
    """Brings grey levels of more than 8 bits to 8, which Pillow would cut off at 255: 16 bits, or floats in [0, 1]."""
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture, np.float64)
    white = 1.0 if picture.mode == "F" else _WIDE
    if not ((values >= 0.0) & (values <= white)).all():
        raise ValueError(f"Expected grey levels in [0, {white:g}]. Received: values from {values.min():g} to {values.max():g}")
    return Image.fromarray((values * (255.0 / white)).round().astype(np.uint8))


def _check_colour(background: str) -> None:
    from PIL import ImageColor

    try:
        opaque = len(ImageColor.getrgb(background)) == 3
    except (ValueError, TypeError):
        opaque = False
    if not opaque:
        raise ValueError(f'Expected `background` as a colour, "white" or "#ff8000", say. Received: background={background!r}')


def _reader(
    decode: Callable[[np.ndarray], np.ndarray], classes: np.ndarray | None, shape: tuple[int, int, int]
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Makes the function that reads pictures from disk by number."""

    def read(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.ensure_shape(tf.numpy_function(decode, [index], tf.uint8), (None, *shape))
        return (images,) if classes is None else (images, tf.gather(tf.constant(classes), index))

    return read
