"""The state of a model's training: everything that a step changes, as arrays that can be kept, compared and set back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.models.configuration import seed_generators
from tfgen.testing._checks import distance, expect

__all__ = ["State", "copies", "read_state", "same", "set_state", "set_weights", "state_of", "to_array", "write_state"]

State = dict[str, np.ndarray]


def _variables(model: Any) -> dict[str, Any]:
    """Lists everything that training changes: weights, counters, averages, seed generators, optimizers' slots."""
    found = {f"{i:03d} {v.path}": v for i, v in enumerate(model.weights)}
    found |= {f"seed generator {i}": generator.state for i, generator in enumerate(seed_generators(model))}
    for name, optimizer in model.optimizers.items():
        found |= {f"{name} {i:03d} {v.path}": v for i, v in enumerate(optimizer.variables)}
    return found


def to_array(variable: Any) -> np.ndarray:
    """Copies a Keras or TensorFlow variable's value."""
    return tf.convert_to_tensor(getattr(variable, "value", variable)).numpy().copy()


def copies(variables: Iterable[Any]) -> list[np.ndarray]:
    """Copies the values of variables."""
    return [to_array(variable) for variable in variables]


def state_of(model: Any) -> State:
    """Copies everything that training changes."""
    return {name: to_array(variable) for name, variable in _variables(model).items()}


def set_state(model: Any, state: State) -> None:
    """Sets back what `state_of` copied, by place: names of layers differ between two builds."""
    variables = _variables(model)
    expect(len(variables) == len(state), f"expected {len(state)} variables, found {len(variables)}")
    for variable, value in zip(variables.values(), state.values(), strict=True):
        variable.assign(value)


def set_weights(model: Any, source: Any) -> None:
    """Copies all weights and counters, by place, from a model built alike."""
    for variable, value in zip(model.weights, source.weights, strict=True):
        variable.assign(to_array(value))


def same(one: State, other: State, what: str) -> None:
    """Expects two states to agree to the last bit."""
    expect(len(one) == len(other), f"{what}: {len(one)} variables against {len(other)}")
    for (name, a), b in zip(one.items(), other.values(), strict=True):
        equal = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        expect(equal, f"{what}: `{name}` differs" + (f" by {distance(a, b):.3g}" if a.shape == b.shape else " in shape"))


def write_state(model: Any, path: Path) -> None:
    """Writes everything that training changes to a file, by place."""
    np.savez(path, **{str(i): value for i, value in enumerate(state_of(model).values())})


def read_state(path: Path) -> State:
    """Reads what `write_state` wrote."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
