"""What a client sends: arrays of the model's own types, and the inputs of a draw, a row for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tfgen.random import as_row_seeds
from tfgen.serving._json_decode import NUMPY_TYPES

__all__ = ["as_array", "sample_inputs"]


def as_array(value: Any, type_name: str) -> np.ndarray:
    """An array of the model's type where that loses no kind: 1 may become 1.0; 1.5 stays, and the server refuses it."""
    if type_name == "string":
        given = np.asarray(value, object)
        flat = [item.encode("utf-8") if isinstance(item, str) else item for item in given.reshape(-1)]
        array = np.empty(len(flat), object)
        array[:] = flat
        return array.reshape(given.shape)
    array = np.asarray(value)
    wanted = NUMPY_TYPES.get(type_name)
    same_kind = wanted is not None and array.dtype.kind in "iuf" and np.can_cast(array.dtype, wanted, "same_kind")
    if wanted is not None and (same_kind or array.size == 0):
        return array.astype(wanted)
    return array


def sample_inputs(
    n: int | None, seed: Any, label: Any, features: Any = None, controls: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, np.ndarray]:
    """Row seeds, labels, features and controls, one per row."""
    if n is None and np.ndim(label) == 1:
        n = len(label)
    elif n is None and np.ndim(features) and not np.ndim(seed):
        n = len(features)
    seeds = as_row_seeds(seed, n)
    inputs = {"seed": seeds}
    if features is not None:
        inputs["features"] = rows = np.asarray(features, np.float32)
        if rows.shape[:1] != seeds.shape:
            received = f"features.shape={rows.shape}"
            raise ValueError(f"`features` must hold one entry per row. Expected {len(seeds)} entries. Received: {received}")
    for name, value, kind in [("label", label, np.int64)] + [(name, value, np.float32) for name, value in controls.items()]:
        if value is None:
            continue
        if np.ndim(value) > 0 and np.shape(value) != seeds.shape:
            raise ValueError(f"`{name}` must hold one entry per row. Expected {len(seeds)} entries. Received: {name}={value}")
        given = np.asarray(value)
        if kind is np.int64 and given.dtype.kind not in "iu" and given.size:
            raise TypeError(f"`{name}` must hold integers. Received: {name}={value}")
        inputs[name] = np.broadcast_to(given.astype(kind), seeds.shape)
    return inputs
