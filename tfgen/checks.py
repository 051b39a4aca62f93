"""Checks of arguments, written once: each says in one sentence what was expected, what came, and returns the value in its type."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["counts", "integer", "integers", "number", "one_of", "path", "plain_path", "shape"]


def integer(value: Any, name: str, *, least: int | None = None, most: int | None = None) -> int:
    """Checks an argument that counts or numbers something.

    Args:
      value: what was given.
      name: what the caller calls it.
      least: the smallest value that makes sense, or None.
      most: the largest, or None.

    Returns:
      value: a Python integer.

    Raises:
      ValueError: it is no integer (a bool is none), or out of range.

    Example:
      >>> from tfgen import checks
      >>> checks.integer(3, "blocks", least=1)
      3
    """
    wrong = isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer))
    if wrong or (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(f"`{name}` must be an integer{_bounds(least, most)}. Received: {name}={value!r}")
    return int(value)


def counts(least: int, **values: Any) -> None:
    """Checks arguments that are numbers of something: maps, blocks, samples.

    Args:
      least: the smallest number that makes sense.
      **values: the arguments by name.

    Raises:
      ValueError: one is no integer, or smaller.

    Example:
      >>> from tfgen import checks
      >>> checks.counts(1, filters=32, blocks=6)
    """
    for name, value in values.items():
        integer(value, name, least=least)


def number(
    value: Any, name: str, *, least: float | None = None, most: float | None = None, above: float | None = None
) -> float:
    """Checks an argument that measures something.

    Args:
      value: what was given.
      name: what the caller calls it.
      least: the smallest value that makes sense, or None.
      most: the largest, or None.
      above: a bound that the value must exceed, or None.

    Returns:
      value: a Python float.

    Raises:
      ValueError: it is no finite real number, or out of range.

    Example:
      >>> from tfgen import checks
      >>> checks.number(0.5, "beta", least=0)
      0.5
    """
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_))
    low = (least is not None and real and value < least) or (above is not None and real and value <= above)
    if not real or not math.isfinite(value) or low or (most is not None and value > most):
        raise ValueError(f"`{name}` must be a number{_bounds(least, most, above)}. Received: {name}={value!r}")
    return float(value)


def _bounds(least: Any, most: Any, above: Any = None) -> str:
    if above is not None:
        return f" above {above}" + (f" and of at most {most}" if most is not None else "")
    if least is not None and most is not None:
        return f" in [{least}, {most}]"
    if least is not None:
        return f" of at least {least}"
    return f" of at most {most}" if most is not None else ""


def one_of(value: Any, name: str, known: Sequence[Any]) -> Any:
    """Checks an argument that names one of a few things.

    Args:
      value: what was given.
      name: what the caller calls it.
      known: the values that there are.

    Returns:
      value: the same.

    Raises:
      ValueError: it is none of them.

    Example:
      >>> from tfgen import checks
      >>> checks.one_of("mlp", "network", ("convolutional", "mlp"))
      'mlp'
    """
    if not any(type(value) is type(each) and value == each for each in known):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}. Received: {name}={value!r}")
    return value


def integers(value: Any, name: str) -> tuple[int, ...]:
    """Checks an argument that lists positive integers: units of layers, dilations.

    Args:
      value: one integer, or any number of them.
      name: what the caller calls it.

    Returns:
      integers: all positive; one stands for a list of one.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen import checks
      >>> checks.integers(500, "hidden"), checks.integers([1, 2], "dilations")
      ((500,), (1, 2))
    """
    given = (value,) if isinstance(value, (int, np.integer)) else value
    listed = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str)
    if not listed or any(isinstance(i, bool) or not isinstance(i, (int, np.integer)) or i < 1 for i in given):
        raise ValueError(f"Expected `{name}` to be a list of positive integers. Received: {name}={value!r}")
    return tuple(int(i) for i in given)


def path(value: Any, name: str = "path") -> Path:
    """Checks an argument that names a place on disk; a `~` at its beginning is the home folder, as in a shell.

    Args:
      value: a string or a path.
      name: what the caller calls it.

    Returns:
      path: whether anything is there or not.

    Raises:
      TypeError: it is anything else.

    Example:
      >>> from tfgen import checks
      >>> checks.path("~/runs").is_absolute(), str(checks.path("runs"))
      (True, 'runs')
    """
    place = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(place, str):
        raise TypeError(f"Expected `{name}` to be a path, as a string or a `pathlib.Path`. Received: {name}={value!r}")
    return Path(os.path.expanduser(place))


def shape(value: Any, name: str, axes: Sequence[str] = ("height", "width", "channels")) -> tuple[int, ...]:
    """Checks the shape of one example.

    Args:
      value: what was given.
      name: what the caller calls it.
      axes: what the axes are called.

    Returns:
      shape: as many positive integers as axes.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen import checks
      >>> checks.shape([28, 28, 1], "image_shape")
      (28, 28, 1)
    """
    listed = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str)
    sizes: tuple[Any, ...] = tuple(value) if listed else ()
    whole = all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size > 0 for size in sizes)
    if len(sizes) != len(axes) or not whole:
        raise ValueError(f"`{name}` must be ({', '.join(axes)}), all positive. Received: {name}={value}")
    return tuple(int(size) for size in sizes)


def plain_path(value: Any, name: str) -> Path:
    """Checks the path of a SavedModel: TensorFlow writes anywhere, and reads what is in a path as a pattern.

    Args:
      value: a string or a path; a `~` at its beginning is the home folder.
      name: what the caller calls it.

    Returns:
      path: whether anything is there or not.

    Raises:
      TypeError: it is no path.
      ValueError: it, or a folder above it, is called something with `[`, `*`, `?` or a backslash.

    Example:
      >>> from tfgen import checks
      >>> checks.plain_path("models/run[1]", "directory")
      Traceback (most recent call last):
      ...
      ValueError: `directory` must be a path without `[`, `*`, `?` and backslashes, ... Received: directory='models/run[1]'
    """
    place = path(value, name)
    if set("[*?\\") & set(Path(os.path.abspath(place)).as_posix()):
        raise ValueError(
            f"`{name}` must be a path without `[`, `*`, `?` and backslashes, which TensorFlow takes for a pattern: what is written "
            f"there could not be loaded. Choose another folder. Received: {name}={os.fspath(value)!r}"
        )
    return place
