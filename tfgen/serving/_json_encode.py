"""Writes tensors as JSON the way TensorFlow Serving does, and reads its answers back."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgen.serving._json_decode import NUMPY_TYPES
from tfgen.serving.errors import invalid

BYTES_SUFFIX = "_bytes"


def encode_outputs(outputs: Mapping[str, np.ndarray], by_row: bool) -> bytes:
    """Writes a predict answer.

    Args:
      outputs: tensors by name; a single one is written without its name.
      by_row: `predictions`, one entry per row of the batch, instead of `outputs`, one entry per tensor.

    Returns:
      body: JSON, with the tokens NaN, Infinity and -Infinity where a tensor holds them.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    text = _encode_rows(outputs) if by_row else _encode_columns(outputs)
    # Text that is not UTF-8 goes out byte for byte.
    return text.encode("utf-8", "surrogateescape")


def encode_error(message: str) -> bytes:
    """Writes an error answer, `{"error": "..."}`."""
    return json.dumps({"error": message}, indent=4, ensure_ascii=False).encode("utf-8", "replace")


def encode_inputs(inputs: Mapping[str, np.ndarray]) -> str:
    """Writes the tensors of a request in column form; bytes are always base64."""
    members = (f"{json.dumps(name)}: {_nested(_tokens(value, True), value.shape)[0]}" for name, value in inputs.items())
    return "{" + ", ".join(members) + "}"


def _encode_rows(outputs: Mapping[str, np.ndarray]) -> str:
    size = 0
    for name, value in outputs.items():
        if value.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if len(value) < 1:
            raise invalid(f"Tensor name: {name} has invalid batch size: {len(value)}")
        if size not in (0, len(value)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(value)} expecting: {size}")
        size = len(value)
    columns = {name: _nested(_tokens(value, _is_bytes(name)), value.shape, first=1) for name, value in outputs.items()}
    if len(columns) == 1:
        rows: Sequence[str] = next(iter(columns.values()))
    else:
        names = [json.dumps(name) for name in columns]
        rows = [
            "{" + ", ".join(f"{name}: {item}" for name, item in zip(names, row, strict=True)) + "}"
            for row in zip(*columns.values(), strict=True)
        ]
    return '{\n    "predictions": [' + ",\n        ".join(rows) + "\n    ]\n}"


def _encode_columns(outputs: Mapping[str, np.ndarray]) -> str:
    columns = {name: _nested(_tokens(value, _is_bytes(name)), value.shape)[0] for name, value in outputs.items()}
    if len(columns) == 1:
        return '{\n    "outputs": ' + next(iter(columns.values())) + "\n}"
    members = ",\n        ".join(f"{json.dumps(name)}: {text}" for name, text in columns.items())
    return '{\n    "outputs": {\n        ' + members + "\n    }\n}"


def _is_bytes(name: str) -> bool:
    return name.endswith(BYTES_SUFFIX)


def _tokens(array: np.ndarray, as_base64: bool) -> list[str]:
    """One JSON token per element, in row-major order."""
    flat = array.reshape(-1)
    if array.dtype == object:
        return [_string_token(value, as_base64) for value in flat]
    if array.dtype == np.bool_:
        return ["true" if value else "false" for value in flat.tolist()]
    if array.dtype.kind in "iu":
        return list(map(str, flat.tolist()))
    if array.dtype not in (np.float32, np.float64):
        raise invalid(
            f"Failed to write JSON value for tensor type: {'half' if array.dtype == np.float16 else array.dtype.name}"
        )
    tokens = flat.astype("U").tolist()  # the shortest decimal that reads back as the same float
    for index in np.flatnonzero(~np.isfinite(flat)):
        tokens[index] = "NaN" if np.isnan(flat[index]) else "Infinity" if flat[index] > 0 else "-Infinity"
    return tokens


def _string_token(value: bytes | str, as_base64: bool) -> str:
    data = value.encode("utf-8") if isinstance(value, str) else value
    if as_base64:
        return '{"b64": "' + base64.b64encode(data).decode("ascii") + '"}'
    return json.dumps(data.decode("utf-8", "surrogateescape"), ensure_ascii=False)


def _nested(tokens: list[str], shape: tuple[int, ...], first: int = 0) -> list[str]:
    """Brackets tokens along every axis from `first` on; one text per position of the axes before it."""
    for axis in range(len(shape) - 1, first - 1, -1):
        size = shape[axis]
        tokens = ["[" + ", ".join(tokens[i * size : (i + 1) * size]) + "]" for i in range(math.prod(shape[:axis]))]
    return tokens


def decode_output(value: Any, type_name: str, dims: Sequence[int] | None) -> np.ndarray:
    """Reads one tensor of an answer.

    Args:
      value: nested lists as the server wrote them.
      type_name: TensorFlow's type name of the output.
      dims: the output's shape from the signature, -1 where it is not fixed, None when the rank is not known; gives an
        empty batch, which JSON writes as `[]`, its other axes.

    Returns:
      tensor: an array; bytes stand in an array of objects.
    """
    if type_name == "string":
        shape, leaves = _string_leaves(value)
        array = np.empty(len(leaves), object)
        array[:] = leaves
        array = array.reshape(shape)
    else:
        array = np.asarray(value, NUMPY_TYPES[type_name])
    if array.size == 0 and dims and array.ndim < len(dims):
        array = array.reshape([max(size, 0) for size in dims])
    return array


def _string_leaves(value: Any) -> tuple[tuple[int, ...], list[bytes]]:
    if isinstance(value, list):
        parts = [_string_leaves(item) for item in value]
        inner = parts[0][0] if parts else ()
        return (len(value), *inner), [leaf for _, leaves in parts for leaf in leaves]
    return (), [base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("utf-8")]
