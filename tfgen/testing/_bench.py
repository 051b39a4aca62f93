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

from tfgen.models.configuration import seed_generators
from tfgen.testing import _child
from tfgen.testing.case import Case

__all__ = [
    "BATCH",
    "ROWS",
    "Bench",
    "ContractError",
    "close",
    "expect",
    "optimizers",
    "refuses",
    "same",
    "set_state",
    "state_of",
    "to_array",
]

ROWS, BATCH = 12, 4
State = dict[str, np.ndarray]


class ContractError(AssertionError):
    """A model breaks a line of the contract; the message says which one and how."""


def expect(condition: Any, detail: str) -> None:
    """Raises `ContractError` with the detail unless the condition holds."""
    if not bool(condition):
        raise ContractError(detail)


def refuses(function: Callable[[], Any], what: str) -> str:
    """Runs something that must be refused in one clear sentence or two; returns the message."""
    try:
        function()
    except (TypeError, ValueError) as error:
        text = str(error)
        expect(0 < len(text) < 600 and text.count("\n") == 0, f"{what}: the message is no clear sentence: {text[:2000]}")
        return text
    except Exception as error:
        raise ContractError(f"{what}: expected a ValueError in one sentence, got {type(error).__name__}: {error}") from error
    raise ContractError(f"{what}: expected to be refused, but it was not")


def optimizers(model: Any) -> dict[str, Any]:
    """Lists a compiled model's optimizers by the names that `compile` takes."""
    return model._optimizers()


def _variables(model: Any) -> dict[str, Any]:
    """Lists everything that training changes: weights, counters, averages, seed generators, optimizers' slots."""
    found = {f"{i:03d} {v.path}": v for i, v in enumerate(model.weights)}
    found |= {f"seed generator {i}": generator.state for i, generator in enumerate(seed_generators(model))}
    if model.compiled:
        for name, optimizer in optimizers(model).items():
            found |= {f"{name} {i:03d} {v.path}": v for i, v in enumerate(optimizer.variables)}
    return found


def to_array(variable: Any) -> np.ndarray:
    """Copies a Keras or TensorFlow variable's value."""
    return tf.convert_to_tensor(getattr(variable, "value", variable)).numpy().copy()


def state_of(model: Any) -> State:
    """Copies everything that training changes."""
    return {name: to_array(variable) for name, variable in _variables(model).items()}


def set_state(model: Any, state: State) -> None:
    """Sets back what `state_of` copied, by place: names of layers differ between two builds."""
    variables = _variables(model)
    expect(len(variables) == len(state), f"expected {len(state)} variables, found {len(variables)}")
    for variable, value in zip(variables.values(), state.values(), strict=True):
        variable.assign(value)


def same(one: State, other: State, what: str) -> None:
    """Expects two states to agree to the last bit."""
    expect(len(one) == len(other), f"{what}: {len(one)} variables against {len(other)}")
    for (name, a), b in zip(one.items(), other.values(), strict=True):
        equal = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        expect(equal, f"{what}: `{name}` differs" + (f" by {_distance(a, b):.3g}" if a.shape == b.shape else " in shape"))


def close(one: Any, other: Any, tolerance: float, what: str) -> None:
    """Expects numbers, or nested structures of them, to agree within a tolerance, relative above 1."""
    for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        a, b = (np.asarray(v.value if isinstance(v, keras.Variable) else v, np.float64) for v in (a, b))
        expect(a.shape == b.shape, f"{what}: shapes {a.shape} and {b.shape}")
        expect(np.all(np.isfinite(a)) and np.all(np.isfinite(b)), f"{what}: not finite")
        expect(not a.size or _distance(a, b) <= tolerance, f"{what}: differs by {_distance(a, b):.3g}, more than {tolerance}")


def _distance(a: Any, b: Any) -> float:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)), initial=0.0))


class Bench:
    """A case's model, data and states. Models that only read share one; `fresh` and `trained` set it back, without retracing.

    Args:
      case: what to check.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self._folder = tempfile.TemporaryDirectory(prefix="tfgen-testing-")
        self.folder = Path(self._folder.name)

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

    @cached_property
    def x(self) -> np.ndarray:
        return self.case.examples(self.model.event_shape, ROWS)

    @cached_property
    def y(self) -> np.ndarray | None:
        """Labels or features, for conditional models only: what every call of `fit` and its like is given."""
        return self.case.labels(ROWS) if self.case.conditional else None

    def fresh(self) -> Any:
        """Returns the compiled model as it was before training."""
        initial, model = self.initial, self.model
        set_state(model, initial)
        model.stop_training = False
        return model

    def fit(self, model: Any, epochs: int = 1, **keywords: Any) -> Any:
        """Trains on the case's data, `ROWS` rows in batches of `BATCH`."""
        arguments = {"x": self.x, "y": self.y, "batch_size": BATCH, "verbose": 0, "epochs": epochs, **keywords}
        return model.fit(**arguments)

    def evaluate(self, model: Any, **keywords: Any) -> dict[str, float]:
        """Evaluates on the case's data."""
        arguments = {"x": self.x, "y": self.y, "batch_size": BATCH, "verbose": 0, "return_dict": True, **keywords}
        return model.evaluate(**arguments)

    def predict(self, model: Any, x: Any = None, **keywords: Any) -> Any:
        """Predicts from the case's data, or from other rows, with as many labels where the model is conditional."""
        x = self.x if x is None else x
        labels = {} if self.y is None else {"y": self.case.labels(len(x))}
        return model.predict(x, **{"batch_size": BATCH, "verbose": 0, **labels, **keywords})

    def fitted(self, epochs: int) -> State:
        """Returns the state after so many uninterrupted epochs."""
        if epochs not in self._fitted:
            self._fitted[epochs] = self.after(lambda model: self.fit(model, epochs))
            if epochs == 2:  # other processes take as long as all the lines here: they begin now, and `_saving` waits for them
                _ = self.resuming, self.killing
        return self._fitted[epochs]

    @cached_property
    def resuming(self) -> Path:
        """The folder of a new process that loads the model after two epochs and trains it for two more."""
        folder = self._folder_with_data("resume")
        self.trained().save(folder / "trained.keras")
        _child.start(folder, [("load_and_resume", (list(self.case.modules), 2))], self._devices())
        return folder

    @cached_property
    def killing(self) -> Path:
        """The folder of a process that kills itself inside the second epoch, and of another that goes on from its checkpoint."""
        folder, modules, every, kill = self._folder_with_data("kill"), list(self.case.modules), 2, ROWS // BATCH + 2
        self.fresh().save(folder / "start.keras")
        jobs = [("killed_fit", (modules, 4, kill, every)), ("resumed_fit", (modules, 4, every))]
        _child.start(folder, jobs, self._devices())
        return folder

    def _folder_with_data(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        np.savez(folder / "data.npz", x=self.x, batch=BATCH, **({} if self.y is None else {"y": self.y}))
        return folder

    @staticmethod
    def _devices() -> int:
        return len(tf.config.list_logical_devices("CPU"))

    @cached_property
    def _fitted(self) -> dict[int, State]:
        return {}

    def trained(self) -> Any:
        """Returns the compiled model after two epochs."""
        model = self.fresh()
        set_state(model, self.fitted(2))
        return model

    def after(self, train: Callable[[Any], Any]) -> State:
        """Returns the state to which a function brings the fresh model."""
        model = self.fresh()
        train(model)
        return state_of(model)

    def plain_optimizers(self) -> dict[str, Any]:
        """Plain gradient descent for every player: a step is then the gradient, times a rate that is set later."""
        return {name: keras.optimizers.SGD(0.1) for name in optimizers(self.model)}

    @cached_property
    def _plain(self) -> Any:
        model = self.build()
        model.compile(**self.plain_optimizers())
        return model, state_of(model)

    def plain(self) -> Any:
        """Returns the model compiled with plain gradient descent, as it was before training."""
        model, state = self._plain
        set_state(model, state)
        return model

    def densities(self) -> list[str]:
        """Names the methods that give one number of nats a row."""
        kind = str(getattr(self.model, "likelihood_kind", None))
        return {"exact": ["log_prob"], "bound": ["elbo", "log_prob_bound"]}.get(kind, [])

    def label(self, n: int) -> dict[str, Any]:
        """The keyword that `sample` and its like need beside seeds and data: `label`, `features` or none."""
        return dict.fromkeys(self.model._condition_names(), self.case.labels(n)) if self.case.conditional else {}

    def dataset(self, *parts: np.ndarray, batch: int = BATCH) -> tf.data.Dataset:
        """Batches of arrays, in order."""
        arrays: Any = parts if len(parts) > 1 else next(iter(parts))
        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch)
