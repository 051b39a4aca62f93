"""What Python checks before it computes, checked again inside graphs, to which a server brings its values unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgen.random import MAX_SEED

__all__ = ["require", "require_finite", "require_mask", "require_positive", "require_rows", "require_seeds", "require_values"]

_SLACK = 1e-5  # past the ends of a range, as `tfgen.data.check_images` has it
_OFF_GRID = 0.02  # of a level


def require(legal: tf.Tensor, expected: str, received: tf.Tensor) -> Any:
    """Ends a graph with an InvalidArgumentError that says what is wrong.

    Args:
      legal: a truth value.
      expected: what would be right, "`seed` in [0, 2**53)" for example.
      received: what is there.

    Returns:
      check: what is to be run before the values are used, for `tf.control_dependencies`.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.guards import require
      >>> require(tf.constant(True), "`n` above 0", tf.constant(1))
    """
    # the operation itself: TensorFlow's function puts it into a branch of its own, which costs as much as all the rest
    return tf.raw_ops.Assert(condition=legal, data=[f"Expected {expected}. Received:", received], summarize=6)


def require_values(values: tf.Tensor, name: str, value_range: tuple[float, float], levels: int | None) -> Any:
    """Requires examples in the range of the data, on their grid of levels; NaN is in no range.

    Args:
      values: (batch, ...) float32.
      name: the input's name.
      value_range: the least and the greatest value.
      levels: how many there are in [0, 1]; None for any values between.

    Returns:
      check: as `require` gives it.
    """
    low, high = value_range
    if levels == 2:
        return require(tf.reduce_all((values == 0.0) | (values == 1.0)), f"`{name}` to hold only 0 and 1", values)
    legal, expected = (values >= low - _SLACK) & (values <= high + _SLACK), f"`{name}` in [{low:g}, {high:g}]"
    if levels is not None:
        numbers = values * (levels - 1.0)
        legal &= tf.abs(numbers - tf.round(numbers)) <= _OFF_GRID
        expected += f", on the grid of {levels} grey levels, k / {levels - 1}"
    return require(tf.reduce_all(legal), expected, values)


def require_finite(values: tf.Tensor, name: str) -> Any:
    """Requires numbers that are neither NaN nor infinite.

    Args:
      values: (batch, ...) floating.
      name: the input's name.

    Returns:
      check: as `require` gives it.
    """
    return require(tf.reduce_all(tf.math.is_finite(values)), f"`{name}` of finite numbers", values)


def require_positive(values: tf.Tensor, name: str) -> Any:
    """Requires finite numbers above 0, as sampling controls are.

    Args:
      values: (batch,) floating.
      name: the input's name.

    Returns:
      check: as `require` gives it.
    """
    return require(tf.reduce_all((values > 0.0) & tf.math.is_finite(values)), f"`{name}` above 0, and finite", values)


def require_mask(values: tf.Tensor, name: str) -> Any:
    """Requires numbers that say whether something is known.

    Args:
      values: (batch, ...) floating.
      name: the input's name.

    Returns:
      check: as `require` gives it.
    """
    expected = f"`{name}` of finite numbers, above 0 where a value is known and 0 elsewhere"
    return require(tf.reduce_all((values >= 0.0) & tf.math.is_finite(values)), expected, values)


def require_seeds(seeds: tf.Tensor, name: str) -> Any:
    """Requires row seeds that JSON carries exactly.

    Args:
      seeds: (batch,) int64.
      name: the input's name.

    Returns:
      check: as `require` gives it.
    """
    return require(tf.reduce_all((seeds >= 0) & (seeds <= MAX_SEED)), f"`{name}` in [0, 2**53)", seeds)


def require_rows(inputs: Mapping[str, tf.Tensor]) -> Any:
    """Requires as many rows of each input as of the others; TensorFlow would repeat a single one.

    Args:
      inputs: two or more, by name, batch first.

    Returns:
      check: as `require` gives it.
    """
    counts = tf.stack([tf.shape(values)[0] for values in inputs.values()])
    return require(tf.reduce_all(counts == counts[0]), f"as many rows of each of {', '.join(inputs)}", counts)
