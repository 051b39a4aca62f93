"""A folder of pictures as a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data.memory import as_size, batches, check_options, from_arrays, view_images
from tfgen.data.prepared import fits_in_memory

__all__ = ["folder_classes", "from_folder", "list_pictures", "read_picture"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp")


def from_folder(
    path: str | Path,
    *,
    image_size: int | tuple[int, int],
    channels: int = 3,
    batch_size: int = 64,
    view: str = "8bit",
    labels: bool = False,
    shuffle: bool = True,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads a folder of png, jpg and bmp pictures, subfolders included.

    Of each picture the largest centred rectangle of the target's shape is cut out and resized (Lanczos). Up to 1 GiB of them is
    read once and kept in memory; more are read from disk in each epoch. Files are numbered in the order of their paths.

    Args:
      path: the folder. With labels, each subfolder is a class, numbered in alphabetic order (`tfgen.data.class_names(path)`).
      image_size: height and width of the result, one integer for a square.
      channels: 3 (colour) or 1 (grey).
      batch_size: number of images in a batch; the last batch may be shorter.
      view: "8bit" (intensities) or "binarized" (0 and 1).
      labels: whether elements are pairs (images, labels).
      shuffle: whether each epoch has an order of its own.
      seed: an integer of 64 bits.

    Returns:
      dataset: batches of images float32 in [0, 1], or pairs of those and labels int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: no picture, a damaged one, or no class subfolders although labels are wanted.
      FileNotFoundError: there is no such folder.

    Example:
      >>> import pathlib, tempfile, PIL.Image, tfgen
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> PIL.Image.new("RGB", (9, 7), "red").save(folder / "red.png")
      >>> [batch.shape.as_list() for batch in tfgen.data.from_folder(folder, image_size=4)]
      [[1, 4, 4, 3]]
    """
    check_options(batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    size = as_size(image_size)
    if size is None:
        raise ValueError("Expected `image_size`, one size for all pictures. Received: image_size=None; try image_size=64")
    checks.one_of(channels, "channels", (1, 3))
    files = list_pictures(path)
    classes = _classes_of(Path(path), files) if labels else None
    if fits_in_memory((*size, channels), len(files)):
        images = np.stack([read_picture(file, size, channels) for file in files])
        return from_arrays(images, classes, batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    show = view_images(view, seed=seed, total=len(files), fresh=shuffle)
    read = _reader(files, classes, size, channels)
    return batches(read, np.arange(len(files)), show, batch_size=batch_size, shuffle=shuffle, seed=seed)


def list_pictures(path: str | Path) -> list[Path]:
    """Lists the png, jpg and bmp files of a folder and its subfolders, sorted by path; hidden ones are left out.

    Args:
      path: the folder.

    Returns:
      files: at least one.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: it holds no picture.

    Example:
      >>> import tempfile
      >>> list_pictures(tempfile.mkdtemp())  # doctest: +ELLIPSIS
      Traceback (most recent call last):
        ...
      ValueError: Expected a folder with pictures (.png, .jpg, .jpeg, .bmp). Received: path=...
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a folder of pictures. Received: path={str(path)!r}, which is no folder")
    inside = (file.relative_to(folder) for file in folder.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
    names = sorted(file.as_posix() for file in inside if not any(part.startswith(".") for part in file.parts))
    if not names:
        raise ValueError(
            f"Expected a folder with pictures ({', '.join(ENDINGS)}). Received: path={str(path)!r}, which has none"
        )
    return [folder / name for name in names]


def folder_classes(path: str | Path) -> list[str]:
    """Names the classes of a folder: its subfolders that hold pictures, in alphabetic order.

    Args:
      path: the folder.

    Returns:
      names: one string per class.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: it holds no picture, or pictures outside subfolders.

    Example:
      >>> import pathlib, tempfile, PIL.Image
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> for name in ("dog", "cat"):
      ...     (folder / name).mkdir()
      ...     PIL.Image.new("L", (2, 2)).save(folder / name / "1.png")
      >>> folder_classes(folder)
      ['cat', 'dog']
    """
    folder = Path(path).expanduser()
    relative = [file.relative_to(folder) for file in list_pictures(path)]
    loose = next((file for file in relative if len(file.parts) == 1), None)
    if loose is not None:
        raise ValueError(
            f"Expected every picture inside a subfolder named after its class. Received: {loose} directly in {path}"
        )
    return sorted({file.parts[0] for file in relative})


def read_picture(file: str | Path, image_size: tuple[int, int], channels: int) -> np.ndarray:
    """Reads one picture, cut to the target's shape and resized.

    Args:
      file: a picture that Pillow reads.
      image_size: (height, width) of the result.
      channels: 1 or 3.

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
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
                picture = Image.fromarray((np.asarray(picture, np.float64) / 257.0).round().astype(np.uint8))
            picture = picture.convert("RGB" if channels == 3 else "L")
            picture = ImageOps.fit(picture, (image_size[1], image_size[0]), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"Expected a picture that can be read. Received: {file}: {error}. Mend or remove the file") from error
    return np.asarray(picture, np.uint8).reshape(*image_size, channels)


def _classes_of(folder: Path, files: list[Path]) -> np.ndarray:
    """Numbers the class of each file."""
    names = folder_classes(folder)
    folder = folder.expanduser()
    return np.array([names.index(file.relative_to(folder).parts[0]) for file in files], np.int64)


def _reader(
    files: list[Path], classes: np.ndarray | None, size: tuple[int, int], channels: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Makes the function that reads pictures from disk by number."""

    def decode(index: np.ndarray) -> np.ndarray:
        return np.stack([read_picture(files[i], size, channels) for i in index])

    def read(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.ensure_shape(tf.numpy_function(decode, [index], tf.uint8), (None, *size, channels))
        return (images,) if classes is None else (images, tf.gather(tf.constant(classes), index))

    return read
