"""The register of the contract's lines: each is a function of a bench, and its docstring is the line."""

from __future__ import annotations

from collections.abc import Callable

from tfgen.testing._bench import Bench

__all__ = ["LINES", "line"]

Check = Callable[[Bench], None]
LINES: dict[str, Check] = {}


def line(check: Check) -> Check:
    """Registers a line under its function's name."""
    LINES[check.__name__] = check
    return check
