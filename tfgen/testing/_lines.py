"""The register of the contract's lines: each is a function of a bench, its docstring is the line, and it says what it exercises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tfgen.testing._bench import Bench
from tfgen.testing.case import Case

__all__ = ["LINES", "Line", "line"]

Check = Callable[[Bench], None]
Asked = Callable[[Any, Case], bool]


@dataclass(frozen=True)
class Line:
    """One line of the contract.

    Args:
      check: raises `ContractError` where a model breaks the line.
      exercises: names of methods and attributes of a model. The line need not be checked again where they are the same functions: what
        a class inherits has been proven already. Of an attribute that is an object ("condition") its class counts.
      hooks: whether it exercises all hooks that the model's bases have, too.
      layers: whether it exercises layers too: "own", all but Keras's; "stateful", those that keep something between two calls.
      asked: tells of a model and its case whether the line can be asked of it.
    """

    check: Check
    exercises: tuple[str, ...]
    hooks: bool
    layers: Literal["", "own", "stateful"]
    asked: Asked

    @property
    def sentence(self) -> str:
        """What a model promises."""
        return " ".join((self.check.__doc__ or "").split())

    @property
    def is_everywhere(self) -> bool:
        """Whether it is about the model's own mathematics, and so about every case."""
        return not (self.exercises or self.hooks or self.layers)


LINES: dict[str, Line] = {}


def line(
    *exercises: str,
    hooks: bool = False,
    layers: Literal["", "own", "stateful"] = "",
    asked: Asked = lambda model, case: True,
) -> Callable[[Check], Check]:
    """Registers a line under its function's name; without arguments it is about every case."""

    def register(check: Check) -> Check:
        LINES[check.__name__] = Line(check, exercises, hooks, layers, asked)
        return check

    return register
