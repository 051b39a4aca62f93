"""What a caller asks of a draw beside seeds and conditions: temperatures, truncations, lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen import checks

__all__ = ["check_controls", "check_extent"]


def check_controls(given: dict[str, Any], known: Sequence[str], n: int, model: str) -> dict[str, np.ndarray]:
    """Checks sampling controls, positive numbers such as a temperature.

    Args:
      given: by name, one for all rows or one each; those that are None are left out.
      known: the controls that the model has.
      n: number of rows.
      model: the model's class, for messages.

    Returns:
      controls: (n,) float32 each.

    Raises:
      ValueError: the model lacks one, there are too few or too many, or one is not positive.
    """
    controls = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in known:
            told = ", ".join(known) or "none"
            raise ValueError(f"{model} has no `{name}`. Sampling controls of this model: {told}. Received: {name}={value}")
        array = np.asarray(value)
        if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
            raise ValueError(f"Expected one `{name}`, or one for each of the {n} rows. Received: {name} of shape {array.shape}")
        floats = np.asarray(array, np.float32) if array.dtype.kind in "fiu" else np.zeros(1, np.float32)
        if not (np.isfinite(floats).all() and (floats > 0).all()):  # in float32: 1e-50 is zero there
            raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
        controls[name] = np.broadcast_to(floats, (n,))
    return controls


def check_extent(value: Any, name: str, own: int) -> int | None:
    """Checks the argument that sets how long an example is.

    Args:
      value: a positive integer, or None.
      name: what the caller calls it.
      own: the model's own length.

    Returns:
      extent: None where it is the model's own.
    """
    return None if value is None or checks.integer(value, name, least=1) == own else int(value)
