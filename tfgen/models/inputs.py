"""What `fit` and its like take beside arrays: data sets, `PyDataset`s, generators; refused in one sentence, or given one form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.data.memory import batches
from tfgen.models.sources import Source, check_weights, of_dataset

__all__ = ["Batches", "as_source", "check_elements", "check_rate", "refuse_beside", "refuse_one_pass", "with_hooks"]

_NOT_BATCHES = (Mapping, tuple, set, str, bytes, tf.distribute.DistributedDataset)


def refuse_beside(triple: tuple[Any, Any, Any], batch_size: int | None) -> None:
    """Refuses arguments that say something of arrays, beside data that comes in batches and says it itself.

    Args:
      triple: x, y and sample weights.
      batch_size: rows per batch, or None.

    Raises:
      ValueError: one of them is given.
    """
    beside = {"y": triple[1], "sample_weight": triple[2], "batch_size": batch_size}
    given = [name for name, value in beside.items() if value is not None]
    if given:
        raise ValueError(
            f"Data that comes in batches carries its own labels, weights and batch size: expected no {', '.join(beside)} beside it. "
            f"Received: {', '.join(given)}"
        )


def refuse_one_pass(given: Any, argument: str, steps: int | None) -> None:
    """Refuses a generator where nothing says how much of it an epoch, or a validation, takes.

    Args:
      given: what a caller passes as data.
      argument: the one that says it: "steps_per_epoch", "validation_steps".
      steps: its value.

    Raises:
      ValueError: there is no such value.
    """
    if isinstance(given, Iterator) and steps is None:
        raise ValueError(
            f"A generator can be read once: say by `{argument}=...` how much of it is read each time, or pass a `PyDataset` or a "
            f"`tf.data.Dataset`, which begin anew. Received: {argument}=None"
        )


# ---- data sets ----


def check_elements(model: Any, dataset: tf.data.Dataset) -> None:
    """Checks what can be told of a data set without reading it: the form of its elements, and the rate of its sound.

    Args:
      model: whose data it is.
      dataset: any `tf.data.Dataset`.

    Raises:
      ValueError: elements that are no batches (x,), (x, y) or (x, y, weights) of dense tensors, or sound of another rate.
    """
    spec: Any = dataset.element_spec
    _check_form(spec)
    shape = (spec[0] if isinstance(spec, tuple) else spec).shape
    if shape.rank == len(model.event_shape) and shape.is_compatible_with(model.event_shape):
        raise ValueError(
            f"Expected a data set of batches: pass `dataset.batch(32)`. Received: single examples of shape {shape}"
        )
    check_rate(model, data.get_sample_rate(dataset))


def check_rate(model: Any, rate: int | None) -> None:
    """Refuses sound of another sample rate than the model's, at which it would be heard and served.

    Args:
      model: whose data it is.
      rate: of the data, in Hz; None where nobody said it.

    Raises:
      ValueError: the model has another.
    """
    own = getattr(model, "sample_rate", None)
    if own is not None and rate is not None and own != rate:
        raise ValueError(
            f"Expected sound at the model's rate: build the model with sample_rate={rate}, or load the data with sample_rate={own}. "
            f"Received: data at {rate} Hz, a model at {own} Hz"
        )


def _check_form(element: Any) -> None:
    """Refuses an element, or the description of one, that is not x, (x,), (x, y) or (x, y, weights)."""
    expected = "Expected batches x, (x, y) or (x, y, weights)"
    if isinstance(element, Mapping):
        keys = ["image" if "image" in element else next(iter(element), "x"), *(["label"] if "label" in element else [])]
        taken = ", ".join(f"element[{key!r}]" for key in keys)
        raise ValueError(
            f"{expected}. Take them out of the dictionaries by `dataset.map(lambda element: ({taken},))`, or load pairs by "
            f"`tfds.load(..., as_supervised=True)`. Received: dictionaries with the keys {', '.join(map(repr, element))}"
        )
    parts = element if isinstance(element, tuple) else (element,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"{expected}. Received: tuples of {len(parts)} parts")
    for part in parts:
        if isinstance(part, (Mapping, tuple)):
            raise ValueError(f"{expected}, each part one array. Received: {type(part).__name__} inside a tuple")
        if isinstance(part, (tf.RaggedTensorSpec, tf.SparseTensorSpec)):
            raise ValueError(
                f"{expected} of dense tensors: a ragged one becomes that by `.to_tensor()`, a sparse one by `tf.sparse.to_dense`. "
                f"Received: {type(part).__name__}"
            )


# ---- what Python reads ----


class Batches:
    """Reads batches from Python: each is checked, and comes as arrays of known shape and number format.

    Args:
      model: whose data it is.
      given: a `keras.utils.PyDataset`, or something that iterates over batches: a generator, a `DataLoader` of torch.
      labelled: whether a model that takes `y` needs it here.
    """

    def __init__(self, model: Any, *, given: Any, labelled: bool) -> None:
        self.model, self.given, self.labelled = model, given, labelled
        target = model.target if labelled else None
        self.takes_y = target is not None
        y = tf.TensorSpec((None,), tf.int64) if target is None else target.spec()
        self.signature: tuple[tf.TensorSpec, ...] = (
            tf.TensorSpec((None, *model.event_shape), tf.float32),
            tf.TensorSpec((None, *y.shape[1:]), y.dtype),
            tf.TensorSpec((None,), tf.float32),
        )

    def look(self, batch: Any) -> tuple[np.ndarray, ...]:
        """Checks the first batch, which says whether there are weights.

        Args:
          batch: x, (x,), (x, y) or (x, y, weights).

        Returns:
          arrays: as `read` gives them.

        Raises:
          TypeError: as `read`.
          ValueError: as `read`.
        """
        is_weighted = isinstance(batch, (tuple, list)) and len(batch) == 3 and batch[2] is not None
        self.signature = self.signature[: 3 if is_weighted else 2 if self.takes_y else 1]
        return self.read(batch)

    def read(self, batch: Any) -> tuple[np.ndarray, ...]:
        """Checks a batch.

        Args:
          batch: x, (x,), (x, y) or (x, y, weights).

        Returns:
          arrays: x, then y where the model takes it, then weights where the first batch has some.

        Raises:
          TypeError: its values are not numbers, or labels not integers.
          ValueError: it is anything else, or what the model cannot be given.
        """
        batch = tuple(batch) if isinstance(batch, list) else batch
        _check_form(batch)
        parts = batch if isinstance(batch, tuple) else (batch,)
        x, y, weights = (None if part is None else np.asarray(part) for part in (*parts, None, None)[:3])
        self.model.check_data(x, y, labelled=self.labelled)
        check_weights(self.model, (x, y, weights))
        if self.takes_y:
            data.check_lengths(x, y)
        if weights is not None and len(self.signature) < 3:
            raise ValueError("Expected weights in each batch, or in none. Received: a batch with weights after one without")
        rows: Any = np.shape(x)[:1]  # type: ignore[arg-type]
        whole = (x, y if self.takes_y else np.zeros(rows), np.ones(rows) if weights is None else weights)
        return tuple(np.asarray(part, spec.dtype.as_numpy_dtype) for part, spec in zip(whole, self.signature, strict=False))

    def numbered(self, *, order: tf.data.Dataset) -> tf.data.Dataset:
        """Reads the batches of a `PyDataset` by number.

        Args:
          order: the numbers, each of shape (1,).

        Returns:
          dataset: of batches, in that order, read by as many threads as it has workers, `max_queue_size` batches ahead.

        Raises:
          ValueError: worker processes are asked for.
        """
        if self.given.use_multiprocessing:
            raise ValueError(
                "Expected use_multiprocessing=False: batches are read by `workers` threads, in an order that a resumed run repeats. "
                "Received: a PyDataset with use_multiprocessing=True"
            )

        @tf.autograph.experimental.do_not_convert  # there is nothing to convert
        def load(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
            types = [spec.dtype for spec in self.signature]
            columns = tf.numpy_function(lambda i: self.read(self.given[int(i[0])]), [index], types)
            return tuple(tf.ensure_shape(part, spec.shape) for part, spec in zip(columns, self.signature, strict=True))

        ahead = order.map(load, num_parallel_calls=max(1, self.given.workers), deterministic=True)
        return ahead.prefetch(self.given.max_queue_size)

    def iterated(self) -> tf.data.Dataset:
        """Reads the batches of what can only be iterated.

        Returns:
          dataset: of batches.
        """
        return tf.data.Dataset.from_generator(lambda: map(self.read, self.given), output_signature=self.signature)


class _EpochHooks(keras.callbacks.Callback):
    """Tells a `PyDataset` when an epoch begins and ends."""

    def __init__(self, given: keras.utils.PyDataset) -> None:
        super().__init__()
        self._given = given

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._given.on_epoch_begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._given.on_epoch_end()


def with_hooks(given: Any, callbacks: Iterable[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Adds to the callbacks of a `fit` the one that tells its data of epochs.

    Args:
      given: what `fit` was given as `x`; only a `PyDataset` hears of them.
      callbacks: those of the user, and perhaps of an earlier `fit`.

    Returns:
      callbacks: this data's first.
    """
    others = [callback for callback in callbacks if not isinstance(callback, _EpochHooks)]
    return [_EpochHooks(given), *others] if isinstance(given, keras.utils.PyDataset) else others


def as_source(model: Any, given: Any, *, shuffle: bool = False, labelled: bool = True) -> Source:
    """Makes a source of whatever comes in batches.

    Args:
      model: whose data it is.
      given: what a caller passes as `x`, or as validation data.
      shuffle: whether the batches of a `PyDataset` come in an order of (seed, epoch).
      labelled: whether a model that takes `y` needs it here.

    Returns:
      source: batches of known shape; of what Python reads each is checked.

    Raises:
      TypeError: it is neither an array nor anything that comes in batches.
      ValueError: its elements are no batches, there is none, or the first is none that the model can be given.
    """
    if isinstance(given, tf.data.Dataset):
        check_elements(model, given)
        return of_dataset(model, _shaped(model, given), labelled=labelled)
    reader = Batches(model, given=given, labelled=labelled)
    if isinstance(given, keras.utils.PyDataset):
        return _of_numbered(reader, shuffle=shuffle)
    if isinstance(given, _NOT_BATCHES) or not isinstance(given, Iterable):
        raise TypeError(
            "Expected `x` to be an array, a `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches, and labels beside "
            f"arrays as `y=`. Received: x of type {type(given).__name__}"
        )
    batch = next(iter(given), None)
    if batch is None:
        raise ValueError("Expected at least one batch. Received: a generator of none")
    reader.look(batch)  # told before training starts
    if isinstance(given, Iterator):
        reader.given = itertools.chain([batch], given)
    return of_dataset(model, reader.iterated(), labelled=labelled)


def _shaped(model: Any, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Says the shapes that what Python has computed does not know."""
    spec: Any = dataset.element_spec
    specs = spec if isinstance(spec, tuple) else (spec,)
    beside = () if model.target is None else model.target.spec().shape[1:]
    shapes = [(None, *model.event_shape), (None, *beside) if model.target is not None else None, (None,)]
    known = [None if part.shape.rank is not None else shape for part, shape in zip(specs, shapes, strict=False)]
    if not any(known):
        return dataset

    @tf.autograph.experimental.do_not_convert
    def shaped(*parts: tf.Tensor) -> Any:
        given = [part if shape is None else tf.ensure_shape(part, shape) for part, shape in zip(parts, known, strict=True)]
        return tuple(given) if isinstance(spec, tuple) else given[0]

    return dataset.map(shaped)


def _of_numbered(reader: Batches, *, shuffle: bool) -> Source:
    """Reads a `PyDataset` in its order, after a look at its first batch."""
    try:
        count = reader.given.num_batches
    except NotImplementedError:
        count = None  # endless, as Keras takes it
    if count == 0:
        raise ValueError("Expected at least one batch. Received: a PyDataset of none")
    first = reader.look(reader.given[0])
    if count is None:
        order: tf.data.Dataset = data.resumable(tf.data.Dataset.counter().batch(1))
    else:
        numbers, options = np.arange(count, dtype=np.int64), {"shuffle": shuffle, "seed": reader.model.seed}
        order = batches(lambda i: (i,), numbers, lambda i, *_: i, batch_size=1, **options)
    return of_dataset(reader.model, reader.numbered(order=order), labelled=reader.labelled, first=first)
