"""Fitting, evaluation and prediction: Keras's own loops, fed so that order, resuming and replicas are exact."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfgen.models import inputs, pipeline
from tfgen.models.clock import in_order

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
        deterministic for a resumed run to be exact. The batches of a `PyDataset` or a generator are checked one by one, the first before
        training starts. An epoch with `steps_per_epoch` reads the first batches of a finite data
        set, and goes on where the last epoch stopped in one that is endless or of unknown length. With several replicas a short
        last batch is dropped. A `fit` that was stopped inside an epoch goes on there when it is given the same data again, and
        says so; other data, or a `compile` in between, begins at the beginning.

        Args:
          x: (n, *event_shape) array, or batches of that, with or without labels: a `tf.data.Dataset`, a `keras.utils.PyDataset`, whose
            batches are shuffled unless `shuffle=False`, or a generator, which needs `steps_per_epoch`.
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
        given = keywords.pop("callbacks", None)
        is_list = isinstance(given, keras.callbacks.CallbackList)
        own = given.callbacks if is_list else keras.tree.flatten(given or [])
        clock, callbacks = in_order(plan, inputs.with_hooks(x, own))
        is_unknown = plan.steps is None
        if is_list:
            given.callbacks[:] = callbacks
            given.set_model(self)
        elif is_unknown:  # made here, as Keras would show what is declared as the number of steps
            shown = {"verbose": verbose, "epochs": epochs, "steps": None}
            given = keras.callbacks.CallbackList(callbacks, add_history=True, add_progbar=verbose != 0, model=self, **shown)
        else:
            given = callbacks
        with clock.watching(callbacks):
            return keras.Model.fit(self, plan.dataset, epochs=epochs, verbose=verbose, callbacks=given, **plan.keywords)

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
          x: array or batches, as for `fit`.
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
            x = pipeline.evaluation_dataset(self, (x, y, sample_weight), batch_size, {"steps": keywords.get("steps")})
            y = batch_size = sample_weight = None
        return keras.Model.evaluate(self, x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **keywords)

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto", y: Any = None, **keywords: Any) -> Any:
        """Computes what calling the model computes, over all rows, as `keras.Model.predict` does.

        Args:
          x: array or batches, as for `fit`; unconditional models pass over labels in it.
          batch_size: rows at once for arrays.
          verbose: as in Keras.
          y: labels beside an array, where the model is conditional.
          **keywords: `steps`, `callbacks`, as in Keras.

        Returns:
          outputs: one row per row of `x`; the model's class says what they are.

        Raises:
          ValueError: data of a wrong shape or range, NaN, or no data.
        """
        told = self.called_on is not None and self.called_on.read_from_y
        counts: list[int] = []  # of rows that are no padding
        limit = {"steps": keywords.get("steps")}
        dataset = pipeline.evaluation_dataset(
            self, (x, y if told else None, None), batch_size, limit, labelled=told, counts=counts
        )
        outputs = keras.Model.predict(self, dataset, verbose=verbose, **keywords)
        if not counts:
            return outputs
        rows = -(-max(counts) // self.distribute_strategy.num_replicas_in_sync) * self.distribute_strategy.num_replicas_in_sync
        kept = np.concatenate([np.arange(rows) < count for count in counts])
        return keras.tree.map_structure(lambda values: values[kept[: len(values)]], outputs)

    def predict_step(self, data: Any) -> Any:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        given = {} if self.called_on is None else {self.called_on.name: self.called_on.of(x, y)}
        return self(x, training=False, **given)  # type: ignore[operator]

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Builds nothing: a model is built when it is constructed, and under a strategy Keras would read a batch for this."""

    def _assert_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"Call `model.compile()` before `model.{method}(...)`; without arguments it uses the paper's optimizers."
            )
