"""Reads the JSON body of a predict request into tensors, with TensorFlow Serving's rules and its error texts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgen.serving.errors import ServingError, invalid

INTEGER_BOUNDS = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
# A float tensor takes an integer token only when the mantissa holds it.
FLOAT_INTEGER_BOUND = {"float": 2**24 - 1, "double": 2**53 - 1}
NUMPY_TYPES: dict[str, Any] = {"float": np.float32, "double": np.float64, "bool": np.bool_, "string": object}
NUMPY_TYPES |= {name: np.dtype(name).type for name in INTEGER_BOUNDS}
JSON_TYPES = {name: {int} for name in INTEGER_BOUNDS} | {"float": {int, float}, "double": {int, float}, "bool": {bool}}

MAX_RANK = 64  # what numpy can hold
MAX_QUOTE = 1000  # characters of the offending value that an error repeats

_PARSE_ERRORS = {
    "Extra data": "The document root must not be followed by other values.",
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma": "Invalid value.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid control character": "Invalid encoding in string.",
}


def parse_body(body: bytes) -> dict[str, Any]:
    """Parses a request body, which must be one JSON object."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _parse_error("Invalid encoding in string.", error.start) from None
    except json.JSONDecodeError as error:
        raise _parse_error(_reason(error), len(error.doc[: error.pos].encode("utf-8"))) from None
    except (RecursionError, ValueError) as error:  # too many nested lists; an integer of thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quote(document)} Is not object")
    return document


def _parse_error(reason: str, offset: int) -> ServingError:
    return invalid(f"JSON Parse error: {reason} at offset: {offset}")


def _reason(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "The document is empty."
    if error.msg.startswith("Expecting ','"):
        if _innermost_bracket(error.doc[: error.pos]) == "{":
            return "Missing a comma or } after an object member."
        return "Missing a comma or ] after an array element."
    return next((text for prefix, text in _PARSE_ERRORS.items() if error.msg.startswith(prefix)), error.msg)


def _innermost_bracket(text: str) -> str:
    """The bracket that is still open at the end of a well-formed beginning."""
    stack, in_string, escaped = [], False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            stack.append(character)
        elif character in "]}":
            stack.pop()
    return stack[-1] if stack else ""


def quote(value: Any) -> str:
    """The value as an error text repeats it, four spaces of indentation, cut when it is long."""
    text = json.dumps(value, indent=4, ensure_ascii=False)
    return text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE] + "...TRUNCATED"


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request asks for; the empty string stands for the default one."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(f"JSON Value: {quote(document)} not formatted correctly. 'signature_name' key must be a string value.")
    return name


def decode_inputs(document: Mapping[str, Any], types: Mapping[str, str]) -> tuple[dict[str, np.ndarray], bool]:
    """Reads the tensors of a request.

    Args:
      document: the parsed body.
      types: TensorFlow's type name ("float", "int64", ...) of each input of the signature.

    Returns:
      inputs: the tensors by name.
      by_row: whether the request has the row form (`instances`), which its answer must have too.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        return _decode_rows(document, types), True
    if "inputs" in document:
        return _decode_columns(document["inputs"], types), False
    raise invalid("Missing 'inputs' or 'instances' key")


def _is_bytes(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and not _is_bytes(value)


def _decode_rows(document: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, np.ndarray]:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {quote(document)} Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {quote(document)} No values in 'instances' array")
    if len(types) > 1 and not isinstance(rows[0], dict):
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
        )
    records = _is_record(rows[0])
    columns: dict[str, list[np.ndarray]] = {name: [] for name in types}
    for index, row in enumerate(rows):
        if _is_record(row) != records:
            expected, received = ("object", "list") if records else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {received} at item {index} of input list")
        _add_row(index, row if records else {next(iter(types)): row}, records, types, columns)
    return {name: np.stack(column) for name, column in columns.items()}


def _add_row(
    index: int, row: Mapping[str, Any], records: bool, types: Mapping[str, str], columns: dict[str, list[np.ndarray]]
) -> None:
    """Appends one instance to the columns."""
    for name, value in row.items():
        try:
            if name not in types:
                raise invalid(f"JSON object: does not have named input: {name}")
            item = decode_tensor(value, types[name])
            _check_like_first(item, columns[name])
        except ServingError as error:
            key = f" key: {name}" if records else ""
            raise invalid(f"Failed to process element: {index}{key} of 'instances' list. Error: {error}") from None
        columns[name].append(item)
    if row.keys() != types.keys():
        raise invalid(
            f"Failed to process element: {index} of 'instances' list. JSON object: {quote(row)} "
            f"keys must be equal to: {','.join(sorted(types))}"
        )


def _check_like_first(item: np.ndarray, column: list[np.ndarray]) -> None:
    if column and item.size != column[0].size:
        raise invalid(f"Expecting tensor size: {column[0].size} but got: {item.size}")
    if column and item.shape != column[0].shape:
        raise invalid(f"Expecting shape {_shape_text(column[0])} but got: {_shape_text(item)}")


def _shape_text(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _decode_columns(value: Any, types: Mapping[str, str]) -> dict[str, np.ndarray]:
    if not _is_record(value):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
            )
        name, type_name = next(iter(types.items()))
        return {name: decode_tensor(value, type_name)}
    for name in types:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    if extra := sorted(value.keys() - types.keys()):
        # TensorFlow Serving reads over them; a misspelt control that has no effect is worse than an error.
        raise invalid(
            f"input size does not match signature: {len(value)}!={len(types)} len({{{','.join(sorted(value))}}}) != "
            f"len({{{','.join(sorted(types))}}}). Sent extra: {{{','.join(extra)}}}. Missing but required: {{}}."
        )
    return {name: decode_tensor(value[name], type_name) for name, type_name in types.items()}


def decode_tensor(value: Any, type_name: str) -> np.ndarray:
    """Reads nested lists into an array of the named TensorFlow type.

    Args:
      value: a JSON value; a scalar gives an array without axes.
      type_name: "float", "double", "int64", "string", ...

    Returns:
      tensor: bytes stand in an array of objects.
    """
    shape: list[int] = []
    head = value
    while isinstance(head, list):
        shape.append(len(head))
        head = head[0] if head else None
    if len(shape) > MAX_RANK:
        raise invalid(f"Expected a tensor of at most {MAX_RANK} axes. Received: {len(shape)} nested lists")
    values: list[Any] = []
    _fill(value, 0, shape, type_name, values)
    if type_name in FLOAT_INTEGER_BOUND:
        return _float_array(values, type_name).reshape(shape)
    if type_name in INTEGER_BOUNDS:
        _check_integers(values, type_name)
    array = np.empty(len(values), NUMPY_TYPES.get(type_name, object))
    array[:] = values
    return array.reshape(shape)


def _fill(value: Any, level: int, shape: list[int], type_name: str, values: list[Any]) -> None:
    """Appends the leaves of nested lists, which must be as long and as deep as their first elements say."""
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid(
                f"JSON Value: {quote(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {rank}"
            )
        values.append(_leaf(value, type_name))
        return
    if level >= rank:
        raise invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid(f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}")
    if level == rank - 1 and set(map(type, value)) <= JSON_TYPES.get(type_name, set()):
        values.extend(value)
        return
    for item in value:
        _fill(item, level + 1, shape, type_name, values)


def _leaf(value: Any, type_name: str) -> Any:
    """One element, checked against the tensor's type."""
    if type_name == "string":
        return _bytes_leaf(value)
    if type_name not in JSON_TYPES:
        raise ServingError("UNIMPLEMENTED", f"Conversion of JSON Value: {quote(value)} to type: {type_name}")
    if type(value) not in JSON_TYPES[type_name]:
        raise _type_error(value, type_name)
    return value


def _bytes_leaf(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _parse_error("The surrogate pair in string is invalid.", error.start) from None
    if not isinstance(value, dict):
        raise _type_error(value, "string")
    if not _is_bytes(value):
        raise invalid(f"JSON Value: {quote(value)} not formatted correctly for base64 data")
    text = value["b64"].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _type_error(value: Any, type_name: str) -> ServingError:
    kinds = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
    kind = str(value) if isinstance(value, bool) else kinds.get(type(value), "Number")
    return invalid(f"JSON Value: {quote(value)} Type: {kind} is not of expected type: {type_name}")


def _check_integers(values: list[int], type_name: str) -> None:
    low, high = INTEGER_BOUNDS[type_name]
    if values and (min(values) < low or max(values) > high):
        raise _type_error(next(value for value in values if not low <= value <= high), type_name)


def _float_array(values: list[Any], type_name: str) -> np.ndarray:
    """Floats of one precision; a finite number that does not fit is refused."""
    bound = FLOAT_INTEGER_BOUND[type_name]
    lossy = next((value for value in values if type(value) is int and abs(value) > bound), None)
    if lossy is None:
        wide = np.array(values, np.float64)
        with np.errstate(over="ignore"):
            array = wide.astype(NUMPY_TYPES[type_name])
        overflow = np.flatnonzero(np.isfinite(wide) & ~np.isfinite(array))
        if not overflow.size:
            return array
        lossy = values[overflow[0]]
    raise invalid(f"Cannot convert JSON value: {quote(lossy)} to {type_name} without loss of precision.")
