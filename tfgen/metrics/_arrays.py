"""Checks that every measure on feature arrays shares."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["feature_array", "same_size"]


def feature_array(values: Any, name: str) -> np.ndarray:
    """Reads features as a floating-point matrix; float32 stays float32, so that a large array is not copied."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Expected `{name}` to hold numbers. Received: {name} of dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"Expected `{name}` of shape (n, d), one row of features per example; flatten images first, with "
            f"`{name}.reshape(len({name}), -1)`. Received: {name} of shape {array.shape}"
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array).all(1)))
        raise ValueError(f"Expected finite features. Received: {name} with NaN or infinity in row {row}")
    return array


def same_size(first: int, second: int, names: tuple[str, str]) -> None:
    """Refuses two sets of features that cannot come from one extractor."""
    if first != second:
        raise ValueError(
            f"Expected `{names[0]}` and `{names[1]}` from the same extractor, with features of one size. "
            f"Received: {first} and {second} features per row"
        )
