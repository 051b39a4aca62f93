"""What every model computes for those who use it: operations, run on arrays or tensors, and served."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.models import conditions, guards, operations
from tfgen.models.conditions import Condition
from tfgen.models.hooks import hook
from tfgen.models.operations import Operation
from tfgen.models.signatures import Signature
from tfgen.models.trainable import TrainableModel

__all__ = ["ComputingModel"]

_ROWS_AT_ONCE = 256


class ComputingModel(TrainableModel, abc.ABC):
    """Abstract base of models that compute something for their users.

    What a model computes is listed once, by `operations()`: public methods run an operation on arrays, some rows at a time, or on
    tensors, and an export stores those that are served.

    Hooks:
      operations: all that the model computes; a class adds its own to those of its base.
      facts: what an export says of the model, beside what all say.
    """

    sampling_controls: tuple[str, ...] = ()
    medium: ClassVar[str] = "image"  # what an example is: "image", "audio", "point"
    extent: ClassVar[str | None] = None  # the argument of `sample` that sets how long the first axis of an example is
    num_classes: int | None = None  # of a model that knows class labels

    def condition_on(self, condition: Condition | None, *, target: Condition | None = None) -> None:
        """Makes the model conditional: a constructor calls it before it builds networks.

        Args:
          condition: what samples are drawn given; None for an unconditional model.
          target: what `fit` takes as `y`, where that is another thing; None for the condition itself, where it is read from `y`.
        """
        self.condition = condition
        self.target = target if target is not None or condition is None or not condition.read_from_y else condition
        if condition is not None:
            self.num_classes = getattr(condition, "num_classes", None)
            self.sampling_controls = (condition.name, *type(self).sampling_controls)

    def _condition_on(self, num_classes: int | None) -> None:
        warnings.warn(
            "`_condition_on` is public now: call `condition_on(class_label(num_classes))`.", DeprecationWarning, stacklevel=2
        )
        self.condition_on(conditions.class_label(num_classes))

    # ---- what a model computes ----

    @hook
    def operations(self) -> dict[str, Operation]:
        """Lists all that the model computes: public methods and signatures are these.

        Returns:
          operations: name -> `tfgen.models.operations.Operation`.
        """
        return {}

    def take_condition(self, given: dict[str, Any]) -> Any:
        """Takes what the model is conditional on out of an operation's inputs, checked inside the graph.

        Args:
          given: the inputs by name; the condition is removed.

        Returns:
          condition: as `Condition.tensor` gives it; None for an unconditional model.

        Raises:
          ValueError: it is missing.
        """
        if self.condition is None:
            return None
        value = given.pop(self.condition.name, None)
        if value is None:
            self.condition.check(None, name=self.condition.name)
        return self.condition.tensor(value)

    def run(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        batch_size: int | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Runs an operation: on tensors where an input is one, and gradients flow; else over arrays, some rows at a time.

        Args:
          name: the operation's.
          inputs: checked values by name, the batch first.
          batch_size: rows of arrays at a time; None for 256. It does not change the result.
          **settings: in place of the operation's own.

        Returns:
          outputs: tensors, or arrays, by name.
        """
        operation = self.operations()[name]
        settings = {**operation.settings, **settings}
        specs = [spec for spec in operation.inputs if spec.name in inputs]
        values = [inputs[str(spec.name)] for spec in specs]
        rows = [value.shape[1:] if operations.is_tensor(value) else np.shape(value)[1:] for value in values]
        shapes = {str(spec.name): tuple(shape) for spec, shape in zip(specs, rows, strict=True)}
        function = operations.compiled(self.functions, name, operation, shapes, settings)
        if any(operations.is_tensor(value) for value in values):
            return operations.run_on_tensors(function, values, specs)
        arrays = [np.asarray(value, spec.dtype.as_numpy_dtype) for value, spec in zip(values, specs, strict=True)]
        return operations.run_on_arrays(function, arrays, _ROWS_AT_ONCE if batch_size is None else batch_size)

    # ---- what callers pass ----

    def condition_rows(self, given: dict[str, Any], n: Any, extent: int | None = None) -> dict[str, Any]:
        """Turns what a caller says of the condition into one value a row.

        Args:
          given: keywords of a method.
          n: number of rows; a tensor inside a graph that does not know it yet.
          extent: length of the examples, where it is not the model's own.

        Returns:
          inputs: {condition's name: rows}; empty for an unconditional model.

        Raises:
          ValueError: it is missing or cannot be used, or the model knows no such keyword.
        """
        self._refuse(given, None if self.condition is None else self.condition.name)
        if self.condition is None:
            return {}
        return {self.condition.name: self.condition.beside(given.get(self.condition.name), n, extent=extent)}

    def example_inputs(self, x: Any, given: dict[str, Any], *, conditional: bool = True) -> dict[str, Any]:
        """Checks examples handed to `log_prob` and its like, with what they are conditional on.

        Args:
          x: examples; tensors are checked for shape and finite values, arrays also for range and grid.
          given: keywords of the method.
          conditional: whether the operation takes what the model is conditional on; else keywords of it are refused.

        Returns:
          inputs: by name, for `run`.

        Raises:
          TypeError: the values are not numbers.
          ValueError: wrong shape or range, NaN, or no examples; a condition missing or wrong.
        """
        if not conditional:
            self._refuse(given)
        if operations.is_tensor(x):
            tensor = self._checked_tensor(tf.convert_to_tensor(x))
            rows, extent = operations.rows_of(tensor), self._extent_of(tensor.shape)
            return {self.medium: tensor, **(self.condition_rows(given, rows, extent) if conditional else {})}
        array = np.asarray(x)
        rows, extent = len(np.atleast_1d(array)), self._extent_of(array.shape)
        inputs = self.condition_rows(given, rows, extent) if conditional else {}
        self.check_examples(array)
        return {self.medium: array.astype(np.float32), **inputs}

    def _refuse(self, given: dict[str, Any], known: str | None = None) -> None:
        """Refuses keywords of methods, all but one."""
        for name, value in given.items():
            if value is not None and name != known:
                raise ValueError(conditions.refusal(self, name, value))

    def _extent_of(self, shape: Sequence[Any]) -> int | None:
        """Tells of examples that may be of any length how long they are, where it is not the model's own."""
        alike = self.extent is not None and len(shape) == 1 + len(self.event_shape)
        return shape[1] if alike and shape[1] not in (0, None, self.event_shape[0]) else None

    def _checked_tensor(self, x: tf.Tensor) -> tf.Tensor:
        expected = (None, *self._shape_for(x.shape))
        if not x.shape.is_compatible_with(expected) or not (x.dtype.is_floating or x.dtype.is_integer):
            raise ValueError(f"Expected a tensor of numbers of shape {expected}. Received: {x.dtype.name} of shape {x.shape}")
        x = tf.cast(x, tf.float32)
        if tf.executing_eagerly():
            data.check_images(x.numpy(), shape=expected[1:], value_range=None, name="x")
            return x
        return tf.ensure_shape(operations.finite(x, "x"), expected)

    def _shape_for(self, shape: Any) -> tuple[Any, ...]:
        extent = self._extent_of(shape)
        return self.event_shape if extent is None else (extent, *self.event_shape[1:])

    def check_examples(self, x: np.ndarray, *, name: str = "x") -> None:
        """Checks examples without what they are conditional on, and of any length where the model takes them so.

        Args:
          x: (n, *event_shape).
          name: what the caller calls them.

        Raises:
          TypeError: the values are not numbers.
          ValueError: wrong shape or range, NaN, or no examples.
        """
        shape = self._shape_for(x.shape)
        data.check_images(x, shape=shape, value_range=self.value_range, name=name)
        self.check_values(x, name=name)

    # ---- serving ----

    def signatures(self) -> dict[str, Signature]:
        """Lists what the model offers to a server: the operations that are served.

        Returns:
          signatures: name -> `tfgen.models.signatures.Signature`; all inputs and outputs have the batch first.
        """
        return {name: op.signature(self.checked) for name, op in self.operations().items() if op.served}

    def checked(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Requires of what a server brings all that Python requires of arrays; tensors in Python need not lie on a grid.

        Args:
          inputs: of a signature, by name. What the model is conditional on, and controls, operations check themselves.

        Returns:
          inputs: the same, once they are right; zeros where nothing is observed.
        """
        found, needed = dict(inputs), [guards.require_rows(inputs)] if len(inputs) > 1 else []
        if "observed" in found and self.medium in found:  # what stands at missing values may be anything
            needed.append(guards.require_mask(found["observed"], "observed"))
            found[self.medium] = tf.where(found["observed"] > 0, found[self.medium], 0.0)
        if self.medium in found:
            needed.append(guards.require_values(found[self.medium], self.medium, self.value_range, self.grid))
        if "seed" in found:
            needed.append(guards.require_seeds(found["seed"], "seed"))
        if "latent" in found:
            needed.append(guards.require_finite(found["latent"], "latent"))
        with tf.control_dependencies(needed):
            return {name: tf.identity(value) for name, value in found.items()}

    @property
    def grid(self) -> int | None:
        """How many levels examples take in [0, 1]; None where they may lie between any."""
        return None

    def export(self, *arguments: Any, **keywords: Any) -> None:
        """Refuses Keras's own export, which would store every weight twice and none of the signatures.

        Args:
          *arguments: of `keras.Model.export`.
          **keywords: of `keras.Model.export`.

        Raises:
          ValueError: always; it names what exports a model.
        """
        raise ValueError(
            f"Expected `tfgen.export.saved_model(model, directory)`, which exports all that a {type(self).__name__} computes. Received: "
            f"model.export({', '.join([*map(repr, arguments), *keywords])})"
        )

    @hook
    def facts(self) -> dict[str, Any]:
        """Says in JSON what a class adds to `export_metadata`.

        Returns:
          facts: by name.
        """
        return {}

    def export_metadata(self) -> dict[str, Any]:
        """Describes the model for those who meet only its export.

        Returns:
          metadata: JSON-able; class, event shape, parameters, and what the family and the class add.
        """
        return {
            "class": type(self).__name__,
            "event_shape": list(self.event_shape),
            **({} if self.condition is None else self.condition.describe()),
            "parameters": int(self.count_params()),
            **self.facts(),
        }
