"""How lines of the contract say that something is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

__all__ = ["ContractError", "close", "distance", "expect", "refuses"]


class ContractError(AssertionError):
    """A model breaks a line of the contract; the message says which one and how."""


def expect(condition: Any, detail: str) -> None:
    """Raises `ContractError` with the detail unless the condition holds."""
    if not bool(condition):
        raise ContractError(detail)


def refuses(function: Callable[[], Any], what: str) -> str:
    """Runs something that must be refused in one clear sentence or two; returns the message."""
    try:
        function()
    except (TypeError, ValueError) as error:
        text = str(error)
        expect(0 < len(text) < 600 and text.count("\n") == 0, f"{what}: the message is no clear sentence: {text[:2000]}")
        return text
    except Exception as error:
        raise ContractError(f"{what}: expected a ValueError in one sentence, got {type(error).__name__}: {error}") from error
    raise ContractError(f"{what}: expected to be refused, but it was not")


def close(one: Any, other: Any, tolerance: float, what: str) -> None:
    """Expects numbers, or nested structures of them, to agree within a tolerance, relative above 1."""
    for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        a, b = (np.asarray(v.value if isinstance(v, keras.Variable) else v, np.float64) for v in (a, b))
        expect(a.shape == b.shape, f"{what}: shapes {a.shape} and {b.shape}")
        expect(np.all(np.isfinite(a)) and np.all(np.isfinite(b)), f"{what}: not finite")
        expect(not a.size or distance(a, b) <= tolerance, f"{what}: differs by {distance(a, b):.3g}, more than {tolerance}")


def distance(a: Any, b: Any) -> float:
    """Returns the largest difference, relative above 1."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)), initial=0.0))
