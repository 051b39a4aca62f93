"""Checks of what a model is given: each says in one sentence what was expected, what came, and how to mend it.

All are plain functions of arrays that return nothing. Models call them on the first batch, `tfgen.data` on whole arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks

__all__ = ["check_binary", "check_images", "check_integer", "check_labels", "check_lengths"]

_SLACK = 1e-5  # bfloat16 and resizing round a little past the ends of the range
_BLOCK = 2**22  # numbers looked at together: what is computed of a large array never becomes as large as it


def check_images(
    images: np.ndarray | tf.Tensor,
    *,
    shape: Sequence[int | None],
    value_range: tuple[float, float] | None = (0.0, 1.0),
    name: str = "x",
) -> None:
    """Checks a batch of images, or of any arrays of one shape.

    Args:
      images: (batch, *shape) real numbers.
      shape: shape of one example, for example (28, 28, 1); None stands for any size on that axis.
      value_range: least and greatest allowed value, or None for any finite value.
      name: what the caller calls this argument.

    Raises:
      TypeError: the values are not real numbers.
      ValueError: there is no example, a wrong rank or shape, a NaN or infinity, or a value outside `value_range`.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.data.check_images(np.zeros((2, 28, 28, 1)), shape=(28, 28, 1))
      >>> tfgen.data.check_images(np.zeros((2, 28, 28)), shape=(28, 28, 1))  # doctest: +ELLIPSIS
      Traceback (most recent call last):
        ...
      ValueError: Expected `x` of shape (batch, 28, 28, 1). The channel axis is missing: pass `x[..., None]`. Received: ...
    """
    array = _as_array(images, name)
    _check_shape(array, tuple(shape), name)
    if not array.size:
        raise ValueError(f"Expected `{name}` to hold at least one example. Received: {name}.shape={array.shape}")
    _check_finite(array, name)
    if value_range is not None:
        _check_range(array, value_range, name)


def check_binary(images: np.ndarray | tf.Tensor, *, name: str = "x") -> None:
    """Checks that every value is 0 or 1, as models of binary images need.

    Args:
      images: array of any shape.
      name: what the caller calls this argument.

    Raises:
      TypeError: the values are not real numbers.
      ValueError: a value is neither 0 nor 1.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.data.check_binary(np.array([[0.0, 1.0]]))
    """
    array = _as_array(images, name)
    _check_finite(array, name)
    count, first = _search(array, lambda values: (values != 0) & (values != 1))
    if count:
        raise ValueError(
            f"Expected `{name}` to hold only 0 and 1. Draw binary pixels with `tfgen.data.binarize(images, seeds)`, or "
            f'load with `view="binarized"`. Received: {count} other values of {array.size}, the first {first}'
        )


def check_labels(labels: np.ndarray | tf.Tensor, num_classes: int, *, name: str = "labels") -> None:
    """Checks class labels: one integer per row, in [0, num_classes).

    Args:
      labels: (batch,) integers.
      num_classes: number of classes.
      name: what the caller calls this argument.

    Raises:
      TypeError: the labels are not integers.
      ValueError: a wrong rank, no label at all, or a label out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.data.check_labels(np.array([0, 9]), 10)
      >>> tfgen.data.check_labels(np.array([0, 10]), 10)  # doctest: +ELLIPSIS
      Traceback (most recent call last):
        ...
      ValueError: Expected `labels` in [0, 10), the classes being numbered from 0. Received: 1 label out of range, ...
    """
    if _is_text(labels):
        raise TypeError(
            f"Expected `{name}` as class numbers. Names become numbers by `names, {name} = np.unique({name}, return_inverse=True)`, in "
            f"a data set by `keras.layers.StringLookup(vocabulary=names, num_oov_indices=0)`. Received: text"
        )
    array = _as_array(labels, name)
    if array.ndim == 2 and array.shape[1] == num_classes and num_classes > 1:
        raise ValueError(
            f"Expected `{name}` as one class number per row, of shape (batch,). One-hot rows become numbers by "
            f"`{name}.argmax(-1)`. Received: {name}.shape={array.shape}"
        )
    if array.ndim != 1:
        mend = f" A column becomes that by `{name}[:, 0]`." if array.ndim == 2 and array.shape[1] == 1 else ""
        raise ValueError(
            f"Expected `{name}` of shape (batch,), one class number per row.{mend} Received: {name}.shape={array.shape}"
        )
    if not array.size:
        raise ValueError(f"Expected `{name}` to hold at least one label. Received: {name}.shape={array.shape}")
    if array.dtype.kind not in "iu":
        raise TypeError(
            f'Expected `{name}` to be integers; cast them with `.astype("int64")`. Received: {name}.dtype={array.dtype}'
        )
    count, first = _search(array, lambda values: (values < 0) | (values >= num_classes))
    if count:
        raise ValueError(
            f"Expected `{name}` in [0, {num_classes}), the classes being numbered from 0. "
            f"Received: {count} label{'s' if count > 1 else ''} out of range, the first {name}{first}"
        )


def check_integer(value: Any, name: str, *, least: int | None = None) -> int:
    """Checks an argument that counts or numbers something, and tells a wrong type from a wrong value.

    Args:
      value: what was given.
      name: what the caller calls it.
      least: the smallest value that makes sense, or None.

    Returns:
      value: a Python integer.

    Raises:
      TypeError: it is no integer.
      ValueError: it is too small.

    Example:
      >>> from tfgen.data.checks import check_integer
      >>> check_integer(64, "batch_size", least=1)
      64
    """
    try:
        value = checks.integer(value, name)
    except ValueError as error:  # without bounds, what is refused has the wrong type
        raise TypeError(str(error)) from None
    return checks.integer(value, name, least=least)


def check_lengths(images: Any, labels: Any) -> None:
    """Checks that there are as many labels as images.

    Args:
      images: array with the batch axis first.
      labels: array with the batch axis first.

    Raises:
      ValueError: the numbers of rows differ.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.data.check_lengths(np.zeros((3, 2, 2, 1)), np.zeros(3, int))
    """
    if len(images) != len(labels):
        raise ValueError(f"Expected one label per image. Received: {len(images)} images and {len(labels)} labels")


def _is_text(values: Any) -> bool:
    """Tells whether all values are strings."""
    array = np.asarray(values, object) if isinstance(values, (list, tuple)) else np.asarray(values)
    if array.dtype.kind != "O":
        return array.dtype.kind in "SUT"
    return bool(array.size) and all(isinstance(value, (str, bytes)) for value in array.ravel())


def _as_array(values: Any, name: str) -> np.ndarray:
    """Reads real numbers as NumPy, bfloat16 as float32."""
    if isinstance(values, tf.data.Dataset):
        raise TypeError(f"Expected `{name}` to be an array. Received: {name}={values!r}; give its batches one by one")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"Expected `{name}` as one array; its rows must all have one shape. Received: {error}") from None
    if array.dtype.kind == "V":  # bfloat16 and float8 of ml_dtypes
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Expected `{name}` to hold real numbers. Received: {name}.dtype={array.dtype}")
    return array


def _check_shape(array: np.ndarray, shape: tuple[int | None, ...], name: str) -> None:
    """Compares all axes but the first, and guesses what was forgotten."""

    def matches(received: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
        return len(received) == len(wanted) and all(w is None or r == w for r, w in zip(received, wanted, strict=True))

    if matches(array.shape[1:], shape) and array.ndim:
        return
    wanted = ", ".join(["batch", *("any" if size is None else str(size) for size in shape)])
    mend = ""
    if shape and shape[-1] in (1, None) and matches(array.shape[1:], shape[:-1]):
        mend = f" The channel axis is missing: pass `{name}[..., None]`."
    elif matches(array.shape, shape):
        mend = f" The batch axis is missing: pass `{name}[None]`."
    elif len(shape) == 3 and array.ndim == 4 and matches((*array.shape[2:], array.shape[1]), shape):
        mend = f" The channels must come last: pass `{name}.transpose(0, 2, 3, 1)`."
    elif array.ndim == 2 and None not in shape and array.shape[1] == int(np.prod(shape)):  # type: ignore[arg-type]
        mend = f" The rows are flat: pass `{name}.reshape({', '.join(['-1', *map(str, shape)])})`."
    raise ValueError(f"Expected `{name}` of shape ({wanted}{',' * (not shape)}).{mend} Received: {name}.shape={array.shape}")


def _check_finite(array: np.ndarray, name: str) -> None:
    if array.dtype.kind != "f":
        return
    count, first = _search(array, lambda values: ~np.isfinite(values))
    if count:
        raise ValueError(
            f"Expected `{name}` to hold finite numbers. Received: {count} NaN or infinite values of {array.size}, "
            f"the first {name}{first}"
        )


def _check_range(array: np.ndarray, value_range: tuple[float, float], name: str) -> None:
    low, high = value_range
    least, greatest = float(array.min()), float(array.max())
    if low - _SLACK <= least and greatest <= high + _SLACK:
        return
    mend = ""
    if (low, high) == (0.0, 1.0) and 0.0 <= least and 1.0 < greatest <= 255.0:
        mend = f' Divide by 255: `{name}.astype("float32") / 255`.'
    elif (low, high) == (0.0, 1.0) and -1.0 - _SLACK <= least < 0.0 and greatest <= 1.0 + _SLACK:
        mend = f" From [-1, 1], pass `({name} + 1) / 2`."
    raise ValueError(f"Expected `{name}` in [{low:g}, {high:g}].{mend} Received: values from {least:g} to {greatest:g}")


def _search(array: np.ndarray, is_wrong: Callable[[np.ndarray], np.ndarray]) -> tuple[int, str]:
    """Counts the wrong values, block by block, and writes the first of them as `[index]=value`."""
    array = np.atleast_1d(array)
    rows = max(1, _BLOCK // max(1, array[:1].size))
    count, first = 0, ""
    for start in range(0, len(array), rows):
        wrong = is_wrong(array[start : start + rows])
        found = int(np.count_nonzero(wrong))
        if found and not count:
            row, *rest = (int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
            index = (start + row, *rest)
            first = f"[{', '.join(map(str, index))}]={array[index]:g}"
        count += found
    return count, first
