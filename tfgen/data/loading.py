"""`tfgen.data.load`: a data set by its name, in the range that models want, ordered by (seed, epoch)."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.data import bundled, prepared
from tfgen.data.audio import audio_windows, is_speech, window_batches
from tfgen.data.drawn import drawn_sizes, read_drawn
from tfgen.data.files import folder_classes
from tfgen.data.memory import as_size, batches, check_options, gather, view_images
from tfgen.data.sources import find_builder

__all__ = ["arrays", "class_names", "load"]

SMALL = "fashion_mnist_small"


def load(
    name: str,
    split: str = "train",
    *,
    batch_size: int = 64,
    view: str = "8bit",
    labels: bool = False,
    shuffle: bool | None = None,
    seed: int = 0,
    image_size: int | tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Loads a data set by its name.

    Names are TFDS's ("fashion_mnist", "cifar10", ...) and "fashion_mnist_small", which travels with the package. Drawn are
    "ring" and "grid" (points of `tfgen.data.ring()` and `grid()`) and "stacked_fashion_mnist" (`tfgen.data.from_stacks`; each
    split of its own images), always the same examples; their labels are modes. "asterisk_speech_8khz/4096" is speech in windows
    of so many samples, one file in ten held out as "test", from Debian's package asterisk-core-sounds-en-wav.

    The order of an epoch follows from (seed, epoch); `model.fit` sets the epoch. `view="binarized"` draws pixels: of training
    splits at each read, `binarize(image, row_keys(seed, epoch, index))`; of every other split once and for all,
    `binarize(image, row_seeds(seed, n)[index])`. `index` counts in the whole split, so a slice draws what the whole draws.

    A set of more than 1 GiB of decoded images is streamed from disk, and shuffled in blocks of 128 MiB.

    Args:
      name: name of the data set.
      split: a split, or TFDS's slices of one: "train[:55000]", "train[55000:]", "test[:10%]".
      batch_size: number of images in a batch; the last batch may be shorter.
      view: "8bit" (intensities) or "binarized" (0 and 1).
      labels: whether elements are pairs (images, labels).
      shuffle: None shuffles training splits only.
      seed: an integer of 64 bits.
      image_size: height and width to resize to, one integer for a square; None keeps the stored size.

    Returns:
      dataset: batches of images (batch, height, width, channels) float32 in [0, 1] (of points (batch, 2) in no range, of
        speech (batch, length, 1) in [-1, 1)), or pairs of those and labels (batch,) int64.

    Raises:
      TypeError: an argument has the wrong type.
      ValueError: an unknown name, split or view, no labels to load, or sizes that differ from image to image.
      FileNotFoundError: the data is nowhere and cannot be downloaded; the message says what to do.

    Example:
      >>> import tfgen
      >>> data = tfgen.data.load("fashion_mnist_small", "test", batch_size=100, labels=True)
      >>> [(images.shape.as_list(), classes.shape.as_list()) for images, classes in data.take(1)]
      [([100, 28, 28, 1], [100])]
    """
    check_options(batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    size = as_size(image_size)
    if is_speech(name):
        if view != "8bit" or labels or size is not None:
            raise ValueError(
                f"Speech has one view, no labels and no image size. Received: view={view!r}, labels={labels}, image_size={image_size}"
            )
        windows, training = _speech(name, split)
        shuffle = training if shuffle is None else bool(shuffle)
        return window_batches(windows, audio_windows(name)[1], batch_size=batch_size, shuffle=shuffle, seed=seed)
    if drawn_sizes(name) is not None:
        return _load_drawn(name, split, size, labels, batch_size=batch_size, view=view, shuffle=shuffle, seed=seed)
    builder = _builder(name)
    parts = _parts(name, _sizes(builder), split)
    training = all(base.startswith("train") for base, _, _ in parts)
    shuffle = training if shuffle is None else bool(shuffle)
    total = sum(_sizes(builder)[base] for base in {base for base, _, _ in parts})
    show = view_images(view, seed=seed, total=total, fresh=training)
    if labels and builder is not None and not prepared.has_labels(builder):
        raise ValueError(f"Expected a data set with labels, or labels=False. Received: name={name!r}, labels=True")
    if builder is not None and not prepared.fits_in_memory(_shape(builder, size), total):
        return _stream(builder, parts, show, size, labels, batch_size=batch_size, shuffle=shuffle, seed=seed)
    images, classes, indices = _columns(name, builder, parts, size)
    first = int(indices.min()) if len(indices) else 0
    rows = slice(first, int(indices.max()) + 1 if len(indices) else 0)
    read = gather(images[rows], classes[rows] if labels and classes is not None else None)
    return batches(lambda index: read(index - first), indices, show, batch_size=batch_size, shuffle=shuffle, seed=seed)


def arrays(name: str, split: str = "train") -> tuple[np.ndarray, np.ndarray | None]:
    """Loads a data set as arrays, in TFDS's order.

    Args:
      name: name of the data set: TFDS's, "fashion_mnist_small", or a drawn one.
      split: a split, or TFDS's slices of one.

    Returns:
      images: (n, height, width, channels) uint8, not writeable: copy before changing it. Of "ring" and "grid" points (n, 2)
        float32, of speech (n, length, 1) float32 in [-1, 1).
      labels: (n,) int64, or None if the data set has no labels.

    Raises:
      ValueError: an unknown name or split, or a data set that does not fit in memory.
      FileNotFoundError: the data is nowhere and cannot be downloaded; the message says what to do.

    Example:
      >>> import tfgen
      >>> images, labels = tfgen.data.arrays("fashion_mnist_small", "test[:100]")
      >>> images.shape, labels.shape
      ((100, 28, 28, 1), (100,))
    """
    if is_speech(name):
        return _speech(name, split)[0], None
    if drawn_sizes(name) is not None:
        return _drawn_arrays(name, split)
    builder = _builder(name)
    parts = _parts(name, _sizes(builder), split)
    if builder is not None:
        count = sum(_sizes(builder)[base] for base, _, _ in parts)
        if not prepared.fits_in_memory(prepared.image_shape(builder, None), count):
            raise ValueError(
                f"Expected a data set of equally large images, at most {prepared.MEMORY_LIMIT >> 30} GiB of them; "
                f"`tfgen.data.load` reads others. Received: name={name!r}, split={split!r} with {count} examples of "
                f"{builder.info.features['image']}"
            )
    images, labels, indices = _columns(name, builder, parts, None)
    if len(indices) == len(images) and (indices == np.arange(len(images))).all():
        return images, labels
    return images[indices], None if labels is None else labels[indices]


def class_names(name: str) -> list[str]:
    """Names the classes of a data set, in the order of their labels.

    Args:
      name: name of the data set, or the path of a folder with one subfolder per class.

    Returns:
      names: one string per class.

    Raises:
      ValueError: an unknown name, or a data set without classes.

    Example:
      >>> import tfgen
      >>> tfgen.data.class_names("fashion_mnist")[9]
      'Ankle boot'
    """
    if name in (SMALL, "fashion_mnist"):
        return list(bundled.CLASS_NAMES)
    if isinstance(name, (str, os.PathLike)) and checks.path(name).is_dir():
        return folder_classes(name)
    if is_speech(name):
        raise ValueError(f"Expected a data set with classes. Received: name={name!r}, one voice without labels")
    if drawn_sizes(name) is not None:
        raise ValueError(f"Expected a data set with classes. Received: name={name!r}, whose labels are numbers of modes")
    builder = _builder(name)
    if not prepared.has_labels(builder) or not getattr(builder.info.features["label"], "names", None):
        raise ValueError(
            f"Expected a data set with classes. Received: name={name!r}, whose features are {builder.info.features}"
        )
    return list(builder.info.features["label"].names)


def _builder(name: str) -> Any:
    """Finds the TFDS builder, once for each setting of the environment; None for the bundled subset."""
    if not isinstance(name, str):
        raise TypeError(
            f"Expected the name of a data set as a string. Received: name={name!r}; arrays go to `tfgen.data.from_arrays`"
        )
    if name == SMALL:
        return None
    return _cached_builder(
        name, *(os.environ.get(key) for key in ("TFGEN_DATA_DIR", "TFDS_DATA_DIR", "TFGEN_CACHE_DIR", "HOME"))
    )


@functools.lru_cache(maxsize=32)
def _cached_builder(name: str, *environment: str | None) -> Any:
    """Remembers what was found; `environment` is what the answer depends on besides the name."""
    return find_builder(name)


def _sizes(builder: Any) -> dict[str, int]:
    return bundled.SIZES if builder is None else {key: info.num_examples for key, info in builder.info.splits.items()}


def _shape(builder: Any, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Tells the shape of the images, which must be one for all."""
    shape = prepared.image_shape(builder, size)
    if None in shape:
        raise ValueError(
            f"Expected `image_size`, since the images of {builder.name!r} differ in size. Received: image_size=None; try "
            f"image_size=64"
        )
    return shape  # type: ignore[return-value]


def _parts(name: str, sizes: dict[str, int], split: str) -> list[tuple[str, int, int]]:
    """Reads TFDS's slicing language: (split, from, to) for each part."""
    import tensorflow_datasets as tfds

    if not isinstance(split, str):
        raise TypeError(f"Expected `split` as a string. Received: split={split!r}")
    try:
        infos = {key: tfds.core.SplitInfo(name=key, shard_lengths=[n], num_bytes=0) for key, n in sizes.items()}
        parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    except (ValueError, AssertionError, KeyError) as error:
        raise ValueError(
            f"Expected a split of {name} ({', '.join(f'{key}: {n} examples' for key, n in sizes.items())}) or a slice such as "
            f"'{next(iter(sizes))}[:100]'. Received: split={split!r}"
        ) from error
    return [(part.splitname, part.from_ or 0, sizes[part.splitname] if part.to is None else part.to) for part in parts]


def _columns(
    name: str, builder: Any, parts: list[tuple[str, int, int]], size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Reads the whole splits that parts belong to, and the numbers of the examples that the parts name."""
    bases = list(dict.fromkeys(base for base, _, _ in parts))
    if builder is None:
        columns = [bundled.read_subset(base) for base in bases]
        if size is not None:
            columns = [(prepared.resize(tf.constant(images), size).numpy(), labels) for images, labels in columns]
    else:
        columns = [prepared.read_split(str(builder.data_dir), base, size) for base in bases]
    starts = dict(zip(bases, np.cumsum([0, *(len(images) for images, _ in columns)]), strict=False))
    indices = np.concatenate([np.arange(low, max(low, high), dtype=np.int64) + starts[base] for base, low, high in parts])
    if len(columns) == 1:
        return columns[0][0], columns[0][1], indices
    images = np.concatenate([images for images, _ in columns])
    labels = [labels for _, labels in columns if labels is not None]
    return images, np.concatenate(labels) if labels else None, indices


def _speech(name: str, split: str) -> tuple[np.ndarray, bool]:
    """Reads the windows that a split names, and tells whether all of them are for training."""
    windows, _ = audio_windows(name)
    parts = _parts(name, {key: len(value) for key, value in windows.items()}, split)
    found = np.concatenate([windows[base][low : max(low, high)] for base, low, high in parts])
    found.setflags(write=False)
    return found, all(base == "train" for base, _, _ in parts)


def _drawn_rows(name: str, split: str) -> tuple[str, np.ndarray]:
    """Tells which rows of which split of a drawn data set are meant."""
    parts = _parts(name, drawn_sizes(name) or {}, split)
    bases = list(dict.fromkeys(base for base, _, _ in parts))
    if len(bases) != 1:
        raise ValueError(f"Expected one split of a drawn data set, or slices of one. Received: name={name!r}, split={split!r}")
    return bases[0], np.concatenate([np.arange(low, max(low, high), dtype=np.int64) for _, low, high in parts])


def _load_drawn(
    name: str, split: str, size: tuple[int, int] | None, labels: bool, *, view: str, shuffle: bool | None, **options: Any
) -> tf.data.Dataset:
    """Makes batches of a drawn data set."""
    base, rows = _drawn_rows(name, split)

    def images_of(name: str, base: str) -> tuple[np.ndarray, np.ndarray | None]:
        images, classes = arrays(name, base)
        return images if size is None else prepared.resize(tf.constant(images), size).numpy(), classes

    training = base == "train"
    read = read_drawn(name, base, view=view, image_size=size, images_of=images_of)
    show = view_images(view, seed=options["seed"], total=(drawn_sizes(name) or {})[base], fresh=training)
    columns = slice(None if labels else 1)
    shuffle = training if shuffle is None else bool(shuffle)
    return batches(lambda index: read(index)[columns], rows, show, shuffle=shuffle, **options)


def _drawn_arrays(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads a drawn data set whole."""
    base, rows = _drawn_rows(name, split)
    columns = [column.numpy() for column in read_drawn(name, base, view="8bit", image_size=None, images_of=arrays)(rows)]
    for column in columns:
        column.setflags(write=False)
    return columns[0], columns[1]


def _stream(
    builder: Any,
    parts: list[tuple[str, int, int]],
    show: Any,
    size: tuple[int, int] | None,
    labels: bool,
    **options: Any,
) -> tf.data.Dataset:
    """Reads one slice of a split from disk."""
    if len(parts) != 1:
        raise ValueError(f"Expected one slice of one split of a data set this large. Received: {len(parts)} slices")
    base, low, high = parts[0]
    if high <= low:
        raise ValueError(f"Expected at least one example in the data set. Received: the empty slice {base}[{low}:{high}]")
    dataset = prepared.examples(builder, f"{base}[{low}:{high}]", size)
    if not labels:
        dataset = dataset.map(lambda image, *_: (image,))
    buffer = max(options["batch_size"], prepared.BUFFER_BYTES // int(np.prod(_shape(builder, size))))
    return prepared.stream(dataset, show, first=low, count=high - low, buffer=buffer, **options)
