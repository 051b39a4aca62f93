"""The JSON of predict requests: what is read and what is refused, in TensorFlow Serving's words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfgen.serving import ServingError
from tfgen.serving._json_decode import decode_inputs, decode_tensor, parse_body, signature_name

ONE = {"x": "float"}
TWO = {"a": "float", "b": "int64"}


def decode(document, types=ONE):
    return decode_inputs(parse_body(json.dumps(document).encode()), types)


@pytest.mark.parametrize(
    "document, types, by_row, expected",
    [
        ({"instances": [1, 2.5]}, ONE, True, {"x": [1.0, 2.5]}),
        ({"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}, ONE, True, {"x": [[1, 2], [3, 4]]}),
        ({"instances": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}, TWO, True, {"a": [1, 3], "b": [2, 4]}),
        ({"inputs": [[1, 2]]}, ONE, False, {"x": [[1, 2]]}),
        ({"inputs": 3}, ONE, False, {"x": 3}),
        ({"inputs": {"x": []}}, ONE, False, {"x": []}),
        ({"inputs": {"a": [1.5], "b": [2**53 - 1]}}, TWO, False, {"a": [1.5], "b": [2**53 - 1]}),
    ],
)
def test_row_and_column_forms(document, types, by_row, expected):
    inputs, is_row = decode(document, types)
    assert is_row is by_row
    assert inputs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(inputs[name], np.array(value))
        assert inputs[name].dtype == (np.float32 if types[name] == "float" else np.int64)


def test_nan_and_infinity_tokens_are_read():
    inputs, _ = decode_inputs(parse_body(b'{"inputs": [NaN, Infinity, -Infinity]}'), ONE)
    np.testing.assert_array_equal(inputs["x"], np.array([np.nan, np.inf, -np.inf], np.float32))


def test_bytes_come_as_base64_or_text():
    inputs, _ = decode({"instances": [{"b64": "AP8="}, "ab", {"b64": "YQ"}]}, {"x": "string"})
    assert inputs["x"].tolist() == [b"\x00\xff", b"ab", b"a"]
    alone, _ = decode({"inputs": {"b64": "AP8="}}, {"x": "string"})
    assert alone["x"].shape == () and alone["x"].item() == b"\x00\xff"


@pytest.mark.parametrize(
    "body, text",
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"  ", "JSON Parse error: The document is empty. at offset:"),
        (b"{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1 "b"}', "JSON Parse error: Missing a comma or } after an object member. at offset: 8"),
        (b'{"a": "\\"[" , "b": [1 2]}', "JSON Parse error: Missing a comma or ] after an array element. at offset: 22"),
        (b'{"a": x}', "JSON Parse error: Invalid value. at offset: 6"),
        (b'{"a": "x', "JSON Parse error: Missing a closing quotation mark in string."),
        (b"{} {}", "JSON Parse error: The document root must not be followed by other values. at offset: 3"),
        (b'{"a": "\xff"}', "JSON Parse error: Invalid encoding in string. at offset: 7"),
        (b"[1]", "JSON Value: [\n    1\n] Is not object"),
        (b"[" * 200_000, "JSON Parse error:"),
        (b'{"a": ' + b"9" * 5000 + b"}", "JSON Parse error:"),
    ],
)
def test_malformed_bodies(body, text):
    with pytest.raises(ServingError) as caught:
        parse_body(body)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.message.startswith(text)


ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: {}"


@pytest.mark.parametrize(
    "document, types, text",
    [
        ({}, ONE, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": 1}, ONE, "expecting only one of 'inputs' or 'instances' keys to exist "),
        ({"instances": 3}, ONE, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, ONE, "No values in 'instances' array"),
        (
            {"instances": [1]},
            TWO,
            "instances is a plain list, but expecting list of objects as multiple input tensors required",
        ),
        ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
        ({"instances": [{"x": 1, "z": 2}]}, ONE, "JSON object: does not have named input: z"),
        ({"instances": [{"x": 1}, 2]}, ONE, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1, {"x": 2}]}, ONE, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [[1], [1, 2]]}, ONE, ROW.format(1, "Expecting tensor size: 1 but got: 2")),
        ({"instances": [[1, 2], [[1], [2]]]}, ONE, ROW.format(1, "Expecting shape [2] but got: [2,1]")),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list, but expecting an object as multiple input tensors required"),
        ({"inputs": {"a": 1}}, TWO, "Missing named input: b in 'inputs' object."),
        (
            {"inputs": {"x": 1, "z": 2}},
            ONE,
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
        ),
        ({"inputs": ["1"]}, ONE, 'JSON Value: "1" Type: String is not of expected type: float'),
        ({"inputs": [1, True]}, ONE, "JSON Value: true Type: True is not of expected type: float"),
        ({"inputs": [None]}, ONE, "JSON Value: null Type: Null is not of expected type: float"),
        ({"inputs": [1.5]}, {"x": "int64"}, "JSON Value: 1.5 Type: Number is not of expected type: int64"),
        ({"inputs": [2**63]}, {"x": "int64"}, f"JSON Value: {2**63} Type: Number is not of expected type: int64"),
        ({"inputs": [-(2**63) - 1]}, {"x": "int64"}, f"JSON Value: {-(2**63) - 1} Type: Number is not of expected type: int64"),
        ({"inputs": [300]}, {"x": "uint8"}, "JSON Value: 300 Type: Number is not of expected type: uint8"),
        ({"inputs": [1]}, {"x": "bool"}, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ({"inputs": [2**24]}, ONE, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ({"inputs": [1e39]}, ONE, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ({"inputs": [[1, 2], [3]]}, ONE, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ({"inputs": [1, [2]]}, ONE, "Encountered list at unexpected level: 1 expected < 1"),
        ({"inputs": [[1], 2]}, ONE, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ({"inputs": [{"b64": "YQ=="}]}, ONE, "Type: Object is not of expected type: float"),
        ({"inputs": [{"b64": "*"}]}, {"x": "string"}, "Unable to base64 decode"),
        ({"inputs": [{"b65": "YQ=="}]}, {"x": "string"}, "not formatted correctly for base64 data"),
    ],
)
def test_refusals(document, types, text):
    with pytest.raises(ServingError) as caught:
        decode(document, types)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert text in caught.value.message


def test_types_that_json_cannot_carry():
    with pytest.raises(ServingError, match="Conversion of JSON Value: 1 to type: half") as caught:
        decode({"inputs": [1]}, {"x": "half"})
    assert caught.value.code == "UNIMPLEMENTED"


def test_too_many_axes_are_refused():
    value = 1.0
    for _ in range(70):
        value = [value]
    with pytest.raises(ServingError, match="Received: 70 nested lists"):
        decode_tensor(value, "float")


def test_long_values_are_cut_in_errors():
    with pytest.raises(ServingError) as caught:
        parse_body(json.dumps(list(range(100_000))).encode())
    assert len(caught.value.message) < 2000


def test_signature_name():
    assert signature_name({}) == ""
    assert signature_name({"signature_name": "sample"}) == "sample"
    with pytest.raises(ServingError, match="'signature_name' key must be a string value"):
        signature_name({"signature_name": 7})
