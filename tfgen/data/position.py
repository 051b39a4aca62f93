"""Where training stands in its data: one process-wide cell that every tfgen data set reads each time it is iterated.

The cell holds the epoch, which fixes the order of a shuffled data set together with its seed, and a number of batches to skip,
which lets a killed run go on inside an epoch. It holds plain Python integers, read through `tf.numpy_function`, and no
`tf.Variable`: a variable born inside a distribution strategy's scope becomes a mirrored one, which tf.data cannot capture.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.checks import check_integer

__all__ = ["get_epoch", "get_skip", "resumable", "set_position", "take_position"]

_lock = threading.Lock()
_cell = {"epoch": 0, "skip": 0}


def set_position(epoch: int, skip_batches: int = 0) -> None:
    """Sets the epoch that data sets follow, and how many batches the next iteration leaves out.

    `model.fit` calls this at the start of each epoch. The skip is used once: the first data set iterated afterwards takes it.

    Args:
      epoch: number of the epoch, at least 0; it holds until the next call.
      skip_batches: number of batches that the next iteration skips, at least 0.

    Raises:
      TypeError: an argument is not an integer.
      ValueError: an argument is negative.

    Example:
      >>> import tfgen
      >>> tfgen.data.set_position(3)
      >>> tfgen.data.get_epoch()
      3
      >>> tfgen.data.set_position(0)
    """
    epoch, skip_batches = check_integer(epoch, "epoch", least=0), check_integer(skip_batches, "skip_batches", least=0)
    with _lock:
        _cell.update(epoch=epoch, skip=skip_batches)


def get_epoch() -> int:
    """Tells the epoch that data sets follow.

    Returns:
      epoch: an integer, 0 in a new process.

    Example:
      >>> import tfgen
      >>> tfgen.data.set_position(0)
      >>> tfgen.data.get_epoch()
      0
    """
    return _cell["epoch"]


def get_skip() -> int:
    """Tells how many batches the next iteration will skip, without using it up.

    Returns:
      skip_batches: an integer, 0 unless `set_position` asked for a skip that nothing has taken yet.

    Example:
      >>> import tfgen
      >>> tfgen.data.set_position(0, skip_batches=2)
      >>> tfgen.data.get_skip(), tfgen.data.position.take_position(), tfgen.data.get_skip()
      (2, (0, 2), 0)
    """
    return _cell["skip"]


def take_position() -> tuple[int, int]:
    """Reads the cell for one iteration, and uses up its skip.

    Returns:
      epoch: an integer.
      skip_batches: an integer; the next reader gets 0.

    Example:
      >>> import tfgen
      >>> tfgen.data.set_position(5, skip_batches=2)
      >>> tfgen.data.position.take_position(), tfgen.data.position.take_position()
      ((5, 2), (5, 0))
      >>> tfgen.data.set_position(0)
    """
    with _lock:
        skip, _cell["skip"] = _cell["skip"], 0
        return _cell["epoch"], skip


def positions() -> tf.data.Dataset:
    """Makes a data set of one element, read from the cell when an iteration starts.

    Returns:
      dataset: one pair of scalars int64, the epoch and the number of batches to skip.

    Example:
      >>> import tfgen
      >>> tfgen.data.set_position(4)
      >>> [int(epoch) for epoch, skip in tfgen.data.position.positions()]
      [4]
      >>> tfgen.data.set_position(0)
    """

    def read(_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pair = tf.numpy_function(lambda: np.asarray(take_position(), np.int64), [], tf.int64)
        pair = tf.ensure_shape(pair, (2,))
        return pair[0], pair[1]

    return tf.data.Dataset.range(1).map(read)


def with_cardinality(dataset: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Declares how many elements a data set has when nothing is skipped, while allowing it to end earlier.

    `tf.data.experimental.assert_cardinality` raises when a resumed epoch ends early. Zipping with `range(size)` does not, but
    needs a partner of declared infinite length: a choice among data sets of which one is infinite is taken for infinite, and
    the infinite one is never chosen, never even started.

    Args:
      dataset: any data set, of unknown cardinality.
      size: the number to declare, or `tf.data.INFINITE_CARDINALITY`.

    Returns:
      dataset: the same elements, at most `size` of them, with a known cardinality.

    Example:
      >>> import tensorflow as tf
      >>> short = tf.data.Dataset.range(9).filter(lambda i: i < 3)
      >>> known = with_cardinality(short, 5)
      >>> int(known.cardinality()), [int(i) for i in known]
      (5, [0, 1, 2])
    """
    never = tf.data.Dataset.range(1).flat_map(lambda _: dataset).repeat()
    always_first = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).repeat()
    endless = tf.data.Dataset.choose_from_datasets([dataset, never], always_first, stop_on_empty_dataset=True)
    if size == tf.data.INFINITE_CARDINALITY:
        return endless
    return tf.data.Dataset.zip(tf.data.Dataset.range(size), endless).map(lambda _, element: element)


def resumable(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Wraps a data set so that an iteration leaves out the batches that `set_position` asks for.

    A run killed inside an epoch goes on where it stood if the data set is deterministic: the same elements in the same order
    each time that epoch is read. Data sets of `tfgen.data` skip by themselves, without reading what they skip; wrapping them
    again is harmless, since one reader alone takes the skip.

    Args:
      dataset: any `tf.data.Dataset`; its elements are what counts as a batch.

    Returns:
      dataset: the same elements, types, options and cardinality; an iteration that skips ends earlier.

    Raises:
      TypeError: `dataset` is not a `tf.data.Dataset`.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> data = tfgen.data.resumable(tf.data.Dataset.range(5))
      >>> tfgen.data.set_position(0, skip_batches=3)
      >>> [int(i) for i in data], [int(i) for i in data], len(data)
      ([3, 4], [0, 1, 2, 3, 4], 5)
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(f"Expected a tf.data.Dataset. Received: dataset={dataset!r} of type {type(dataset).__name__}")
    size: Any = dataset.cardinality().numpy()
    wrapped = positions().flat_map(lambda *position: dataset.skip(position[1]))
    if size != tf.data.UNKNOWN_CARDINALITY:
        wrapped = with_cardinality(wrapped, int(size))
    return wrapped.with_options(dataset.options())
