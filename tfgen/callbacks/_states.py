"""What other callbacks count while a model trains, as bytes that travel with its checkpoint."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

__all__ = ["collect", "numbers_of", "restore"]

_Numbers = Mapping[str, Any]  # attributes that are numbers, arrays, or lists of arrays


def _named(callbacks: Sequence[keras.callbacks.Callback]) -> Iterator[tuple[str, keras.callbacks.Callback]]:
    """Names each by its class, and by its number among those of that class."""
    count: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        count[kind] = count.get(kind, -1) + 1
        yield f"{kind}.{count[kind]}", callback


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.generic, np.ndarray)) and np.asarray(value).dtype.kind in "biuf"


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, (np.ndarray, np.generic)) for part in value)


def _settings(callback: keras.callbacks.Callback) -> set[str]:
    """Names what its constructor takes: whoever starts a program again may have chosen otherwise, and Keras turns signs of some."""
    constructors = [vars(kind)["__init__"] for kind in type(callback).__mro__[:-1] if "__init__" in vars(kind)]
    return {name for constructor in constructors for name in inspect.signature(constructor).parameters}


def numbers_of(callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, _Numbers]:
    """Copies the attributes of callbacks that are numbers, arrays, or lists of arrays, and no settings.

    Args:
      callbacks: of one `fit`.

    Returns:
      numbers: of each callback, by its name.
    """

    found = {}
    for name, callback in _named(callbacks):
        settings = _settings(callback)
        state = {
            key: value
            for key, value in vars(callback).items()
            if key not in settings and (_is_number(value) or _is_list(value))
        }
        found[name] = {key: np.copy(value) if _is_number(value) else list(value) for key, value in state.items()}
    return found


def _differs(one: Any, other: Any) -> bool:
    if isinstance(one, list) or isinstance(other, list) or other is None:
        return True
    return one.shape != other.shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def collect(callbacks: Sequence[keras.callbacks.Callback], fresh: Mapping[str, _Numbers]) -> bytes:
    """Writes what training has changed.

    Args:
      callbacks: of one `fit`.
      fresh: their numbers when training began.

    Returns:
      content: for `restore`.
    """
    arrays = {}
    for name, numbers in numbers_of(callbacks).items():
        for key, value in numbers.items():
            if not _differs(value, fresh.get(name, {}).get(key)):
                continue
            parts = (
                {f"{name}/{key}/{i}": part for i, part in enumerate(value)}
                if isinstance(value, list)
                else {f"{name}/{key}": value}
            )
            arrays |= parts
    memory = io.BytesIO()
    np.savez(memory, allow_pickle=False, **arrays)
    return memory.getvalue()


def restore(callbacks: Sequence[keras.callbacks.Callback], content: bytes) -> None:
    """Sets back what `collect` wrote; a callback of which nothing is known stays as it is.

    Args:
      callbacks: of one `fit`, after training has begun for them.
      content: what `collect` returned.
    """
    known = dict(_named(callbacks))
    lists: dict[tuple[str, str], dict[int, np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for path in arrays.files:
            name, key, *place = path.split("/")
            if name not in known:
                continue
            value = arrays[path]
            if place:
                lists.setdefault((name, key), {})[int(place[0])] = value
            else:
                setattr(known[name], key, value if value.ndim else value.item())
    for (name, key), parts in lists.items():
        setattr(known[name], key, [parts[i] for i in sorted(parts)])
