"""Training, evaluation and prediction: Keras's own loops, fed so that order, resuming and replicas are exact."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.models import pipeline
from tfgen.models.optimizers import check_optimizer, loss_scaled

__all__ = ["TrainingMixin"]


class _Clock(keras.callbacks.Callback):
    """Tells the data where training stands, and counts batches and epochs in the model; runs before every other callback."""

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, cumulative_steps: int | None) -> None:
        super().__init__()
        self._cumulative_steps = cumulative_steps
        self._skipped = self._first_step = 0
        self._fresh = True
        self._cut = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._fresh = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._skipped = int(self.model.batch.numpy())
        self._first_step = int(self.model.step.numpy())
        skip = self._skipped
        if self._cumulative_steps is not None:  # one endless iterator serves all epochs of a `fit`
            skip = skip + int(self.model.epoch.numpy()) * self._cumulative_steps if self._fresh else 0
        self._fresh = False
        data.set_position(int(self.model.epoch.numpy()), skip)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.batch.assign(self._skipped + batch + 1)
        # endless data does not end a resumed epoch where it should
        self._cut = self._cumulative_steps is not None and 0 < self._skipped == self._cumulative_steps - batch - 1
        if self._cut:
            self.model.stop_training = True

    def on_interrupt(self) -> None:
        # Ctrl-C may come between a step and its callbacks: the step counter knows
        self.model.batch.assign(self._skipped + int(self.model.step.numpy()) - self._first_step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.batch.assign(0)
        self.model.epoch.assign_add(1)
        if self._cut:
            self._cut = self.model.stop_training = False


class TrainingMixin:
    """`fit`, `evaluate` and `predict` of every model."""

    def compile(self, optimizer: Any = None, **keywords: Any) -> None:
        """Prepares training; abstract families extend it with their own optimizers.

        Args:
          optimizer: a Keras optimizer, its name, or None for the paper's.
          **keywords: `run_eagerly`, `steps_per_execution`, `jit_compile`, as in Keras.

        Raises:
          ValueError: a loss or metrics are given (the objective is the model's own), or an optimizer that cannot be
            resumed exactly.
        """
        optimizer = self.default_optimizer() if optimizer is None else keras.optimizers.get(optimizer)
        with self.distribute_strategy.scope():
            check_optimizer(optimizer, "optimizer")
        self._compile_keras(**keywords)
        with self.distribute_strategy.scope():
            self.optimizer = loss_scaled(optimizer, self.dtype_policy)
            self.optimizer.build(self._trained_variables())

    def _compile_keras(self, **keywords: Any) -> None:
        """Runs Keras's own `compile` without optimizer, loss or metrics."""
        unknown = set(keywords) - {"run_eagerly", "steps_per_execution", "jit_compile"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__} brings its own objective and metrics: `compile` takes its optimizers, `run_eagerly`, "
                f"`steps_per_execution` and `jit_compile`. Received: {sorted(unknown)}"
            )
        if self.distribute_strategy.num_replicas_in_sync > 1 and (
            keywords.get("jit_compile") is True or keywords.get("steps_per_execution", 1) > 1
        ):
            raise ValueError(
                "Keras cannot compile with XLA, or run several steps an execution, on several replicas: leave `jit_compile` and "
                f"`steps_per_execution` out. Received: {keywords}"
            )
        keras.Model.compile(self, optimizer=None, loss=None, auto_scale_loss=False, **keywords)
        self._compile_arguments = dict(keywords)
        self._compiled_functions.clear()

    def _optimizers(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer}

    def _trained_variables(self) -> list[Any]:
        return self.trainable_variables

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` was given, optimizers included."""
        if not self.compiled:
            return {}
        found = {name: keras.saving.serialize_keras_object(value) for name, value in self._optimizers().items()}
        return {**found, **self._compile_arguments}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with what `get_compile_config` returned; the optimizers' slots are loaded by Keras afterwards."""
        self.compile(
            **{
                name: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
                for name, value in config.items()
            }
        )

    # ---- fit, evaluate, predict ----

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        **keywords: Any,
    ) -> keras.callbacks.History:
        """Trains the model as `keras.Model.fit` does, with a data order that a resumed run repeats.

        Arrays are shuffled by (model's seed, model's epoch); so are data sets of `tfgen.data`. A data set of your own must be
        deterministic for a resumed run to be exact. An epoch with `steps_per_epoch` reads the first batches of a finite data
        set, and goes on where the last epoch stopped in an endless one. With several replicas a short last batch is dropped.

        Args:
          x: (n, *event_shape) array, or a `tf.data.Dataset` of batches, with or without labels.
          y: labels, where the model takes them.
          batch_size: rows per step for arrays, 32 by default.
          epochs: epochs to train.
          verbose: as in Keras.
          **keywords: the other arguments of `keras.Model.fit`.

        Returns:
          history: Keras's `History`.

        Raises:
          ValueError: data of a wrong shape or range, NaN, labels out of range, or no data.
        """
        self._assert_compiled("fit")
        plan = pipeline.plan_fit(self, (x, y, keywords.pop("sample_weight", None)), batch_size, keywords)
        callbacks = keywords.pop("callbacks", None) or []
        clock = _Clock(plan.cumulative_steps)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            clock.set_model(self)
            callbacks.callbacks.insert(0, clock)
        else:
            callbacks = [clock, *(callbacks if isinstance(callbacks, Sequence) else [callbacks])]
        with warnings.catch_warnings():
            # an epoch that resumes in its middle ends before its declared number of batches, as it should
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            try:
                return keras.Model.fit(self, plan.dataset, epochs=epochs, verbose=verbose, callbacks=callbacks, **plan.keywords)
            except KeyboardInterrupt:
                for callback in callbacks.callbacks if isinstance(callbacks, keras.callbacks.CallbackList) else callbacks:
                    getattr(callback, "on_interrupt", lambda: None)()
                raise

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        **keywords: Any,
    ) -> Any:
        """Computes the model's metrics over all rows, as `keras.Model.evaluate` does.

        The noise of an evaluation is keyed by the model's seed and the row: the same call gives the same numbers, and
        training's
        noise is not advanced. With several replicas the last batch is padded, and the padding is left out of every mean.

        Args:
          x: array or `tf.data.Dataset`, as for `fit`.
          y: labels, where the model takes them.
          batch_size: rows at once for arrays.
          verbose: as in Keras.
          sample_weight: one weight per row.
          **keywords: `steps`, `callbacks`, `return_dict`, as in Keras.

        Returns:
          metrics: a list in the order of `metrics_names`, or a dict with `return_dict=True`.

        Raises:
          ValueError: data of a wrong shape or range, NaN, or no data.
        """
        self._assert_compiled("evaluate")
        if "_use_cached_eval_dataset" not in keywords:  # `fit` has prepared its validation data already
            x = pipeline.evaluation_dataset(self, (x, y, sample_weight), batch_size)
            y = batch_size = sample_weight = None
        return keras.Model.evaluate(self, x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **keywords)

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto", y: Any = None, **keywords: Any) -> Any:
        """Computes what calling the model computes, over all rows, as `keras.Model.predict` does.

        Args:
          x: array or `tf.data.Dataset`; unconditional models pass over labels in it.
          batch_size: rows at once for arrays.
          verbose: as in Keras.
          y: labels beside an array, where the model is conditional.
          **keywords: `steps`, `callbacks`, as in Keras.

        Returns:
          outputs: one row per row of `x`; the model's class says what they are.

        Raises:
          ValueError: data of a wrong shape or range, NaN, or no data.
        """
        dataset = pipeline.evaluation_dataset(self, (x, y if self.conditional else None, None), batch_size)
        outputs = keras.Model.predict(self, dataset, verbose=verbose, **keywords)
        if self.distribute_strategy.num_replicas_in_sync == 1:
            return outputs
        kept = np.concatenate([np.asarray(batch[2]) for batch in dataset]).astype(bool)
        return keras.tree.map_structure(lambda values: values[kept[: len(values)]], outputs)

    def predict_step(self, data: Any) -> Any:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(x, training=False, **self._conditions(y))  # type: ignore[operator]

    def _assert_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"Call `model.compile()` before `model.{method}(...)`; without arguments it uses the paper's optimizers."
            )

    def _mean(self, per_example: tf.Tensor, sample_weight: tf.Tensor | None = None) -> tf.Tensor:
        """Averages over the global batch: replicas add up their gradients, so each divides by the global size."""
        if sample_weight is not None:
            per_example = per_example * tf.cast(sample_weight, per_example.dtype)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.reduce_mean(per_example) / replicas
