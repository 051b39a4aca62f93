"""Turns what `fit`, `evaluate` and `predict` are given into data sets of checked batches in a repeatable order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data import position
from tfgen.models import inputs
from tfgen.models.place import Fingerprint
from tfgen.models.sources import Source, check_weights, of_arrays

__all__ = ["NOTHING", "FitPlan", "Start", "evaluation_dataset", "plan_fit"]

NOTHING = -1  # instead of steps to leave out: all of them
_DEFAULT_BATCH = 32
_FAR = (
    2**62
)  # declared where there is no length: what Keras would take for one when it meets an end is that of a resumed epoch's rest
Triple = tuple[Any, Any, Any]


@dataclass
class Start:
    """Where the next iteration of one `fit` begins.

    Args:
      epoch: what orders the data.
      skip: steps to leave out, or `NOTHING` for an epoch of which only the end is left.
    """

    epoch: int = 0
    skip: int = 0


@dataclass
class FitPlan:
    """What `fit` hands to Keras, and what its clock has to know.

    Args:
      dataset: steps.
      start: what `dataset` asks where to begin; of this `fit` alone.
      steps: of an epoch; None where nobody knows.
      endless: whether one iteration serves all epochs.
      fingerprint: of the data.
      keywords: the remaining arguments of Keras's `fit`.
    """

    dataset: Any
    start: Start
    steps: int | None
    endless: bool
    fingerprint: Fingerprint
    keywords: dict[str, Any]


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
        limit = {"validation_steps": rest.get("validation_steps")}
        rest["validation_data"] = evaluation_dataset(model, (*parts, None, None, None)[:3], size, limit)
    _refuse_nothing(triple[0])
    if _is_array(triple[0]):
        check_weights(model, triple)
        source = of_arrays(model, triple, _DEFAULT_BATCH if batch_size is None else batch_size, shuffle=shuffle)
    else:
        inputs.refuse_beside(triple, batch_size)
        inputs.refuse_one_pass(triple[0], "steps_per_epoch", steps)
        source = inputs.as_source(model, triple[0], shuffle=shuffle)
    return _plan_steps(model, source, steps, {**rest, "shuffle": False})  # Keras warns about its default with a data set


def _plan_steps(model: Any, source: Source, steps: int | None, rest: dict[str, Any]) -> FitPlan:
    """Makes the data set of steps, which begins where its `Start` says."""
    read, size = _in_steps(model, source)
    endless = size == tf.data.INFINITE_CARDINALITY or (size == tf.data.UNKNOWN_CARDINALITY and steps is not None)
    if size == tf.data.INFINITE_CARDINALITY and steps is None:
        raise ValueError(
            "This data set never ends. Pass `steps_per_epoch=...` to say how long an epoch is. Received: steps_per_epoch=None"
        )
    if steps is not None and 0 <= size < steps:
        raise ValueError(
            f"Expected `steps_per_epoch` of at most the data set's {size} batches; `dataset.repeat()` makes it endless. "
            f"Received: steps_per_epoch={steps}"
        )
    start, size = Start(), size if endless or steps is None else steps

    def begin(epoch: Any, skip: Any) -> tf.data.Dataset:
        left = -1 if endless or steps is None else steps - skip
        return read(epoch, tf.maximum(skip, 0)).take(tf.where(skip == NOTHING, tf.zeros((), tf.int64), left))

    dataset = position.follow(lambda: (start.epoch, start.skip), begin)
    dataset = position.with_cardinality(dataset, _FAR if size < 0 else size)
    if endless:
        rest["steps_per_epoch"] = steps
    return FitPlan(dataset.with_options(source.options), start, steps if size < 0 else size, endless, source.fingerprint, rest)


def _in_steps(model: Any, source: Source) -> tuple[Callable[[Any, Any], tf.data.Dataset], int]:
    """Gathers the batches of each step, and leaves out what is no whole step, if steps must be whole."""
    replicas, moves = model.distribute_strategy.num_replicas_in_sync, model.batches_per_step
    if replicas == moves == 1:
        return source.read, source.size
    rows, size = source.rows, source.size
    if rows % replicas:
        raise ValueError(f"Expected batches that divide evenly among the {replicas} replicas. Received: batches of {rows} rows")
    if size > 0 and source.last_rows() != rows:
        print(f"The short last batch is dropped: every move sees {rows} rows.")
        size -= 1
    if size > 0 and size % moves:
        print(f"A step takes {moves} batches: the last {size % moves} of {size} are left out.")
    if 0 <= size < moves:
        raise ValueError(f"Expected at least {moves} whole batches, as many as a step takes. Received: {size}")

    def read(epoch: Any, skip: Any) -> tf.data.Dataset:
        # only the last batch of data that ends is short; of other data those are counted that are not left out
        before, after = (skip * moves, 0) if size > 0 else (0, skip * moves)
        full = source.read(epoch, before).filter(lambda *batch: tf.equal(tf.shape(batch[0])[0], rows)).skip(after)
        return _grouped(full, moves, replicas) if moves > 1 else full

    return read, size // moves if size > 0 else size


def evaluation_dataset(
    model: Any,
    triple: Triple,
    batch_size: int | None,
    limit: dict[str, int | None],
    *,
    labelled: bool = True,
    counts: list[int] | None = None,
) -> Any:
    """Prepares data for `evaluate` and `predict`: in order, no row dropped.

    Args:
      model: the model.
      triple: x, y and sample weights.
      batch_size: rows at once for arrays, or None.
      limit: how many batches are read, or None for all, under the name of the argument that says so.
      labelled: whether a model that takes `y` needs it here.
      counts: gets the rows of each batch that was padded or could have been, once it is read.

    Returns:
      dataset: batches; with several replicas (x, y, weights), where padded rows weigh nothing.

    Raises:
      ValueError: data that the model cannot take, or that never ends, in one sentence.
    """
    x = triple[0]
    _refuse_nothing(x)
    if _is_array(x):
        check_weights(model, triple)
        size = _DEFAULT_BATCH if batch_size is None else batch_size
        source = of_arrays(model, triple, size, shuffle=False, labelled=labelled)
    else:
        inputs.refuse_beside(triple, batch_size)
        ((name, steps),) = limit.items()
        source = inputs.as_source(model, x, labelled=labelled)
        if source.size == tf.data.INFINITE_CARDINALITY and steps is None:
            raise ValueError(
                f"This data set never ends. Pass `{name}=...` to say how many batches to read. Received: {name}=None"
            )
    dataset = position.with_cardinality(position.follow(lambda: (0, 0), source.read), source.size)
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:
        dataset = _pad_batches(dataset, -(-source.rows // replicas) * replicas, [] if counts is None else counts)
    return dataset.with_options(source.options)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, tf.Tensor, list)) or (hasattr(x, "__array__") and not isinstance(x, tf.data.Dataset))


def _refuse_nothing(x: Any) -> None:
    if x is None or isinstance(x, (str, bytes)):
        raise ValueError(f"Expected `x` to be an array or a `tf.data.Dataset`. Received: x={x!r}")


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


def _grouped(dataset: tf.data.Dataset, moves: int, replicas: int) -> tf.data.Dataset:
    """Gathers the batches of one step, so that each replica's part of the rows holds its share of every move."""

    def in_order(tensor: tf.Tensor) -> tf.Tensor:
        # (moves, replicas * rows, ...) -> (replicas, moves, rows, ...) -> (replicas * moves * rows, ...)
        shape = tf.shape(tensor)
        parts = tf.reshape(tensor, tf.concat([[moves, replicas, shape[1] // replicas], shape[2:]], 0))
        order = tf.concat([[1, 0], tf.range(2, tf.rank(parts))], 0)
        gathered = tf.reshape(tf.transpose(parts, order), tf.concat([[-1], shape[2:]], 0))
        return tf.ensure_shape(gathered, [None, *tensor.shape[2:]])

    return dataset.batch(moves, drop_remainder=True).map(lambda *parts: tuple(in_order(part) for part in parts))


def _pad_batches(dataset: tf.data.Dataset, rows: int, counts: list[int]) -> tf.data.Dataset:
    """Repeats the first row of a short batch up to full size; what is repeated weighs nothing."""

    def note(count: np.ndarray) -> np.ndarray:
        counts.append(int(count))
        return count

    def pad(x: tf.Tensor, y: Any, weights: tf.Tensor) -> Any:
        count = tf.ensure_shape(tf.numpy_function(note, [tf.shape(x)[0]], tf.int32), ())
        index = tf.where(tf.range(rows) < count, tf.range(rows), 0)
        mask = tf.cast(tf.range(rows) < count, tf.float32)
        return tf.gather(x, index), tf.gather(y, index), tf.gather(weights, index) * mask

    return dataset.map(pad)
