"""What a line of the contract exercises in a model: the functions that its class resolves names to, and the classes of its layers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from tfgen.models.configuration import seed_generators
from tfgen.models.hooks import hooks_of
from tfgen.testing._lines import Line

__all__ = ["Key", "key_of"]

Key = tuple[tuple[str, Any], ...]
_PLAIN = (bool, int, float, str, tuple, type(None))


def key_of(line: Line, model: Any) -> Key:
    """Resolves what a line exercises, as pairs of a name and what it stands for; two models of one key are alike to the line."""
    names = sorted({*line.exercises, *(_hooks(type(model)) if line.hooks else ())})
    found = [(name, _implementation(model, name)) for name in names]
    return (*found, ("layers", frozenset(_layers(model, line.layers)))) if line.layers else tuple(found)


def _hooks(cls: type) -> Iterable[str]:
    """Names the hooks of all bases of a class."""
    return {name for base in cls.__mro__ for name in hooks_of(base)}


def _implementation(model: Any, name: str) -> Any:
    """Finds the function that a name, or a path of names, stands for; of an attribute its value if it is plain, or else its class."""
    *path, name = name.split(".")
    for part in path:
        model = getattr(model, part, None)
    found = inspect.getattr_static(type(model), name, None)
    if isinstance(found, property):
        return found.fget
    if inspect.isroutine(found):
        return getattr(found, "__func__", found)
    value = type(model) if name == "__class__" else getattr(model, name, None)
    return value if isinstance(value, (type, *_PLAIN)) else type(value)


def _layers(model: Any, which: str) -> Iterable[type]:
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    if which == "own":
        return {type(layer) for layer in layers if not type(layer).__module__.startswith("keras.")}
    generators = seed_generators(model)
    keeps = [layer for layer in layers if layer._non_trainable_variables or _holds(layer, generators)]
    return {type(layer) for layer in keeps}


def _holds(layer: Any, generators: list[Any]) -> bool:
    return any(own is generator for own in getattr(layer, "_seed_generators", []) for generator in generators)
