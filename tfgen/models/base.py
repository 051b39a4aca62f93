"""What every generative model of the library is: an ordinary Keras model that also samples, counts its steps and exports
itself."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import data, random
from tfgen.models import configuration, labels, signatures
from tfgen.models.averages import averaged_copy, update_average
from tfgen.models.signatures import Signature
from tfgen.models.training import TrainingMixin

__all__ = ["GenerativeModel"]

_EVALUATION = 1  # keys the noise of `evaluate`, which must not depend on how far training has come
_ROWS_AT_ONCE = 256
_COLDEST = 1e-6  # temperature: logits and scales divided or multiplied by it stay finite


class GenerativeModel(TrainingMixin, keras.Model, abc.ABC):  # type: ignore[misc]
    """Abstract base of all families.

    A subclass builds every network in its constructor, calls `self._finish(event_shape)` last, lists its constructor's
    arguments
    in `arguments` (attributes of the same names), and gives `_sample_rows`. The family bases add objectives.

    All noise of training is keyed by (seed, step, row of the global batch), so the three counters below are the whole random
    state: `step` (training steps taken), `epoch` (epochs finished) and `batch` (batches done in the current epoch).

    Args:
      seed: fixes training noise and the order of the data; weights are initialised by Keras's own generator
        (`keras.utils.set_random_seed`).
      ema: decay per step of the averaged copy of the weights that sampling, evaluation and export use, in (0, 1); None for
        no copy.
      name: Keras's name.
      dtype: Keras's dtype policy.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    sampling_controls: tuple[str, ...] = ()
    num_classes: int | None = None  # of a conditional model
    output_name: ClassVar[str] = "image"
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # of the data
    default_networks: tuple[str, ...] = ()  # names of network arguments that were left to the class

    def __init__(self, *, seed: int = 0, ema: float | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= random.MAX_SEED:
            raise ValueError(f"`seed` must be an integer in [0, 2**53). Received: seed={seed!r}")
        if ema is not None and not 0.0 < ema < 1.0:
            raise ValueError(f"`ema` must be a decay in (0, 1), for example 0.999, or None. Received: ema={ema}")
        self.seed = int(seed)
        self.ema = ema
        counters = {"dtype": "int64", "trainable": False, "initializer": "zeros", "aggregation": "only_first_replica"}
        self.step = self.add_weight(name="step", shape=(), **counters)
        self.epoch = self.add_weight(name="epoch", shape=(), **counters)
        self.batch = self.add_weight(name="batch", shape=(), **counters)
        self._evaluated_rows = tf.Variable(
            0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        self._trackers: dict[str, keras.metrics.Mean] = {}
        self._compiled_functions: dict[str, Callable[..., Any]] = {}

    # ---- construction ----

    def _condition_on(self, num_classes: int | None) -> None:
        """Makes the model conditional on class labels, unless `num_classes` is None: a constructor calls it first."""
        self.num_classes = labels.check_num_classes(num_classes)
        if num_classes is not None:
            self.sampling_controls = ("label", *type(self).sampling_controls)

    @property
    def conditional(self) -> bool:
        """Whether `fit` and its like need `y`."""
        return self.num_classes is not None

    def _conditions(self, y: Any) -> dict[str, tf.Tensor]:
        """Returns what an objective is conditional on: {"label": (batch,) int64}, or nothing."""
        return {} if self.num_classes is None else {"label": labels.asserted(y, self.num_classes)}

    def _finish(self, event_shape: Sequence[int], metrics: Sequence[str]) -> None:
        """Ends construction: the shape of one example, the names of the metrics; everything is built by now."""
        self.event_shape = tuple(int(size) for size in event_shape)
        self._trackers = {metric: keras.metrics.Mean(name=metric) for metric in metrics}
        self.built = True

    def _average_of(self, network: Any) -> Any:
        """Returns the averaged copy of a network, or the network itself without `ema`."""
        return network if self.ema is None else averaged_copy(network)

    def _averaged_pairs(self) -> list[tuple[Any, Any]]:
        """Lists (network, averaged copy); a model with `ema` overrides it."""
        return []

    def _advance(self) -> None:
        """Ends a training step: moves the averages and the step counter."""
        if self.ema is not None:
            for network, average in self._averaged_pairs():
                update_average(average, network, self.ema, self.step)
        self.step.assign_add(1)

    # ---- seeds ----

    def _row_numbers(self, batch: tf.Tensor) -> tf.Tensor:
        """Numbers the local rows by their place in the global batch."""
        replica = tf.distribute.get_replica_context()
        number = replica.replica_id_in_sync_group if replica is not None else 0
        return tf.cast(number, tf.int64) * tf.cast(batch, tf.int64) + tf.range(tf.cast(batch, tf.int64))

    def _training_seeds(self, batch: tf.Tensor) -> tf.Tensor:
        return random.row_keys(self.seed, 0, self.step, self._row_numbers(batch))

    def _evaluation_seeds(self, batch: tf.Tensor) -> tf.Tensor:
        seeds = random.row_keys(self.seed, _EVALUATION, self._evaluated_rows + self._row_numbers(batch))
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.control_dependencies([seeds]):
            self._evaluated_rows.assign_add(tf.cast(batch, tf.int64) * replicas)
        return seeds

    # ---- metrics ----

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._evaluated_rows.assign(0)

    def _track(self, values: dict[str, tf.Tensor], sample_weight: tf.Tensor | None) -> dict[str, tf.Tensor]:
        for name, value in values.items():
            self._trackers[name].update_state(value, sample_weight=sample_weight)
        return self.get_metrics_result()

    # ---- sampling ----

    @abc.abstractmethod
    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor]) -> tf.Tensor:
        """Draws one example per seed, (batch, *event_shape); row i is a function of row i of the arguments alone."""

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        label: Sequence[int] | np.ndarray | None = None,
        temperature: float | Sequence[float] | None = None,
        truncation: float | Sequence[float] | None = None,
        batch_size: int = _ROWS_AT_ONCE,
    ) -> np.ndarray:
        """Draws examples.

        Row i depends on its own seed (and label and controls) alone: not on `n`, on the batch, or on whether Python or a server
        draws it, up to float32 rounding, which differs between batch sizes and processors. A discrete value flips when its
        uniform number lies within rounding of a boundary, about one image in 10 000.

        Args:
          n: number of examples; a list of seeds or labels fixes it too.
          seed: one integer for the call (row i then has `tfgen.random.row_seeds(seed, n)[i]`), one per row, or None for a
            fresh one.
          label: conditional models only; one class per row.
          temperature: positive, one or one per row; below 1 draws likelier examples. Not every model has it.
          truncation: positive, one or one per row; bounds the latents' magnitude. Not every model has it.
          batch_size: rows computed at once; it does not change the result.

        Returns:
          examples: (n, *event_shape) float32 in the data's own range, [0, 1] for images.

        Raises:
          ValueError: the number of rows is not fixed or contradictory, or the model lacks a control that is asked for.
          TypeError: a seed is not an integer.
        """
        given = {"label": label, "temperature": temperature, "truncation": truncation}
        return self._draw_examples(n, seed, given, batch_size)

    def _draw_examples(self, n: int | None, seed: Any, given: dict[str, Any], batch_size: int, *length: int) -> np.ndarray:
        """Draws examples after checking seeds and controls; of another length, where the model takes one."""
        label = given.get("label")
        if n is None and label is not None and (np.ndim(label) or not np.ndim(seed)):
            n = len(np.atleast_1d(label))
        seeds = random.as_row_seeds(seed, n)
        controls = self._check_controls(given, len(seeds), *length)
        if not len(seeds):
            return np.zeros((0, *length, *self.event_shape[len(length) :]), np.float32)
        names = tuple(controls)
        draw = self._compiled(
            ":".join(["sample", ",".join(names), *map(str, length)]),
            lambda seeds, *values: self._sample_rows(seeds, dict(zip(names, values, strict=True)), *length),
        )
        return self._in_chunks(draw, [seeds, *controls.values()], batch_size)

    def _check_controls(self, given: dict[str, Any], n: int) -> dict[str, np.ndarray]:
        """Returns the controls that were given, one value per row, or says why one cannot be used."""
        controls = {}
        for name, value in given.items():
            if name == "label" and self.num_classes is not None:
                controls[name] = labels.as_labels(value, self.num_classes, n)
                continue
            if value is None:
                continue
            if name not in self.sampling_controls:
                known = ", ".join(self.sampling_controls) or "none"
                raise ValueError(
                    f"{type(self).__name__} has no `{name}`. Sampling controls of this model: {known}. Received: {name}={value}"
                )
            array = np.asarray(value)
            if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
                raise ValueError(
                    f"Expected one `{name}`, or one for each of the {n} rows. Received: {name} of shape {array.shape}"
                )
            controls[name] = self._check_control(name, np.broadcast_to(array, (n,)))
        return controls

    def _check_control(self, name: str, values: np.ndarray) -> np.ndarray:
        """Checks one control's values and gives them their dtype."""
        floats = values.astype(np.float32) if values.dtype.kind in "fiu" else np.zeros(1, np.float32)
        if not (np.isfinite(floats).all() and (floats > 0).all()):  # in float32: 1e-50 is zero there
            raise ValueError(f"`{name}` must be positive. Received: {name}={values}")
        return floats

    @staticmethod
    def _temperature(controls: dict[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        """Returns the temperature of each row, one where none is asked for; a server brings it unchecked."""
        if "temperature" not in controls:
            return tf.ones((rows,))
        given = controls["temperature"]
        expected = "Expected temperatures above 0. Received:"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(given > 0.0), [expected, given])]):
            return tf.maximum(given, _COLDEST)

    def _compiled(self, key: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a graph function, traced once per key and signature; weights are read each time it runs."""
        if key not in self._compiled_functions:
            self._compiled_functions[key] = tf.function(function, autograph=False, reduce_retracing=True)
        return self._compiled_functions[key]

    def _in_chunks(self, function: Callable[..., tf.Tensor], arrays: Sequence[Any], batch_size: int) -> np.ndarray:
        """Runs a function over the rows of arrays, `batch_size` rows at a time."""
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
        rows = len(arrays[0])
        starts = range(0, max(rows, 1), batch_size)
        parts = [function(*[tf.convert_to_tensor(a[i : i + batch_size]) for a in arrays]).numpy() for i in starts]
        return np.concatenate(parts)

    # ---- data ----

    def check_data(self, x: Any, y: Any = None, *, name: str = "x") -> None:
        """Checks a batch before anything is computed from it.

        Args:
          x: (batch, *event_shape) in the data's range, [0, 1] for images.
          y: labels, which unconditional models ignore.
          name: what the caller calls `x`.

        Raises:
          TypeError: the values are not numbers, or labels not integers.
          ValueError: wrong shape or range, NaN, or no examples; labels missing or out of range in a conditional model.
        """
        data.check_images(x, shape=self.event_shape, value_range=self.value_range, name=name)
        if self.num_classes is not None:
            labels.check_labels(y, self.num_classes)

    def _as_batch(self, x: Any, label: Any = None) -> np.ndarray:
        """Checks examples handed to `log_prob` and its like, with their labels, and returns them as float32."""
        array = np.asarray(x)
        self.check_data(array, label)
        return array.astype(np.float32)

    # ---- serving ----

    def signatures(self) -> dict[str, Signature]:
        """Lists what the model offers to a server: `sample`, `sample_with_controls` and whatever its family adds.

        Returns:
          signatures: name -> `tfgen.models.signatures.Signature`; all inputs and outputs have the batch first.
        """
        found = {"sample": self._sampling_signature(self._condition_names())}
        if set(self.sampling_controls) - {"label"}:
            controls = [*self._condition_names(), *(name for name in self.sampling_controls if name != "label")]
            found["sample_with_controls"] = self._sampling_signature(controls)
        return found

    def _sampling_signature(self, controls: Sequence[str]) -> Signature:
        def draw(seed: tf.Tensor, **values: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.output_name: self._sample_rows(seed, values)}

        specs = [signatures.batch_of((), tf.int64, "seed")]
        return Signature(draw, specs + [self._control_spec(name) for name in controls])

    def _condition_names(self) -> list[str]:
        """Names what every draw of a conditional model needs."""
        return ["label"] if self.num_classes is not None else []

    def _control_spec(self, name: str) -> tf.TensorSpec:
        return signatures.batch_of((), tf.int64 if name == "label" else tf.float32, name)

    def export_metadata(self) -> dict[str, Any]:
        """Describes the model for those who meet only its export.

        Returns:
          metadata: JSON-able; class, event shape, controls, what fixes a sample.
        """
        classes = {} if self.num_classes is None else {"num_classes": self.num_classes}
        return {
            "class": type(self).__name__,
            "event_shape": list(self.event_shape),
            **classes,
            "sampling_controls": list(self.sampling_controls),
            "seeds": "one int64 below 2**53 per row; see tfgen.random.row_seeds",
            "parameters": int(self.count_params()),
        }

    # ---- saving ----

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; `from_config` takes them back."""
        return configuration.to_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> GenerativeModel:
        """Rebuilds the model, untrained, from what `get_config` returned."""
        return cls(**configuration.from_config(config, custom_objects))

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        configuration.save_random_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        configuration.load_random_states(self, store)
        super().load_own_variables({key: store[key] for key in store.keys() if not key.startswith(configuration.RANDOM_STATE)})
