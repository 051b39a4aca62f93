"""Reading a data set from any epoch and batch on: the order of an epoch follows from it, and a stopped run goes on inside one.

Nothing here is remembered between two readings: who iterates says where to begin. `model.fit` does, for the data set that it reads
and for no other; `at_position` does for a loop of your own.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.checks import check_integer

__all__ = ["ResumableDataset", "at_position", "follow", "get_epoch", "get_skip", "hidden", "resumable", "set_position"]

Read = Callable[[Any, Any], tf.data.Dataset]

# What keeps a data set readable from any place; `cache`, `snapshot` and the like freeze the order that they have seen.
_ONE_TO_ONE = ("map", "prefetch", "with_options")
_OTHERS = (
    *("apply", "batch", "bucket_by_sequence_length", "concatenate", "enumerate", "filter", "flat_map", "group_by_window"),
    *("ignore_errors", "interleave", "padded_batch", "ragged_batch", "rebatch", "rejection_resample", "scan", "shard"),
    *("shuffle", "skip", "sparse_batch", "take", "take_while", "unbatch", "unique", "window"),
)


class ResumableDataset(tf.data.Dataset):
    """A data set that can be read from any epoch and batch on, and so can those that `map`, `batch`, `repeat` and their like make of it.

    Iterated by itself it begins with epoch 0.

    Args:
      read: maps an epoch and a number of batches to leave out, integers or scalars int64, to the rest of that epoch.
      plain: the same data set as TensorFlow knows it.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> data = tfgen.data.resumable(tf.data.Dataset.range(5)).map(lambda i: 2 * i)
      >>> [int(i) for i in data.read_from(0, 3)], [int(i) for i in data]
      ([6, 8], [0, 2, 4, 6, 8])
    """

    def __init__(self, read: Read, *, plain: tf.data.Dataset) -> None:
        self._read, self._plain = read, plain
        super().__init__(tf.data.experimental.to_variant(plain))

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._plain]

    @property
    def element_spec(self) -> Any:
        return self._plain.element_spec

    def read_from(self, epoch: Any, skip_batches: Any = 0) -> tf.data.Dataset:
        """Reads the rest of an epoch.

        Args:
          epoch: its number, at least 0; an integer or a scalar int64.
          skip_batches: elements of this data set to leave out, at least 0; an integer or a scalar int64.

        Returns:
          dataset: the elements that follow, of unknown cardinality.
        """
        return self._read(epoch, skip_batches)

    def repeat(self, count: int | None = None, name: str | None = None) -> tf.data.Dataset:
        """Reads epoch after epoch: the r-th repetition of epoch e is epoch `e * count + r`, and `e + r` where there is no end."""
        rounds, size = -1 if count is None else int(count), int(self.cardinality())

        def read(epoch: Any, skip: Any) -> tf.data.Dataset:
            epoch, skip = tf.cast(epoch, tf.int64), tf.cast(skip, tf.int64)
            first, rest = (skip // size, skip % size) if size > 0 else (tf.zeros((), tf.int64), tf.zeros((), tf.int64))

            def one(number: tf.Tensor) -> tf.data.Dataset:
                return self.read_from(epoch * max(rounds, 1) + number, tf.where(number == first, rest, 0))

            numbers = tf.data.Dataset.range(first, rounds if rounds >= 0 else tf.int64.max)
            return numbers.flat_map(one) if size > 0 else numbers.flat_map(one).skip(skip)

        return ordered(read, int(super().repeat(count, name).cardinality())).with_options(self.options())  # type: ignore[return-value]


def _recorded(name: str) -> Callable[..., tf.data.Dataset]:
    """Makes the method of `ResumableDataset` that does what TensorFlow's does, and can be done again from another place."""
    transform = getattr(tf.data.Dataset, name)

    @functools.wraps(transform)
    def method(self: ResumableDataset, *arguments: Any, **keywords: Any) -> tf.data.Dataset:
        plain = transform(self, *arguments, **keywords)
        if isinstance(plain, ResumableDataset):
            return plain

        def read(epoch: Any, skip: Any) -> tf.data.Dataset:
            def there(value: Any) -> Any:
                return value.read_from(epoch) if isinstance(value, ResumableDataset) else value

            given = [there(value) for value in arguments]
            named = {key: there(value) for key, value in keywords.items()}
            if name in _ONE_TO_ONE:
                return transform(self.read_from(epoch, skip), *given, **named)
            return transform(self.read_from(epoch), *given, **named).skip(tf.cast(skip, tf.int64))

        return ResumableDataset(read, plain=plain)

    return method


for _name in (*_ONE_TO_ONE, *_OTHERS):
    setattr(ResumableDataset, _name, _recorded(_name))


def at_position(dataset: tf.data.Dataset, epoch: int, skip_batches: int = 0) -> tf.data.Dataset:
    """Reads a data set from a place on: for a loop of your own, what `model.fit` does for its own.

    Args:
      dataset: of `tfgen.data`, whose order follows the epoch, or any other, of which batches are left out.
      epoch: number of the epoch, at least 0.
      skip_batches: number of its batches to leave out, at least 0.

    Returns:
      dataset: the rest of that epoch, the same each time it is iterated.

    Raises:
      TypeError: `dataset` is not a `tf.data.Dataset`, or a number is no integer.
      ValueError: a number is negative.

    Example:
      >>> import numpy as np, tfgen
      >>> data = tfgen.data.from_arrays(np.zeros((6, 2, 2, 1)), np.arange(6), batch_size=2)
      >>> for epoch in range(2):
      ...     for images, labels in tfgen.data.at_position(data, epoch):
      ...         pass
      >>> len(data), len(tfgen.data.at_position(data, 3, skip_batches=2))
      (3, 1)
    """
    data = _checked(dataset)
    epoch, skip_batches = check_integer(epoch, "epoch", least=0), check_integer(skip_batches, "skip_batches", least=0)
    if not isinstance(data, ResumableDataset):
        return data.skip(skip_batches)
    size = int(data.cardinality())
    rest = data.read_from(epoch, skip_batches).with_options(data.options())
    left = size if size < 0 else max(size - skip_batches, 0)
    return rest if size == tf.data.UNKNOWN_CARDINALITY else rest.apply(tf.data.experimental.assert_cardinality(left))


def resumable(dataset: tf.data.Dataset) -> ResumableDataset:
    """Wraps a data set so that it, and what `map`, `batch` and their like make of it, can be read from any batch on.

    A run killed inside an epoch goes on where it stood if the data set is deterministic: the same elements in the same order each
    time that epoch is read. `model.fit` needs no wrapping, and data sets of `tfgen.data` skip without reading what they skip.

    Args:
      dataset: any `tf.data.Dataset`; its elements are what counts as a batch.

    Returns:
      dataset: the same elements, types, options and cardinality.

    Raises:
      TypeError: `dataset` is not a `tf.data.Dataset`.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> data = tfgen.data.resumable(tf.data.Dataset.range(5))
      >>> [int(i) for i in tfgen.data.at_position(data, 0, skip_batches=3)], [int(i) for i in data], len(data)
      ([3, 4], [0, 1, 2, 3, 4], 5)
    """
    data = _checked(dataset)
    if isinstance(data, ResumableDataset):
        return data
    made = ordered(lambda epoch, skip: data.skip(tf.cast(skip, tf.int64)), int(data.cardinality()))
    return made.with_options(data.options())


def _checked(dataset: Any) -> tf.data.Dataset:
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(f"Expected a tf.data.Dataset. Received: dataset={dataset!r} of type {type(dataset).__name__}")
    return dataset


def ordered(read: Read, size: int) -> ResumableDataset:
    """Makes a data set of the function that reads it from any place.

    Args:
      read: maps an epoch and a number of batches to leave out to the rest of that epoch.
      size: number of batches of a whole epoch, or one of `tf.data`'s two signs.

    Returns:
      dataset: of that cardinality.

    Example:
      >>> data = ordered(lambda epoch, skip: tf.data.Dataset.range(10 * epoch + skip, 10 * epoch + 3), 3)
      >>> [int(i) for i in data], [int(i) for i in at_position(data, 2, 1)]
      ([0, 1, 2], [21, 22])
    """
    return ResumableDataset(read, plain=with_cardinality(follow(_take_told, read), size))


def follow(place: Callable[[], tuple[int, int]], read: Read) -> tf.data.Dataset:
    """Makes a data set that asks where to begin each time it is iterated.

    The answer is of plain Python integers, read through `tf.numpy_function`, and no `tf.Variable`: one born inside a distribution
    strategy's scope becomes a mirrored one, which tf.data cannot capture.

    Args:
      place: tells the epoch and the number of batches to leave out.
      read: maps the two, scalars int64, to the rest of that epoch.

    Returns:
      dataset: of unknown cardinality.

    Example:
      >>> begin = [4]
      >>> data = follow(lambda: (0, begin[0]), lambda epoch, skip: tf.data.Dataset.range(skip, 6))
      >>> [int(i) for i in data]
      [4, 5]
      >>> begin[0] = 5
      >>> [int(i) for i in data]
      [5]
    """

    def ask(_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pair = tf.ensure_shape(tf.numpy_function(lambda: np.asarray(place(), np.int64), [], tf.int64), (2,))
        return pair[0], pair[1]

    return tf.data.Dataset.range(1).map(ask).flat_map(read)


def with_cardinality(dataset: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Declares how many elements a data set has when nothing is skipped, while allowing it to end earlier.

    `tf.data.experimental.assert_cardinality` raises when a resumed epoch ends early. Zipping with `range(size)` does not, but
    needs a partner of declared infinite length: a choice among data sets of which one is infinite is taken for infinite, and
    the infinite one is never chosen, never even started.

    Args:
      dataset: any data set, of unknown cardinality.
      size: the number to declare, `tf.data.INFINITE_CARDINALITY`, or `tf.data.UNKNOWN_CARDINALITY` for none.

    Returns:
      dataset: the same elements, at most `size` of them, with a known cardinality.

    Example:
      >>> import tensorflow as tf
      >>> short = tf.data.Dataset.range(9).filter(lambda i: i < 3)
      >>> known = with_cardinality(short, 5)
      >>> int(known.cardinality()), [int(i) for i in known]
      (5, [0, 1, 2])
    """
    if size == tf.data.UNKNOWN_CARDINALITY:
        return dataset
    never = tf.data.Dataset.range(1).flat_map(lambda _: dataset).repeat()
    always_first = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).repeat()
    endless = tf.data.Dataset.choose_from_datasets([dataset, never], always_first, stop_on_empty_dataset=True)
    if size == tf.data.INFINITE_CARDINALITY:
        return endless
    return tf.data.Dataset.zip(tf.data.Dataset.range(size), endless).map(lambda _, element: element)


def hidden(dataset: tf.data.Dataset) -> bool:
    """Tells whether a data set is made of one whose order follows the epoch, in a way that keeps the epoch from it.

    Args:
      dataset: any `tf.data.Dataset`.

    Returns:
      answer: True where `zip`, `cache` or the like stands between.

    Example:
      >>> data = resumable(tf.data.Dataset.range(2))
      >>> hidden(data.batch(2)), hidden(tf.data.Dataset.zip(data, data))
      (False, True)
    """

    def behind(data: tf.data.Dataset) -> Iterator[tf.data.Dataset]:
        yield data
        for part in data._inputs():
            yield from behind(part)

    return not isinstance(dataset, ResumableDataset) and any(isinstance(part, ResumableDataset) for part in behind(dataset))


# ---- the old way: one place for every data set of a process that nobody else has told where to begin ----

_lock = threading.Lock()
_told = {"epoch": 0, "skip": 0}


def _take_told() -> tuple[int, int]:
    with _lock:
        skip, _told["skip"] = _told["skip"], 0
        return _told["epoch"], skip


def _warn(name: str) -> None:
    message = f"`tfgen.data.{name}` is of the whole process; read a data set by `tfgen.data.at_position(dataset, epoch, skip_batches)`"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def set_position(epoch: int, skip_batches: int = 0) -> None:
    """Deprecated: sets where the next iteration begins that is told nothing else; use `at_position`.

    `model.fit`, `evaluate` and `predict` neither read nor change it.

    Args:
      epoch: number of the epoch, at least 0; it holds until the next call.
      skip_batches: number of batches that the next iteration skips, at least 0.

    Raises:
      TypeError: an argument is not an integer.
      ValueError: an argument is negative.

    Example:
      >>> import tfgen, warnings
      >>> with warnings.catch_warnings(action="ignore"):
      ...     tfgen.data.set_position(3)
      ...     found = tfgen.data.get_epoch()
      ...     tfgen.data.set_position(0)
      >>> found
      3
    """
    _warn("set_position")
    epoch, skip_batches = check_integer(epoch, "epoch", least=0), check_integer(skip_batches, "skip_batches", least=0)
    with _lock:
        _told.update(epoch=epoch, skip=skip_batches)


def get_epoch() -> int:
    """Deprecated: tells the epoch that `set_position` has set.

    Returns:
      epoch: an integer, 0 in a new process.

    Example:
      >>> import tfgen, warnings
      >>> with warnings.catch_warnings(action="ignore"):
      ...     tfgen.data.get_epoch()
      0
    """
    _warn("get_epoch")
    return _told["epoch"]


def get_skip() -> int:
    """Deprecated: tells how many batches the next iteration will skip by `set_position`, without using it up.

    Returns:
      skip_batches: an integer, 0 unless a skip was asked for that nothing has taken yet.

    Example:
      >>> import tfgen, warnings
      >>> with warnings.catch_warnings(action="ignore"):
      ...     tfgen.data.get_skip()
      0
    """
    _warn("get_skip")
    return _told["skip"]
