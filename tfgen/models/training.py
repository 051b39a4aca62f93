"""Fitting, evaluation and prediction: Keras's own loops, fed so that order, resuming and replicas are exact."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfgen.models import pipeline
from tfgen.models.clock import Clock

__all__ = ["TrainingMixin"]


class TrainingMixin:
    """`fit`, `evaluate` and `predict` of every model."""

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
          batch_size: rows per move for arrays, 32 by default; a step is one move, but for games with several critic steps.
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
        clock = Clock(plan.cumulative_steps)
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
            finally:
                for callback in callbacks.callbacks if isinstance(callbacks, keras.callbacks.CallbackList) else callbacks:
                    getattr(callback, "on_fit_end", lambda: None)()

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

        The noise of an evaluation is keyed by the model's seed and the row: the same call gives the same numbers, and training's
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
        told = self.condition is not None and self.condition.read_from_y
        dataset = pipeline.evaluation_dataset(self, (x, y if told else None, None), batch_size, labelled=told)
        outputs = keras.Model.predict(self, dataset, verbose=verbose, **keywords)
        if self.distribute_strategy.num_replicas_in_sync == 1:
            return outputs
        kept = np.concatenate([np.asarray(batch[2]) for batch in dataset]).astype(bool)
        return keras.tree.map_structure(lambda values: values[kept[: len(values)]], outputs)

    def _assert_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"Call `model.compile()` before `model.{method}(...)`; without arguments it uses the paper's optimizers."
            )
