"""What `fit`, `evaluate` and `predict` read: arrays and data sets, looked at once and then read from any place."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import data, random
from tfgen.data import memory, position
from tfgen.models.place import Fingerprint

__all__ = ["Source", "of_arrays", "of_dataset"]

_SAMPLED = 64  # rows of an array by which it is told from others


@dataclass(frozen=True)
class Source:
    """Checked batches (x, y, weights).

    Args:
      read: maps an epoch and a number of batches to leave out, integers or scalars int64, to the rest of that epoch.
      size: batches of an epoch, or one of `tf.data`'s two signs.
      rows: rows of a full batch.
      last_rows: counts the rows of the last batch, where `size` is known.
      fingerprint: what tells it from other data.
      options: of `tf.data`.
    """

    read: Callable[[Any, Any], tf.data.Dataset]
    size: int
    rows: int
    last_rows: Callable[[], int]
    fingerprint: Fingerprint
    options: tf.data.Options


def of_arrays(model: Any, triple: tuple[Any, Any, Any], batch_size: int, *, shuffle: bool, labelled: bool = True) -> Source:
    """Reads arrays in memory, of which no copy is made: a batch gathers its rows, and turns these into numbers for the model.

    Args:
      model: the model that reads.
      triple: x, y and sample weights.
      batch_size: rows at once.
      shuffle: whether each epoch has an order of its own, a function of (model's seed, epoch).
      labelled: whether a model that takes `y` needs it here.

    Returns:
      source: batches; the last may be short.

    Raises:
      TypeError: the values are not numbers, or labels not integers.
      ValueError: data that the model cannot take, in one sentence.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    x, y = np.asarray(triple[0]), None if triple[1] is None else np.asarray(triple[1])
    model.check_data(x, y, labelled=labelled)
    if y is not None:
        data.check_lengths(x, y)
    n = len(x)
    labels = np.zeros((n,), np.int64) if y is None or model.target is None else y
    weights = np.ones((n,), np.float32) if triple[2] is None else np.asarray(triple[2], np.float32)
    gather, numeric = memory.rows_of(x, labels, weights), x.dtype.kind in "fiub"
    key = random.row_keys(model.seed, random.Purpose.ORDER)

    @tf.autograph.experimental.do_not_convert
    def batch(rows: tf.Tensor) -> Any:
        images, *beside = gather(rows)
        return (tf.cast(images, tf.float32) if numeric else images, *beside)

    def read(epoch: Any, skip: Any) -> tf.data.Dataset:
        rows = tf.range(n, dtype=tf.int64)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(rows, tf.stack([key, tf.cast(epoch, tf.int64)]))
        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size).skip(tf.cast(skip, tf.int64)).map(batch).prefetch(2)

    size, rows = -(-n // batch_size), min(n, batch_size)
    structure = _digest("arrays", n, batch_size, shuffle, model.seed, *((part.shape, part.dtype) for part in (x, labels)))
    content = _digest(*(part[:: max(1, n // _SAMPLED)] for part in (x, labels, weights)))
    return Source(read, size, rows, lambda: n - (size - 1) * batch_size, Fingerprint(structure, content), tf.data.Options())


def of_dataset(model: Any, dataset: tf.data.Dataset, *, labelled: bool = True, first: Any = None) -> Source:
    """Reads a data set, whose first batch is looked at and then given first to who reads it first: there may be no second reading.

    Args:
      model: the model that reads.
      dataset: batches of x, or of (x, y), or of (x, y, weights).
      labelled: whether a model that takes `y` needs it here.
      first: its first batch, where somebody has looked already.

    Returns:
      source: the same batches as triples: one graph then serves all data, with labels and weights or without.

    Raises:
      TypeError: the values are not numbers, or labels not integers.
      ValueError: there is no batch, or the first is not what the model can take, in one sentence.
    """
    if position.hidden(dataset):
        warnings.warn(
            "A data set of tfgen.data stands behind `zip`, `cache` or the like, which no epoch passes: every epoch reads it in the "
            "order of the first. Let `map`, `batch` and their like stand between, and nothing else",
            stacklevel=4,
        )
    size = int(dataset.cardinality())
    if isinstance(dataset, position.ResumableDataset):
        first, begin = next(iter(dataset.read_from(0)), None) if first is None else first, dataset.read_from
    else:
        opened = _Opened(dataset)
        first, begin = opened.first, opened.read
    if first is None:
        raise ValueError("Expected a data set with at least one batch. Received: an empty data set")
    parts = _parts(first)
    model.check_data(np.asarray(parts[0]), None if parts[1] is None else np.asarray(parts[1]), labelled=labelled)
    check_weights(model, parts)

    @tf.autograph.experimental.do_not_convert
    def whole(*batch: Any) -> Any:
        given: Any = (*batch, None, None)[:3]
        x, y, weights = given
        rows = tf.shape(x)[0]
        labels = tf.zeros((rows,), tf.int64) if y is None or model.target is None else y
        return tf.cast(x, tf.float32), labels, tf.ones((rows,)) if weights is None else tf.cast(weights, tf.float32)

    def last_rows() -> int:
        return next((len(_parts(batch)[0]) for batch in position.at_position(dataset, 0, size - 1)), 0)

    rows, values = int(parts[0].shape[0]), tf.nest.flatten(first, expand_composites=True)
    fingerprint = Fingerprint(_digest("data set", size, rows, dataset.element_spec), _digest(*map(np.asarray, values)))
    return Source(lambda epoch, skip: begin(epoch, skip).map(whole), size, rows, last_rows, fingerprint, dataset.options())


def check_weights(model: Any, triple: tuple[Any, Any, Any]) -> None:
    """Refuses sample weights where a model has no per-example loss to weigh.

    Args:
      model: the model.
      triple: x, y and sample weights.

    Raises:
      ValueError: weights are given and the model cannot use them, or they are not one finite number per row.
    """
    weights = triple[2]
    if weights is None:
        return
    if not model.accepts_sample_weight:
        raise ValueError(
            f"{type(model).__name__} plays a game between networks and has no per-example loss to weigh. Received: sample_weight"
        )
    array = np.asarray(weights)
    if array.shape != (len(triple[0]),) or not np.isfinite(array.astype(np.float64)).all():
        raise ValueError(f"Expected `sample_weight` to be one finite number per row. Received: shape {array.shape}")


class _Opened:
    """A data set of which an iteration has begun: the first reading goes on with it, the others begin anew."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        self._dataset, self._iterator = dataset, iter(dataset)
        self.first = next(self._iterator, None)
        self._is_read = False

    def _is_first(self) -> np.ndarray:
        is_first, self._is_read = not self._is_read, True
        return np.asarray(is_first)

    def read(self, epoch: Any, skip: Any) -> tf.data.Dataset:
        """Reads what follows a number of batches; the epoch is the data set's own affair."""
        del epoch

        @tf.autograph.experimental.do_not_convert
        def following(_: tf.Tensor) -> Any:
            return self._iterator.get_next_as_optional()

        rest = tf.data.Dataset.counter().map(following).take_while(lambda found: found.has_value())
        begun = tf.data.Dataset.from_tensors(self.first).concatenate(rest.map(lambda found: found.get_value()))
        is_first = tf.ensure_shape(tf.numpy_function(self._is_first, [], tf.bool), ())
        everything, nothing = tf.constant(-1, tf.int64), tf.constant(0, tf.int64)
        begun = begun.take(tf.where(is_first, everything, nothing))
        return begun.concatenate(self._dataset.take(tf.where(is_first, nothing, everything))).skip(tf.cast(skip, tf.int64))


def _parts(batch: Any) -> tuple[Any, Any, Any]:
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    return (*parts, None, None)[:3]  # type: ignore[return-value]


def _digest(*parts: Any) -> str:
    """Reduces arrays and whatever else has a plain text to a few letters."""
    digest = hashlib.sha256()
    for part in parts:
        is_plain = isinstance(part, np.ndarray) and part.dtype.kind != "O"
        digest.update(np.ascontiguousarray(part).tobytes() if is_plain else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()[:16]
