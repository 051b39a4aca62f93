"""What a model computes, said once: Python's methods and a server's signatures are the same functions of named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import guards
from tfgen.models.signatures import Signature

__all__ = ["Operation", "compiled", "finite", "is_tensor", "rows_of", "run_on_arrays", "run_on_tensors"]

_GRAPHS = 24  # kept of a model: its operations are a dozen at most


@dataclass(frozen=True)
class Operation:
    """One function of a model, of named, batch-first tensors.

    Args:
      function: called with the inputs, and the settings, by keyword; returns a dict of named tensors whose first axis is the batch.
        It is traced without AutoGraph, for a batch of any size.
      inputs: one named `tf.TensorSpec` per tensor, batch first, as a server takes them.
      served: whether an export has it as a signature.
      settings: keywords that are fixed in a graph, with the values that an export has.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.operations import Operation
      >>> from tfgen.models.signatures import batch_of
      >>> power = Operation(lambda x, n: {"y": x**n}, [batch_of((), tf.float32, "x")], settings={"n": 2})
      >>> power.signature().function(x=tf.constant([3.0]))["y"].numpy().tolist()
      [9.0]
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: Sequence[tf.TensorSpec]
    served: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    def signature(self, checked: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] = dict) -> Signature:
        """Makes what an export stores.

        Args:
          checked: gives the inputs back, once they are what Python would let pass.

        Returns:
          signature: the function with its settings filled in.
        """
        return Signature(lambda **inputs: self.function(**checked(inputs), **self.settings), list(self.inputs))


def is_tensor(value: Any) -> bool:
    """Tells what is answered by tensors, through which gradients flow, from what is answered by arrays.

    Args:
      value: anything.

    Returns:
      answer: whether it is a tensor or a variable of TensorFlow's or Keras's.

    Example:
      >>> import numpy as np, tensorflow as tf
      >>> from tfgen.models.operations import is_tensor
      >>> is_tensor(tf.zeros(1)), is_tensor(tf.Variable(0.0)), is_tensor(np.zeros(1))
      (True, True, False)
    """
    return tf.is_tensor(value) or isinstance(value, (tf.Variable, keras.Variable))


def rows_of(tensor: tf.Tensor) -> Any:
    """Counts the rows of a tensor.

    Args:
      tensor: batch first.

    Returns:
      rows: an integer; a tensor inside a graph that does not know it yet.
    """
    return tf.shape(tensor)[0] if tensor.shape[0] is None else int(tensor.shape[0])


def finite(tensor: tf.Tensor, name: str) -> tf.Tensor:
    """Refuses values that are not finite, inside a graph when it runs.

    Args:
      tensor: floating numbers.
      name: what the caller calls them.

    Returns:
      tensor: the same.

    Raises:
      ValueError: a value is NaN or infinite, and is known already.
    """
    fine = tf.reduce_all(tf.math.is_finite(tensor))
    if tf.executing_eagerly():
        if not fine:
            raise ValueError(f"Expected `{name}` of finite numbers. Received: NaN or infinity")
        return tensor
    with tf.control_dependencies([guards.require(fine, f"`{name}` of finite numbers", tensor)]):
        return tf.identity(tensor)


def compiled(
    functions: dict[str, Any], name: str, operation: Operation, shapes: Mapping[str, Sequence[int]], settings: Mapping[str, Any]
) -> Callable[..., dict[str, tf.Tensor]]:
    """Finds the graph of an operation, or traces it: once for inputs of these row shapes, whatever the number of rows.

    Args:
      functions: the graphs so far, by key; a new one is added, and where there are too many the one is dropped that was not used for
        longest: each length of sounds, each number of draws has its own.
      name: the operation's name.
      operation: the operation.
      shapes: the shape of one row of each input.
      settings: what is fixed in the graph.

    Returns:
      function: called with the inputs by position, in the order of the operation; weights are read each time it runs.
    """
    specs = {str(spec.name): spec for spec in operation.inputs if spec.name in shapes}
    told = [f"{key}={value}" for key, value in settings.items() if value is not None]
    told += [f"{key}:{tuple(shapes[key])}" for key, spec in specs.items() if tuple(spec.shape[1:]) != tuple(shapes[key])]
    key = " ".join([name, *told])
    if key not in functions:
        signature = [tf.TensorSpec([None, *shapes[key]], spec.dtype, name=key) for key, spec in specs.items()]
        names, fixed = tuple(specs), dict(settings)

        def function(*values: tf.Tensor) -> dict[str, tf.Tensor]:
            return operation.function(**dict(zip(names, values, strict=True)), **fixed)

        # a concrete function: TensorFlow would take the many operations of a model for one that is traced again and again
        functions[key] = tf.function(function, autograph=False).get_concrete_function(*signature)
    functions[key] = functions.pop(key)  # the last in order is the last that was used
    while len(functions) > _GRAPHS:
        functions.pop(next(iter(functions)))
    return functions[key]


def run_on_tensors(function: Callable[..., Any], inputs: Sequence[Any], specs: Sequence[tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Runs a graph on tensors, eagerly or inside another graph; gradients flow through it.

    Args:
      function: what `compiled` returned.
      inputs: tensors, variables or arrays.
      specs: the number format of each.

    Returns:
      outputs: tensors by name.
    """
    return function(*[tf.cast(tf.convert_to_tensor(v), spec.dtype) for v, spec in zip(inputs, specs, strict=True)])


def run_on_arrays(function: Callable[..., Any], arrays: Sequence[np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """Runs a graph over the rows of arrays, some at a time.

    Args:
      function: what `compiled` returned.
      arrays: one row in each for each row of the result.
      batch_size: rows at a time, at least 1.

    Returns:
      outputs: arrays by name.

    Raises:
      ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    starts = range(0, max(len(arrays[0]), 1), batch_size)
    parts = [function(*[tf.convert_to_tensor(array[i : i + batch_size]) for array in arrays]) for i in starts]
    parts = [{name: value.numpy() for name, value in part.items()} for part in parts]
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
