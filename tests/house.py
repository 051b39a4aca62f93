"""What the tests of the house read: the tree's source files, parsed, and the library's modules, imported."""

from __future__ import annotations

import abc
import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @functools.cached_property
    def text(self) -> str:
        return self.path.read_text()

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The dotted name, `tfgen.data.loading`; a package stands for its `__init__`."""
        return self.place.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def functions(self) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]]:
        """Yields every function with the class it is a method of."""
        for parent in ast.walk(self.tree):
            for child in ast.iter_child_nodes(parent):
                if isinstance(child, FUNCTIONS):
                    yield child, parent if isinstance(parent, ast.ClassDef) else None

    def imports(self, tree: ast.AST | None = None) -> Iterator[str]:
        """Yields the dotted name of every imported module; of `from a import b` it is `a.b` where that is a module of ours."""
        for node in ast.walk(tree or self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from (f"{base}.{alias.name}" if is_module(f"{base}.{alias.name}") else base for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.place.removesuffix(".py").split("/")[: -node.level]
        return ".".join([*parts, *([node.module] if node.module else [])])


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@functools.cache
def sources(folder: str) -> tuple[Source, ...]:
    """Lists the Python files under a folder of the tree."""
    return tuple(Source(path) for path in sorted((ROOT / folder).rglob("*.py")))


@functools.cache
def modules() -> tuple[ModuleType, ...]:
    """Imports every module of the library; private ones are left out."""
    import tfgen

    names = [module.name for module in pkgutil.walk_packages(tfgen.__path__, "tfgen.")]
    return (tfgen, *(importlib.import_module(name) for name in sorted(names) if "._" not in name))


def own_names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yields (dotted name, object) of the functions and classes that a module publishes and defines itself."""
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module.__name__:
            yield f"{module.__name__}.{name}", value


def own_methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Yields (name, function) of the public methods that a class brings in; a base class or Keras describes the others."""
    import keras

    for name, value in vars(cls).items():
        function = getattr(value, "__func__", value)  # unwraps class methods and static methods
        known = hasattr(keras.Model, name) or any(name in vars(base) for base in cls.__mro__[1:])
        if inspect.isfunction(function) and not name.startswith("_") and not known:
            yield name, function


def is_abstract(cls: Any) -> bool:
    """Whether a class is a base to build on: it says so by inheriting from `abc.ABC` itself, or lacks methods."""
    return inspect.isclass(cls) and (abc.ABC in cls.__bases__ or inspect.isabstract(cls))


def heirs(cls: type) -> Iterator[type]:
    """Yields every class of the library below a class."""
    for heir in cls.__subclasses__():
        if heir.__module__.startswith("tfgen."):
            yield heir
        yield from heirs(heir)


def none_of(found: Iterable[object], rule: str) -> None:
    """Fails with one line for each thing that breaks a rule."""
    lines = [f"  {thing}" for thing in found]
    assert not lines, "\n".join([rule, *lines])
