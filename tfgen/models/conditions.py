"""What beside x and seeds a model is told: class labels, features of frames. Each condition is one object that knows its own rules."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.models import guards
from tfgen.models.operations import is_tensor
from tfgen.models.signatures import batch_of

__all__ = [
    "SET_BY",
    "ClassLabel",
    "Condition",
    "FrameFeatures",
    "class_label",
    "in_turn",
    "refusal",
]

SET_BY = {"label": "num_classes", "features": "local_channels"}  # arguments of constructors that make a model conditional


class Condition(abc.ABC):
    """Something that each example has beside itself.

    A model's `condition` is what its samples are drawn given: a keyword of `sample` and its like, an input of signatures. A model's
    `target` is what `fit` takes as `y`. Most often they are the same object.
    """

    name: str
    read_from_y: bool = True  # else `of` takes it from x itself, and `fit` needs no y for it

    @abc.abstractmethod
    def spec(self, extent: int | None = None) -> tf.TensorSpec:
        """Describes the input of a graph.

        Args:
          extent: length of the examples' first axis; None for the model's own.

        Returns:
          spec: named, batch first.
        """

    @abc.abstractmethod
    def check(self, values: Any, *, name: str, extent: int | None = None) -> None:
        """Refuses, in one sentence, what is not one legal value a row.

        Args:
          values: what was given, or None.
          name: what the caller calls it.
          extent: length of the examples' first axis; None for the model's own.

        Raises:
          TypeError: the values are of another kind.
          ValueError: there are none, or they are of another shape or range.
        """

    @abc.abstractmethod
    def rows(self, value: Any, n: int, *, extent: int | None = None) -> np.ndarray:
        """Turns what a caller passes into one value for each row, or says in one sentence why it cannot be used.

        Args:
          value: one for all rows, or one each.
          n: number of rows.
          extent: length of the examples' first axis; None for the model's own.

        Returns:
          rows: (n, ...).
        """

    @abc.abstractmethod
    def tensor(self, values: Any) -> tf.Tensor:
        """Gives values their number format, and refuses wrong ones inside the graph, where a server brings them unchecked.

        Args:
          values: (batch, ...), a tensor or what becomes one.

        Returns:
          condition: what the networks are given.
        """

    def of(self, x: tf.Tensor, y: Any) -> tf.Tensor:
        """Takes the condition of a training batch from its two parts.

        Args:
          x: (batch, *event_shape).
          y: what `fit` was given beside it.

        Returns:
          condition: (batch, ...).
        """
        del x
        return self.tensor(y)

    def turn(self, n: int) -> np.ndarray | None:
        """Chooses where nobody chose.

        Args:
          n: number of rows.

        Returns:
          rows: (n, ...); None where nobody else can choose.
        """
        del n
        return None

    def beside(self, value: Any, n: Any, *, extent: int | None = None) -> Any:
        """Does what `rows` does where the value, or inside a graph n, is a tensor; what tensors hold is checked when it runs.

        Args:
          value: what a caller passes: a tensor or anything that `rows` takes.
          n: number of rows, perhaps a tensor.
          extent: length of the examples, where it is not the model's own.

        Returns:
          rows: one value for each of n rows, an array or a tensor.

        Raises:
          TypeError: the value is no number, or no integer where one is needed.
          ValueError: it is missing, or of another shape or number format.
        """
        if not is_tensor(value) and not tf.is_tensor(n):
            return self.rows(value, n, extent=extent)
        if not is_tensor(value):
            single = value is not None and np.ndim(value) == 0
            rows = self.rows(value, 1 if value is None or single else len(value), extent=extent)
            return tf.repeat(rows, n, axis=0) if single else tf.constant(rows)
        spec, value = self.spec(extent), tf.convert_to_tensor(value)
        value = tf.fill([n], value) if value.shape.rank == 0 and spec.shape.rank == 1 else value
        expected = [None if tf.is_tensor(n) else n, *spec.shape[1:]]
        numbers = value.dtype.is_integer or (value.dtype.is_floating and not spec.dtype.is_integer)
        if not numbers or not value.shape.is_compatible_with(expected):
            raise ValueError(
                f"Expected `{self.name}` as a tensor of {spec.dtype.name} of shape {tuple(expected)}. Received: {value.dtype.name} of "
                f"shape {value.shape}"
            )
        return value

    @abc.abstractmethod
    def count(self, value: Any, seed: Any) -> int | None:
        """Tells how many rows a caller's value asks for.

        Args:
          value: one for all rows, or one each, or None.
          seed: what the caller gave as `seed`.

        Returns:
          count: None where the value leaves it open.
        """

    def describe(self) -> dict[str, Any]:
        """Says in JSON what those have to know who meet only the model's export.

        Returns:
          facts: by name.
        """
        return {}


@dataclass(frozen=True)
class ClassLabel(Condition):
    """One class a row, numbered from 0.

    Args:
      num_classes: number of classes, at least 1.

    Raises:
      ValueError: `num_classes` is anything else.

    Example:
      >>> from tfgen.models.conditions import ClassLabel
      >>> ClassLabel(10).rows(3, 2).tolist(), ClassLabel(3).turn(4).tolist()
      ([3, 3], [0, 1, 2, 0])
    """

    num_classes: int
    name = "label"

    def __post_init__(self) -> None:
        wrong = isinstance(self.num_classes, bool) or not isinstance(self.num_classes, (int, np.integer))
        if wrong or self.num_classes < 1:
            raise ValueError(
                "`num_classes` must be a number of classes, at least 1, or None for no labels. Received: "
                f"num_classes={self.num_classes!r}"
            )
        object.__setattr__(self, "num_classes", int(self.num_classes))

    def spec(self, extent: int | None = None) -> tf.TensorSpec:
        del extent
        return batch_of((), tf.int64, self.name)

    def check(self, values: Any, *, name: str, extent: int | None = None) -> None:
        del extent
        if values is None:
            raise ValueError(
                f"This model is conditional on {self.num_classes} classes: expected one label for each row, as `y=` beside arrays, "
                "as the second part of a data set's elements, or as `label=` of `sample` and its like. Received: "
                f"{name}=None"
            )
        data.check_labels(values, self.num_classes, name=name)

    def rows(self, value: Any, n: int, *, extent: int | None = None) -> np.ndarray:
        single = value is not None and np.ndim(value) == 0
        array: Any = np.broadcast_to(np.asarray(value), (max(n, 1),)) if single else value
        if array is None or np.size(array):
            self.check(array, name=self.name)
        array = np.asarray(array)[:n] if single else np.asarray(array)
        if len(array) != n:
            raise ValueError(f"Expected one `label`, or one for each of the {n} rows. Received: {len(array)} labels")
        return array.astype(np.int64)

    def tensor(self, values: Any) -> tf.Tensor:
        label = tf.cast(values, tf.int64)
        inside = tf.reduce_all((label >= 0) & (label < self.num_classes))
        expected = f"labels in [0, {self.num_classes}), the classes being numbered from 0"
        with tf.control_dependencies([guards.require(inside, expected, label)]):
            return tf.identity(label)

    def turn(self, n: int) -> np.ndarray:
        return np.arange(n, dtype=np.int64) % self.num_classes

    def count(self, value: Any, seed: Any) -> int | None:
        if value is None or (not np.ndim(value) and np.ndim(seed)):
            return None  # one class for all, and as many rows as seeds
        return len(np.atleast_1d(value))

    def describe(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes}


@dataclass(frozen=True)
class FrameFeatures(Condition):
    """Features of the frames of a sound, each frame `hop` samples long.

    Args:
      channels: features of a frame, at least 1.
      hop: samples of a frame, at least 1.
      length: samples of the model's own clips.

    Example:
      >>> from tfgen.models.conditions import FrameFeatures
      >>> FrameFeatures(2, hop=3, length=12).spec().shape, FrameFeatures(2, hop=3, length=12).frames(20)
      (TensorShape([None, 4, 2]), 7)
    """

    channels: int
    hop: int
    length: int
    name = "features"

    def frames(self, extent: int | None = None) -> int:
        """Counts the frames of a clip.

        Args:
          extent: samples of the clip; None for the model's own length.

        Returns:
          frames: the last one may be cut.
        """
        return -(-(extent or self.length) // self.hop)

    def spec(self, extent: int | None = None) -> tf.TensorSpec:
        return batch_of((self.frames(extent), self.channels), tf.float32, self.name)

    def check(self, values: Any, *, name: str, extent: int | None = None) -> None:
        if values is None:
            raise ValueError(
                f"This model is conditional on {self.channels} features a frame: expected them as `y=` beside arrays, as the "
                "second part of a data set's elements, or as `features=` of `sample` and its like. Received: "
                f"{name}=None"
            )
        data.check_images(values, shape=(self.frames(extent), self.channels), value_range=None, name=name)

    def rows(self, value: Any, n: int, *, extent: int | None = None) -> np.ndarray:
        if n or value is None:
            self.check(value, name=self.name, extent=extent)
        array = np.asarray(value, np.float32)
        if len(array) != n:
            raise ValueError(f"Expected features of each of the {n} rows. Received: {len(array)} rows of features")
        return array if n else np.zeros((0, self.frames(extent), self.channels), np.float32)

    def tensor(self, values: Any) -> tf.Tensor:
        features = tf.cast(values, tf.float32)
        with tf.control_dependencies([guards.require_finite(features, self.name)]):
            return tf.identity(features)

    def count(self, value: Any, seed: Any) -> int | None:
        return None if value is None or np.ndim(seed) else len(value)


def class_label(num_classes: Any) -> ClassLabel | None:
    """Makes the condition that the argument `num_classes` asks for.

    Args:
      num_classes: number of classes, at least 1, or None.

    Returns:
      condition: None for an unconditional model.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen.models.conditions import class_label
      >>> class_label(10), class_label(None)
      (ClassLabel(num_classes=10), None)
    """
    return None if num_classes is None else ClassLabel(num_classes)


def in_turn(model: Any, n: int, given: Any = None) -> dict[str, np.ndarray]:
    """Names what n samples are conditional on, as `sample` takes it: given rows in turn, or all classes in turn.

    Args:
      model: conditional or not.
      n: number of rows.
      given: rows of what the model is conditional on, which take turns; None for all classes.

    Returns:
      keywords: for `sample` and its like; empty for an unconditional model.

    Raises:
      ValueError: nothing is given, and nobody else can choose.

    Example:
      >>> import tfgen
      >>> from tfgen.models.conditions import in_turn
      >>> in_turn(tfgen.GatedPixelCNN((4, 4, 1), filters=2, blocks=1, num_classes=3), 4)["label"].tolist()
      [0, 1, 2, 0]
    """
    condition = getattr(model, "condition", None)
    if given is not None:
        rows = np.asarray(given)
        rows = rows[np.arange(n) % len(rows)] if np.size(rows) and rows.ndim else rows
        return {"label" if condition is None else condition.name: rows}
    if condition is None:
        return {}
    rows = condition.turn(n)
    if rows is None:
        raise ValueError(
            f"This model is conditional on {condition.name}, of which none can be chosen for you: expected rows of them. Received: "
            f"{condition.name}=None"
        )
    return {condition.name: rows}


def refusal(model: Any, name: str, value: Any) -> str:
    """Says why a model takes no such keyword.

    Args:
      model: the model.
      name: the keyword.
      value: what was given.

    Returns:
      message: one sentence.
    """
    told = "it is not conditional" if model.condition is None else f"it is conditional on `{model.condition.name}`"
    if model.condition is not None and model.condition.name == name:
        told = "this does not depend on it"
    if model.condition is None and SET_BY.get(name) in model.arguments:
        told += f", which `{SET_BY[name]}` makes it"
    shape = getattr(value, "shape", ())
    received = f"{name} of shape {tuple(shape)}" if len(shape) else f"{name}={value!r}"
    return f"{type(model).__name__} takes no `{name}`: {told}. Received: {received}"
