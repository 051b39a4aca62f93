"""Data sets that TFDS reads: those that fit in memory as arrays, larger ones as a stream with a buffer that shuffles."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import writing
from tfgen.data.position import ordered
from tfgen.data.sources import cache_folder
from tfgen.random import row_keys

__all__ = ["MEMORY_LIMIT", "fits_in_memory", "image_shape", "read_split", "resize", "stream"]

MEMORY_LIMIT = 2**30  # bytes of decoded images
BUFFER_BYTES = 2**27  # of decoded images, shuffled together in a stream


def image_shape(builder: Any, image_size: tuple[int, int] | None) -> tuple[int | None, int | None, int]:
    """Tells the shape of a TFDS data set's images.

    Args:
      builder: a TFDS builder.
      image_size: (height, width) asked for, or None for the stored one.

    Returns:
      shape: (height, width, channels); None for a size that differs from image to image.

    Raises:
      ValueError: its examples hold no 8-bit image.

    Example:
      >>> import tensorflow_datasets as tfds
      >>> image_shape(tfds.builder("cifar10"), None)
      (32, 32, 3)
    """
    feature = _feature(builder, "image")
    if feature is None or feature.np_dtype != np.uint8 or len(feature.shape) != 3 or feature.shape[-1] is None:
        raise ValueError(
            f"Expected a data set with 8-bit images under the feature `image`. Received: {builder.name!r} with features "
            f"{builder.info.features}; read it with tensorflow_datasets, and wrap it in `tfgen.data.resumable`"
        )
    height, width = image_size or feature.shape[:2]
    return height, width, feature.shape[-1]


def fits_in_memory(shape: tuple[int | None, ...], count: int) -> bool:
    """Tells whether so many images are few enough to be held in memory.

    Args:
      shape: shape of one image.
      count: number of images.

    Returns:
      fits: False also when a size is not known.

    Example:
      >>> fits_in_memory((28, 28, 1), 60000), fits_in_memory((256, 256, 3), 60000)
      (True, False)
    """
    return None not in shape and count * int(np.prod(shape)) <= MEMORY_LIMIT  # type: ignore[arg-type]


@functools.lru_cache(maxsize=8)
def read_split(data_dir: str, split: str, image_size: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads a whole split of a prepared TFDS folder, once a process; a copy in TFGEN_CACHE_DIR spares decoding the next time.

    Args:
      data_dir: the folder that holds `dataset_info.json`.
      split: its name, for example "train".
      image_size: (height, width) to resize to, or None.

    Returns:
      images: (n, height, width, channels) uint8, in TFDS's order, not writeable.
      labels: (n,) int64, not writeable, or None if the data set has no labels.

    Example:
      >>> read_split("/nowhere", "train", None)
      Traceback (most recent call last):
        ...
      FileNotFoundError: Expected a prepared TFDS folder. Received: data_dir='/nowhere'
    """
    if not Path(data_dir, "dataset_info.json").is_file():
        raise FileNotFoundError(f"Expected a prepared TFDS folder. Received: data_dir={data_dir!r}")
    copy = _copy_file(data_dir, split, image_size)
    columns = _read_copy(copy)
    if columns is None:
        columns = _decode_split(data_dir, split, image_size)
        _write_copy(copy, columns)
    for column in columns.values():
        column.setflags(write=False)
    return columns["images"], columns.get("labels")


def examples(builder: Any, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
    """Reads a split in TFDS's order, one example at a time.

    Args:
      builder: a prepared TFDS builder.
      split: a split or a slice of one.
      image_size: (height, width) to resize to, or None.

    Returns:
      dataset: pairs of an image uint8 and a label int64, or of an image alone.

    Example:
      >>> import inspect
      >>> "shuffle_files=False" in inspect.getsource(examples)
      True
    """
    import tensorflow_datasets as tfds

    wanted = {"image": True} | ({"label": True} if has_labels(builder) else {})
    others = set(builder.info.features.keys()) - set(wanted)
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(wanted) if others else None,
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )

    def columns(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        image = example["image"] if image_size is None else resize(example["image"], image_size)
        return (image, tf.cast(example["label"], tf.int64)) if "label" in wanted else (image,)

    return dataset.map(columns, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def has_labels(builder: Any) -> bool:
    """Tells whether examples carry one class label under the feature `label`.

    Args:
      builder: a TFDS builder.

    Returns:
      answer: True or False.

    Example:
      >>> import tensorflow_datasets as tfds
      >>> has_labels(tfds.builder("cifar10"))
      True
    """
    feature = _feature(builder, "label")
    return feature is not None and feature.shape == () and np.issubdtype(feature.np_dtype, np.integer)


def resize(images: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Resizes 8-bit images, smoothly: bilinear with antialiasing, rounded to whole intensities.

    Args:
      images: (height, width, channels) or (batch, height, width, channels) uint8.
      image_size: (height, width) of the result.

    Returns:
      images: uint8 of that size.

    Example:
      >>> resize(tf.fill([4, 4, 1], tf.constant(9, tf.uint8)), (2, 2))[..., 0].numpy().tolist()
      [[9, 9], [9, 9]]
    """
    resized = tf.image.resize(images, image_size, method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)


def stream(
    dataset: tf.data.Dataset,
    view: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
    *,
    batch_size: int,
    first: int,
    count: int,
    buffer: int,
    shuffle: bool,
    seed: int,
) -> tf.data.Dataset:
    """Makes batches of a data set that is too large for memory, shuffled block by block.

    An epoch begins at a place of the first block that (seed, epoch) choose, so that blocks are cut differently in each, and
    each block of `buffer` examples is sorted by a hash of (seed, epoch, block, row). Every example comes once in an epoch.

    Args:
      dataset: pairs (image uint8, label) or (image,), always in the same order.
      view: what `tfgen.data.memory.view_images` returns.
      batch_size: number of examples in a batch.
      first: number of the first example within its whole split.
      count: number of examples.
      buffer: number of examples in a block.
      shuffle: whether each epoch has an order of its own.
      seed: keys the order.

    Returns:
      dataset: of known cardinality, to be read from any epoch and batch on.

    Example:
      >>> images = tf.data.Dataset.from_tensor_slices((np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1),))
      >>> show = lambda images, index, epoch: images
      >>> data = stream(images, show, batch_size=2, first=0, count=5, buffer=4, shuffle=True, seed=0)
      >>> sorted(int(i) for batch in data for i in batch.numpy().ravel())
      [0, 1, 2, 3, 4]
    """
    numbered = dataset.enumerate(first)

    def rest_of(epoch: Any, skip: Any) -> tf.data.Dataset:
        key = row_keys(seed, epoch)

        def mix(block: tf.Tensor, rows: Any) -> Any:
            order = tf.argsort(row_keys(key, block, tf.range(tf.shape(rows[0])[0])), stable=True)
            return tf.nest.map_structure(lambda column: tf.gather(column, order), rows)

        def load(index: tf.Tensor, columns: tuple[tf.Tensor, ...]) -> Any:
            images = view(columns[0], index, epoch)
            return (images, *columns[1:]) if len(columns) > 1 else images

        if shuffle:
            start = tf.math.floormod(key, min(buffer, count))
            mixed = numbered.skip(start).concatenate(numbered.take(start)).batch(buffer)
            mixed = mixed.enumerate().map(lambda block, rows: mix(block, rows)).rebatch(batch_size)
        else:
            mixed = numbered.batch(batch_size)
        return mixed.skip(tf.cast(skip, tf.int64)).map(load).prefetch(tf.data.AUTOTUNE)

    return ordered(rest_of, -(-count // batch_size))


def _feature(builder: Any, name: str) -> Any:
    """Finds a feature of the examples; some data sets have no named ones."""
    features = builder.info.features
    return features[name] if hasattr(features, "keys") and name in features.keys() else None


def _decode_split(data_dir: str, split: str, image_size: tuple[int, int] | None) -> dict[str, np.ndarray]:
    """Decodes every image of a split."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(data_dir)
    parts = list(examples(builder, split, image_size).batch(512).as_numpy_iterator())
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return dict(zip(("images", "labels"), columns, strict=False))


def _copy_file(data_dir: str, split: str, image_size: tuple[int, int] | None) -> Path:
    """Names the cached copy by all that could change what it holds."""
    state = [str(data_dir), split, str(image_size)]
    state += [f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in sorted(Path(data_dir).iterdir())]
    digest = hashlib.sha256("\n".join(state).encode()).hexdigest()[:16]
    return cache_folder() / "arrays" / f"{Path(data_dir).parent.name}-{split}-{digest}.npz"


def _read_copy(copy: Path) -> dict[str, np.ndarray] | None:
    """Reads a cached copy; a damaged one counts as missing."""
    try:
        with open(copy, "rb") as file, np.load(file, allow_pickle=False) as columns:
            return dict(columns)
    except Exception:  # zipfile, zlib, struct and OSError: all mean that it must be made again
        return None


def _write_copy(copy: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes a copy; a folder that cannot be written costs only the time saved."""
    with contextlib.suppress(OSError), writing.whole_file(copy) as aside:
        np.savez(aside, allow_pickle=False, **columns)
