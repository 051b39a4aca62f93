"""Tensors and messages between numpy, protocol buffers and JSON; packages that only serving needs are imported late."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2, types_pb2

SIGNATURE_DEF = "signature_def"

# TensorFlow Serving answers with typed fields, not with `tensor_content`; clients read `float_val` directly.
_FIELDS = {
    "float": "float_val",
    "double": "double_val",
    "int8": "int_val",
    "uint8": "int_val",
    "int16": "int_val",
    "uint16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "string": "string_val",
}


def serving_api(module: str) -> Any:
    """Imports one module that only serving needs, and says how to get it when it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"Serving needs the package that holds `{module}`, which is not installed. "
            "Install the extra: pip install 'tfgen-zoo[serving]'"
        ) from error


def type_name(dtype: Any) -> str:
    """TensorFlow's name of a data type number: "float", "int64", "string", ..."""
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def to_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Writes an array as a message, values in the typed field."""
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    field = _FIELDS.get(type_name(dtype.as_datatype_enum))
    if field is None:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto())
    getattr(proto, field).extend(array.reshape(-1).tolist())
    return proto


def from_proto(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a message; bytes stand in an array of objects. Raises ValueError on one that holds no tensor."""
    try:
        return np.asarray(tf.make_ndarray(proto))
    except (TypeError, KeyError, MemoryError, OverflowError) as error:
        raise ValueError(str(error)) from error


def to_dict(message: Any) -> dict[str, Any]:
    """A message as JSON data, with its own field names and with fields that hold their default."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def signature_shapes(signature: Mapping[str, Any], side: str) -> dict[str, tuple[str, list[int] | None]]:
    """Type name and shape of each input or output of a signature that `to_dict` wrote; None for an unknown rank."""
    tensors = {}
    for name, info in signature.get(side, {}).items():
        shape = info.get("tensor_shape", {})
        dims = None if shape.get("unknown_rank") else [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
        tensors[name] = (info["dtype"].removeprefix("DT_").lower(), dims)
    return tensors
