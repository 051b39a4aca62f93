"""Turns what `fit`, `evaluate` and `predict` are given into data sets of checked batches in a repeatable order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import data, random
from tfgen.data import position
from tfgen.models import inputs

__all__ = ["FitPlan", "evaluation_dataset", "plan_fit"]

_DEFAULT_BATCH = 32
Triple = tuple[Any, Any, Any]


@dataclass
class FitPlan:
    """What `fit` hands to Keras.

    Args:
      dataset: batches (x, y, weights).
      cumulative_steps: steps per epoch where one endless iterator serves all epochs, else None.
      keywords: the remaining arguments of Keras's `fit`.
    """

    dataset: Any
    cumulative_steps: int | None = None
    keywords: dict[str, Any] = field(default_factory=dict)


def plan_fit(model: Any, triple: Triple, batch_size: int | None, keywords: dict[str, Any]) -> FitPlan:
    """Prepares training data, validation data and class weights.

    Args:
      model: the model to train.
      triple: x, y and sample weights as given to `fit`.
      batch_size: rows per step, or None.
      keywords: the other arguments of `fit`; those used here are taken out.

    Returns:
      plan: what Keras's `fit` is called with.

    Raises:
      ValueError: data that the model cannot be trained on, in one sentence.
    """
    split = keywords.pop("validation_split", 0.0)
    shuffle = keywords.pop("shuffle", True)
    steps = keywords.pop("steps_per_epoch", None)
    class_weight = keywords.pop("class_weight", None)
    validation = keywords.pop("validation_data", None)
    if split:
        triple, held_out = _split(triple, split)
        validation = held_out if validation is None else validation
    if class_weight is not None:
        triple = _weigh_classes(triple, class_weight)
    rest = {key: value for key, value in keywords.items() if key != "callbacks"}
    if validation is not None:
        parts = validation if isinstance(validation, (tuple, list)) else (validation,)
        size = rest.pop("validation_batch_size", None) or (batch_size if _is_array(parts[0]) else None)
        inputs.refuse_one_pass(parts[0], "validation_steps", rest.get("validation_steps"))
        rest["validation_data"] = evaluation_dataset(model, (*parts, None, None, None)[:3], size)
    _refuse_nothing(triple[0])
    if _is_array(triple[0]):
        dataset = _array_batches(model, triple, _DEFAULT_BATCH if batch_size is None else batch_size, shuffle)
    else:
        inputs.refuse_beside(triple, batch_size)
        inputs.refuse_one_pass(triple[0], "steps_per_epoch", steps)
        if isinstance(triple[0], tf.data.Dataset):
            _peek(model, triple[0])
            dataset = _as_triples(model, triple[0])
        else:
            dataset = inputs.read(model, triple[0], shuffle=shuffle, training=True)
    replicas, moves = model.distribute_strategy.num_replicas_in_sync, model.batches_per_step
    if replicas > 1 or moves > 1:
        dataset = _full_batches(dataset, replicas)
    if not _is_array(triple[0]) and not isinstance(triple[0], keras.utils.PyDataset):  # which know their place
        dataset = data.resumable(dataset)  # a resumed run skips the batches that it has seen, not those that were left out
    if moves > 1:
        dataset = _grouped(dataset, moves, replicas)
    return _with_steps(dataset, steps, rest)


def _with_steps(dataset: tf.data.Dataset, steps: int | None, rest: dict[str, Any]) -> FitPlan:
    size = int(dataset.cardinality())
    rest["shuffle"] = False  # Keras warns about its default when it is given a data set
    if size == tf.data.INFINITE_CARDINALITY:
        if steps is None:
            raise ValueError(
                "This data set never ends. Pass `steps_per_epoch=...` to say how long an epoch is. Received: steps_per_epoch=None"
            )
        return FitPlan(dataset, cumulative_steps=steps, keywords={**rest, "steps_per_epoch": steps})
    if steps is not None:
        if 0 <= size < steps:
            raise ValueError(
                f"Expected `steps_per_epoch` of at most the data set's {size} batches; `dataset.repeat()` makes it endless. "
                f"Received: steps_per_epoch={steps}"
            )
        dataset = dataset.take(steps)
    return FitPlan(dataset, keywords=rest)


def evaluation_dataset(model: Any, triple: Triple, batch_size: int | None, *, labelled: bool = True) -> Any:
    """Prepares data for `evaluate` and `predict`: in order, no row dropped.

    Args:
      model: the model.
      triple: x, y and sample weights.
      batch_size: rows at once for arrays, or None.
      labelled: whether a model that takes `y` needs it here.

    Returns:
      dataset: batches; with several replicas (x, y, weights), where padded rows weigh nothing.

    Raises:
      ValueError: data that the model cannot take, in one sentence.
    """
    x = triple[0]
    _refuse_nothing(x)
    if _is_array(x):
        dataset = _array_batches(
            model, triple, _DEFAULT_BATCH if batch_size is None else batch_size, shuffle=False, resume=False, labelled=labelled
        )
    else:
        inputs.refuse_beside(triple, batch_size)
        if isinstance(x, tf.data.Dataset):
            _peek(model, x, labelled)
            dataset = _as_triples(model, x)
        else:
            dataset = inputs.read(model, x, labelled=labelled)
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:
        dataset = _pad_batches(dataset, replicas)
    return dataset


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, tf.Tensor, list)) or (hasattr(x, "__array__") and not isinstance(x, tf.data.Dataset))


def _refuse_nothing(x: Any) -> None:
    if x is None or isinstance(x, (str, bytes)):
        raise ValueError(f"Expected `x` to be an array or a `tf.data.Dataset`. Received: x={x!r}")


def _peek(model: Any, dataset: tf.data.Dataset, labelled: bool = True) -> None:
    """Checks the first batch before training starts."""
    inputs.check_elements(model, dataset)
    for batch in dataset.take(1):
        parts: Any = batch if isinstance(batch, (tuple, list)) else (batch,)
        y = np.asarray(parts[1]) if len(parts) > 1 and parts[1] is not None else None
        model.check_data(np.asarray(parts[0]), y, labelled=labelled)
        inputs.check_weights(model, (*parts, None, None)[:3])
        return
    raise ValueError("Expected a data set with at least one batch. Received: an empty data set")


def _array_batches(
    model: Any, triple: Triple, batch_size: int, shuffle: bool, resume: bool = True, labelled: bool = True
) -> tf.data.Dataset:
    """Batches of in-memory arrays, gathered whole; the order is a function of (seed, epoch)."""
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    x = np.asarray(triple[0])
    y = None if triple[1] is None else np.asarray(triple[1])
    model.check_data(x, y, labelled=labelled)
    inputs.check_weights(model, triple)
    if y is not None:
        data.check_lengths(x, y)
    images = x.astype(np.float32) if x.dtype.kind in "fiub" else x
    labels = np.zeros((len(x),), np.int64) if y is None or model.target is None else y
    weights = np.ones((len(x),), np.float32) if triple[2] is None else np.asarray(triple[2], np.float32)
    tensors = [tf.convert_to_tensor(array) for array in (images, labels, weights)]

    def gather(rows: tf.Tensor) -> Any:
        return tuple(tf.gather(tensor, rows) for tensor in tensors)

    def one_epoch(epoch: tf.Tensor, skip: tf.Tensor) -> tf.data.Dataset:
        rows = tf.range(len(x), dtype=tf.int64)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(
                rows, tf.stack([random.row_keys(model.seed, random.Purpose.ORDER), epoch])
            )
        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size).skip(skip)

    if not resume:
        batches = tf.data.Dataset.range(len(x)).batch(batch_size)
    else:
        batches = position.positions().flat_map(one_epoch)
        batches = position.with_cardinality(batches, -(-len(x) // batch_size))
    return batches.map(gather).prefetch(2)


def _split(triple: Triple, fraction: float) -> tuple[Triple, Triple]:
    if not _is_array(triple[0]):
        raise ValueError("`validation_split` divides arrays. Pass `validation_data=` beside a data set. Received: a data set")
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"`validation_split` must lie in (0, 1). Received: validation_split={fraction}")
    at = int(len(triple[0]) * (1.0 - fraction))
    head = tuple(None if part is None else np.asarray(part)[:at] for part in triple)
    tail = tuple(None if part is None else np.asarray(part)[at:] for part in triple)
    return head, tail  # type: ignore[return-value]


def _weigh_classes(triple: Triple, class_weight: dict[int, float]) -> Triple:
    labels = None if triple[1] is None or not _is_array(triple[0]) else np.asarray(triple[1])
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            "`class_weight` needs arrays with integer labels: pass `y=`, or put weights into the data set. Received: class_weight"
        )
    weights = np.asarray([class_weight.get(int(label), 1.0) for label in labels], np.float32)
    return triple[0], labels, weights if triple[2] is None else weights * np.asarray(triple[2], np.float32)


def _first_of(batch: Any) -> tf.Tensor:
    return batch[0] if isinstance(batch, (tuple, list)) else batch


def _batch_rows(dataset: tf.data.Dataset) -> int:
    """Rows of a full batch, read off the first one."""
    return int(_first_of(next(iter(dataset))).shape[0])


def _as_triples(model: Any, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Gives every batch the form (x, y, weights): one graph then serves all data, with labels and weights or without."""

    def whole(*parts: Any) -> Any:
        given: Any = (*parts, None, None)[:3]
        x, y, weights = given
        x = tf.ensure_shape(tf.cast(x, tf.float32), (None, *model.event_shape))  # what Python has computed has no known shape
        rows = tf.shape(x)[0]
        labels = tf.zeros((rows,), tf.int64) if y is None or model.target is None else y
        if y is not None and model.target is not None:
            labels = tf.ensure_shape(y, (None, *model.target.spec().shape[1:]))
        return x, labels, tf.ones((rows,)) if weights is None else tf.ensure_shape(tf.cast(weights, tf.float32), (None,))

    return dataset.map(whole)


def _full_batches(dataset: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Leaves out a short last batch, and says so."""
    rows = _batch_rows(dataset)
    if rows % replicas:
        raise ValueError(f"Expected batches that divide evenly among the {replicas} replicas. Received: batches of {rows} rows")
    size = int(dataset.cardinality())
    full = dataset.filter(lambda *batch: tf.equal(tf.shape(batch[0])[0], rows))
    short = sum(1 for batch in dataset.skip(max(size - 1, 0)) if int(_first_of(batch).shape[0]) != rows) if size > 0 else 0
    if short:
        print(f"The short last batch is dropped: every move sees {rows} rows.")
    return full if size == tf.data.UNKNOWN_CARDINALITY else position.with_cardinality(full, size - short)


def _grouped(dataset: tf.data.Dataset, moves: int, replicas: int) -> tf.data.Dataset:
    """Gathers the batches of one step, so that each replica's part of the rows holds its share of every move."""

    def in_order(tensor: tf.Tensor) -> tf.Tensor:
        # (moves, replicas * rows, ...) -> (replicas, moves, rows, ...) -> (replicas * moves * rows, ...)
        shape = tf.shape(tensor)
        parts = tf.reshape(tensor, tf.concat([[moves, replicas, shape[1] // replicas], shape[2:]], 0))
        order = tf.concat([[1, 0], tf.range(2, tf.rank(parts))], 0)
        gathered = tf.reshape(tf.transpose(parts, order), tf.concat([[-1], shape[2:]], 0))
        return tf.ensure_shape(gathered, [None, *tensor.shape[2:]])

    size = int(dataset.cardinality())
    if size > 0 and size % moves:
        print(f"A step takes {moves} batches: the last {size % moves} of {size} are left out.")
    if 0 <= size < moves:
        raise ValueError(f"Expected at least {moves} whole batches, as many as a step takes. Received: {size}")
    return dataset.batch(moves, drop_remainder=True).map(lambda *parts: tuple(in_order(part) for part in parts))


def _pad_batches(dataset: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Repeats the first row of a short batch up to full size; what is repeated weighs nothing."""
    rows = -(-_batch_rows(dataset) // replicas) * replicas

    def pad(x: tf.Tensor, y: Any, weights: tf.Tensor) -> Any:
        count = tf.shape(x)[0]
        index = tf.where(tf.range(rows) < count, tf.range(rows), 0)
        mask = tf.cast(tf.range(rows) < count, tf.float32)
        return tf.gather(x, index), tf.gather(y, index), tf.gather(weights, index) * mask

    return dataset.map(pad)
