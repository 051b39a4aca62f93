"""Checks that everything published is listed, annotated, documented and called in one way."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import keras

from tests.house import is_abstract, modules, none_of, own_methods, own_names


def _parameters(function: Any) -> list[inspect.Parameter]:
    """The parameters that a caller sees; `**kwargs` carries Keras's own (`name`, `dtype`)."""
    found = inspect.signature(function).parameters.values()
    return [parameter for parameter in found if parameter.name not in ("self", "cls", "kwargs")]


def _doc(value: Any) -> str:
    return inspect.getdoc(value) or ""


def _published() -> Iterator[tuple[str, Any]]:
    for module in modules():
        yield from own_names(module)


def _callables() -> Iterator[tuple[str, Any, str]]:
    """Yields (name, function, the docstring that must describe it) of every published function, method and constructor."""
    for name, value in _published():
        if inspect.isfunction(value):
            yield name, value, _doc(value)
            continue
        if "__init__" in vars(value) and not dataclasses.is_dataclass(value):
            yield name, vars(value)["__init__"], _doc(value)
        for method_name, method in own_methods(value):
            yield f"{name}.{method_name}", method, _doc(method)


def _surface() -> Iterator[tuple[str, Any]]:
    """Yields what somebody meets who types `tfgen.` and the names of its packages; the other modules serve these."""
    seen: set[int] = set()
    for module in modules():
        if module.__name__.count(".") < 2:
            for name in getattr(module, "__all__", []):
                value = getattr(module, name)
                if (inspect.isfunction(value) or inspect.isclass(value)) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{module.__name__}.{name}", value


def test_lists_of_names_are_true():
    found = []
    for module in modules():
        names = getattr(module, "__all__", None)
        if names is None:
            found.append(f"{module.__name__} has no __all__")
            continue
        if len(names) != len(set(names)):
            found.append(f"{module.__name__}.__all__ lists a name twice: {names}")
        found += [f"{module.__name__} has no {name}" for name in names if not hasattr(module, name)]
    none_of(found, "Every public module lists its names; ruff sorts them (RUF022).")


def test_everything_published_is_annotated():
    found = []
    for name, function, _ in _callables():
        bare = [parameter.name for parameter in _parameters(function) if parameter.annotation is inspect.Parameter.empty]
        if inspect.signature(function).return_annotation is inspect.Signature.empty and function.__name__ != "__init__":
            bare.append("return")
        found += [f"{name}: {what}" for what in bare]
    none_of(found, "Everything published has full annotations.")


def test_everything_published_is_documented():
    found = [name for name, _, doc in _callables() if not doc]
    found += [
        name
        for name, value in _published()
        if not _doc(value) or not _doc(value).split("\n\n")[0].rstrip().endswith((".", ":"))
    ]
    none_of(found, "Everything published has a docstring that begins with a sentence.")


def _described(doc: str) -> set[str]:
    """The arguments that a docstring's Args section describes."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", doc, re.MULTILINE)
    return set(re.findall(r"^  \*{0,2}(\w+):", section.group(1), re.MULTILINE)) if section else set()


def test_arguments_are_described():
    found = []
    for name, function, doc in _callables():
        missing = {parameter.name for parameter in _parameters(function)} - _described(doc)
        found += [f"{name}: {argument}" for argument in sorted(missing)]
    for name, value in _published():
        if dataclasses.is_dataclass(value):
            missing = {field.name for field in dataclasses.fields(value) if field.init} - _described(_doc(value))
            found += [f"{name}: {field}" for field in sorted(missing)]
    none_of(found, "The Args section of a docstring describes every argument.")


def test_arguments_that_are_described_exist():
    found = []
    for name, function, doc in _callables():
        extra = _described(doc) - set(inspect.signature(function).parameters)
        found += [f"{name}: {argument}" for argument in sorted(extra)]
    none_of(found, "The Args section of a docstring describes arguments that exist.")


def test_returned_values_are_described():
    found = []
    for name, function, doc in _callables():
        silent = inspect.signature(function).return_annotation in ("None", "NoReturn", None)
        if function.__name__ != "__init__" and not silent and not re.search(r"^(Returns|Yields):\n", doc, re.MULTILINE):
            found.append(name)
    none_of(found, "The Returns section of a docstring describes what comes back.")


def test_the_surface_has_examples():
    found = [name for name, value in _surface() if not is_abstract(value) and ">>> " not in _doc(value)]
    none_of(found, "What users call has an Example that runs.")


def test_options_are_given_by_keyword():
    """A constructor takes one argument by position; a function takes no option by position after its third argument."""
    classes = [(name, value) for name, value in _published() if inspect.isclass(value)]
    # layers keep Keras's own order, `filters, kernel_size`, and exceptions Python's
    layers = {name for name, value in classes if issubclass(value, keras.Layer) and not issubclass(value, keras.Model)}
    found = []
    for name, function, _ in _callables():
        by_position = [
            parameter for parameter in _parameters(function) if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        options = [parameter for parameter in by_position[3:] if parameter.default is not inspect.Parameter.empty]
        if function.__name__ == "__init__":
            options = [] if name in layers or name.endswith("Error") else by_position[1:]
        found += [f"{name}: {parameter.name}" for parameter in options]
    none_of(found, "Options are keyword-only.")
