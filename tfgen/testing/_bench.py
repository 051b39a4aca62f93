"""The bench on which lines of the contract are checked: one small model of a case, set back to a known state before each use."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.models.operations import Operation
from tfgen.testing._state import State, set_state, state_of
from tfgen.testing.case import Case

__all__ = ["BATCH", "STEPS", "Bench"]

BATCH, STEPS = 4, 3  # rows of a batch, and steps of an epoch
_DENSITIES = ("log_prob", "elbo", "log_prob_bound")


class Bench:
    """A case's model, data and states. Models that only read share one; `fresh` and `trained` set it back, without retracing.

    A graph costs a second, an eager step a tenth of it: what is used once runs eagerly.

    Args:
      case: what to check.
      model: another model of the case, built by now; None for the one that it builds.
    """

    def __init__(self, case: Case, model: Any = None) -> None:
        self.case = case
        if model is not None:
            self.model = model
        self._folder = tempfile.TemporaryDirectory(prefix="tfgen-testing-")
        self.folder = Path(self._folder.name)
        self._fitted: dict[int, tuple[State, dict[str, list[float]]]] = {}

    # ---- models ----

    def build(self, **overrides: Any) -> Any:
        """Builds a model with the initial weights of the case, not compiled."""
        keras.utils.set_random_seed(7)
        return self.case.build(**overrides)

    @cached_property
    def model(self) -> Any:
        model = self.build()
        model.compile()
        return model

    @cached_property
    def initial(self) -> State:
        return state_of(self.model)

    def fresh(self) -> Any:
        """Returns the compiled model as it was before training."""
        initial, model = self.initial, self.model
        set_state(model, initial)
        model.stop_training = False
        return model

    def trained(self) -> Any:
        """Returns the compiled model after two epochs."""
        state, model = self.fitted(2), self.fresh()
        set_state(model, state)
        return model

    def fitted(self, epochs: int) -> State:
        """Returns the state after so many uninterrupted epochs."""
        return self._training(epochs)[0]

    def history(self, epochs: int) -> dict[str, list[float]]:
        """Returns what training reported of so many uninterrupted epochs."""
        return self._training(epochs)[1]

    def _training(self, epochs: int) -> tuple[State, dict[str, list[float]]]:
        if epochs not in self._fitted:
            model = self.fresh()
            history = self.fit(model, epochs).history
            self._fitted[epochs] = state_of(model), history
        return self._fitted[epochs]

    def after(self, train: Callable[[Any], Any]) -> State:
        """Returns the state to which a function brings the fresh model."""
        model = self.fresh()
        train(model)
        return state_of(model)

    @cached_property
    def _plain(self) -> tuple[Any, State]:
        model = self.build()
        model.compile(**self.plain_optimizers(), run_eagerly=True)
        return model, state_of(model)

    def plain(self) -> Any:
        """Returns the model as it was before training, compiled with plain gradient descent: eager, as it takes few steps."""
        model, state = self._plain
        set_state(model, state)
        return model

    def plain_optimizers(self) -> dict[str, Any]:
        """Plain gradient descent for every player: a step is then the gradient, times a rate that is set later."""
        return {name: keras.optimizers.SGD(0.1) for name in self.model.optimizers}

    # ---- data ----

    @cached_property
    def rows(self) -> int:
        """Rows of the data: three steps of whole batches, of which a step may take several."""
        return BATCH * STEPS * self.model.batches_per_step

    @cached_property
    def x(self) -> np.ndarray:
        return self.case.examples(self.model.event_shape, self.rows)

    @cached_property
    def y(self) -> np.ndarray | None:
        """What `fit` is given as `y`; None for a model that takes none."""
        return self.targets(self.rows)

    def targets(self, n: int) -> np.ndarray | None:
        """Makes what `fit` takes as `y`, or None."""
        model = self.model
        return self.case.rows_of(model.target, n, target=model.target is not model.condition)

    def labels(self, n: int) -> np.ndarray:
        """Makes what `fit` takes as `y`, or labels that it passes over."""
        targets = self.targets(n)
        return self.case.labels(n) if targets is None else targets

    def given(self, n: int) -> dict[str, Any]:
        """The keyword that `sample` and its like need beside seeds and data: `label`, `features` or none."""
        condition = self.model.condition
        return {} if condition is None else {condition.name: self.case.rows_of(condition, n)}

    def pair(self, rows: slice | None = None) -> tuple[np.ndarray, ...]:
        """Returns (x, y) of some rows, or (x,) where there is no y."""
        parts = (self.x,) if self.y is None else (self.x, self.y)
        return tuple(part[rows or slice(None)] for part in parts)

    def dataset(self, *parts: np.ndarray, batch: int = BATCH) -> tf.data.Dataset:
        """Batches of arrays, in order."""
        arrays: Any = parts if len(parts) > 1 else next(iter(parts))
        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch)

    # ---- what models do ----

    def fit(self, model: Any, epochs: int = 1, **keywords: Any) -> Any:
        """Trains on the case's data, three steps an epoch."""
        arguments = {"x": self.x, "y": self.y, "batch_size": BATCH, "verbose": 0, "epochs": epochs, **keywords}
        return model.fit(**arguments)

    def evaluate(self, model: Any, **keywords: Any) -> dict[str, float]:
        """Evaluates on the case's data."""
        arguments = {"x": self.x, "y": self.y, "batch_size": BATCH, "verbose": 0, "return_dict": True, **keywords}
        return model.evaluate(**arguments)

    def predict(self, model: Any, x: Any = None, **keywords: Any) -> Any:
        """Predicts from the case's data, or from other rows, with as many targets where the model has them."""
        x = self.x if x is None else x
        return model.predict(x, **{"batch_size": BATCH, "verbose": 0, "y": self.targets(len(x)), **keywords})

    @property
    def shown(self) -> str:
        """The operation by which to compare models: samples, or what else it computes first."""
        found = self.model.operations()
        return "sample" if "sample" in found else next(iter(found))

    def inputs(self, name: str, rows: int) -> dict[str, tf.Tensor]:
        """Makes legal inputs of an operation; row i has seed i."""
        given = self.given(rows)

        def value(spec: tf.TensorSpec) -> tf.Tensor:
            if spec.name == "seed":
                return tf.range(rows, dtype=spec.dtype)
            if spec.name in given:
                return tf.constant(given[spec.name], spec.dtype)
            if spec.name == "observed":  # the first half of x is known
                size = self.x[0].size
                known = tf.reshape(tf.range(size) < (size + 1) // 2, (1, *self.x.shape[1:]))
                return tf.repeat(tf.cast(known, spec.dtype), rows, 0)
            if tuple(spec.shape[1:]) == tuple(self.model.event_shape):
                return tf.constant(self.x[:rows], spec.dtype)
            return tf.fill([rows, *spec.shape[1:]], tf.constant(0.5, spec.dtype))

        return {str(spec.name): value(spec) for spec in self.model.operations()[name].inputs}

    def show(self, model: Any, rows: int = 3) -> dict[str, np.ndarray]:
        """Runs the operation by which to compare models, in its graph: seeds 0, 1, ... where it takes seeds."""
        return model.run(self.shown, {name: value.numpy() for name, value in self.inputs(self.shown, rows).items()})

    def show_eagerly(self, model: Any, rows: int = 3, name: str | None = None) -> dict[str, tf.Tensor]:
        """Runs the same, or another operation, without a graph: for a model that is used once."""
        name = name or self.shown
        operation: Operation = model.operations()[name]
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel("CRITICAL")  # eager loops drop arrays that TensorFlow would like to see used
        try:
            return operation.function(**self.inputs(name, rows), **operation.settings)
        finally:
            logger.setLevel(level)

    def densities(self) -> dict[str, dict[str, Any]]:
        """Names the methods that give one number of nats a row, each with a seed where it is random."""
        found = self.model.operations()
        seeded = {name: any(spec.name == "seed" for spec in found[name].inputs) for name in _DENSITIES if name in found}
        return {name: {"seed": 0} if random else {} for name, random in seeded.items()}
