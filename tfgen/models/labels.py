"""Class labels of conditional models: checked where they come in, and again in graphs that a server runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import data

__all__ = ["as_labels", "asserted", "check_labels", "check_num_classes", "in_turn"]


def check_num_classes(num_classes: Any) -> int | None:
    """Checks the argument that makes a model conditional.

    Args:
      num_classes: number of classes, at least 1, or None for an unconditional model.

    Returns:
      num_classes: the same.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen.models.labels import check_num_classes
      >>> check_num_classes(10)
      10
    """
    if num_classes is None:
        return None
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)) or num_classes < 1:
        raise ValueError(
            f"`num_classes` must be a number of classes, at least 1, or None for no labels. Received: num_classes={num_classes!r}"
        )
    return int(num_classes)


def check_labels(labels: Any, num_classes: int, *, name: str = "y") -> None:
    """Checks that labels are there, one integer per row, in [0, num_classes).

    Args:
      labels: (batch,) integers, or None where they were left out.
      num_classes: number of classes.
      name: what the caller calls them.

    Raises:
      TypeError: the labels are not integers.
      ValueError: there are none, a wrong shape, or a label out of range.

    Example:
      >>> import numpy as np
      >>> from tfgen.models.labels import check_labels
      >>> check_labels(np.array([0, 9]), 10)
    """
    if labels is None:
        raise ValueError(
            f"This model is conditional on {num_classes} classes: expected one label for each row, as `y=` beside arrays, as the "
            f"second part of a data set's elements, or as `label=` of `sample` and its like. Received: {name}=None"
        )
    data.check_labels(labels, num_classes, name=name)


def as_labels(label: Any, num_classes: int, n: int) -> np.ndarray:
    """Turns what a caller passes as `label` into one class per row.

    Args:
      label: one class for all rows, or one per row.
      num_classes: number of classes.
      n: number of rows.

    Returns:
      labels: (n,) int64.

    Raises:
      TypeError: the labels are not integers.
      ValueError: there are none, their number differs from `n`, or one is out of range.

    Example:
      >>> from tfgen.models.labels import as_labels
      >>> as_labels(3, 10, 2).tolist()
      [3, 3]
    """
    array = np.asarray(label) if label is not None else None
    if array is not None and array.ndim == 0:
        array = np.broadcast_to(array, (max(n, 1),))
    if array is None or array.size:
        check_labels(array, num_classes, name="label")
        array = np.asarray(array)[:n] if np.ndim(label) == 0 else np.asarray(array)
    if len(array) != n:  # type: ignore[arg-type]
        raise ValueError(f"Expected one `label`, or one for each of the {n} rows. Received: {len(array)} labels")  # type: ignore[arg-type]
    return array.astype(np.int64)  # type: ignore[union-attr]


def in_turn(model: Any, n: int) -> dict[str, np.ndarray]:
    """Chooses the classes of samples that nobody chose: all of them in turn.

    Args:
      model: conditional or not.
      n: number of rows.

    Returns:
      keywords: {"label": (n,) int64, `i % num_classes` in row i} for `sample` and its like; empty for an unconditional model.

    Example:
      >>> import tfgen
      >>> from tfgen.models.labels import in_turn
      >>> in_turn(tfgen.GatedPixelCNN((4, 4, 1), filters=2, blocks=1, num_classes=3), 4)["label"].tolist()
      [0, 1, 2, 0]
    """
    classes = getattr(model, "num_classes", None)
    return {} if classes is None else {"label": np.arange(n, dtype=np.int64) % classes}


def asserted(label: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Refuses labels out of range inside a graph, where a server or a later batch of a data set brings them.

    Args:
      label: (batch,) integers.
      num_classes: number of classes.

    Returns:
      label: the same as int64.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.labels import asserted
      >>> asserted(tf.constant([3]), 10).dtype.name
      'int64'
    """
    label = tf.cast(label, tf.int64)
    inside = tf.reduce_all((label >= 0) & (label < num_classes))
    expected = f"Expected labels in [0, {num_classes}), the classes being numbered from 0. Received:"
    with tf.control_dependencies([tf.debugging.Assert(inside, [expected, label])]):
        return tf.identity(label)
