"""The JSON of predict answers, there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfgen.serving import ServingError
from tfgen.serving._json_decode import decode_inputs, parse_body
from tfgen.serving._json_encode import decode_output, encode_error, encode_inputs, encode_outputs


def test_one_output_goes_without_its_name():
    value = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert json.loads(encode_outputs({"y": value}, by_row=True)) == {"predictions": value.tolist()}
    assert json.loads(encode_outputs({"y": value}, by_row=False)) == {"outputs": value.tolist()}


def test_several_outputs_are_named():
    outputs = {"a": np.array([[1.5], [2.5]], np.float32), "b": np.array([True, False]), "c": np.array([1, -2], np.int64)}
    rows = json.loads(encode_outputs(outputs, by_row=True))
    assert rows == {"predictions": [{"a": [1.5], "b": True, "c": 1}, {"a": [2.5], "b": False, "c": -2}]}
    columns = json.loads(encode_outputs(outputs, by_row=False))
    assert columns == {"outputs": {"a": [[1.5], [2.5]], "b": [True, False], "c": [1, -2]}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_short_and_read_back_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(2000) * 10.0 ** rng.integers(-44, 38, 2000)
    values = np.concatenate([wide.astype(dtype), np.array([0.2, 1e-45, 3.4e38, -0.0, 9e6], dtype)])
    body = encode_outputs({"y": values}, by_row=False)
    read = decode_output(json.loads(body)["outputs"], "float" if dtype == np.float32 else "double", [-1])
    np.testing.assert_array_equal(read.view(np.uint32), values.view(np.uint32))
    assert b"0.2," in body


def test_not_a_number_becomes_a_token():
    assert b"[NaN, Infinity, -Infinity]" in encode_outputs({"y": np.array([np.nan, np.inf, -np.inf], np.float32)}, by_row=False)


def test_bytes_by_suffix():
    value = np.array([b"\x00\xff", b"ok"], object)
    assert json.loads(encode_outputs({"image_bytes": value}, by_row=True)) == {
        "predictions": [{"b64": "AP8="}, {"b64": "b2s="}]
    }
    assert b"\xff" in encode_outputs({"text": np.array([b"\xff"], object)}, by_row=True)


@pytest.mark.parametrize(
    "outputs, text",
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.float32(1.0).reshape(())}, "Tensor name: y has no shape information"),
        ({"y": np.zeros((0, 2), np.float32)}, "Tensor name: y has invalid batch size: 0"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "Tensor name: b has inconsistent batch size: 3 expecting: 2"),
        ({"y": np.zeros(2, np.float16)}, "Failed to write JSON value for tensor type: half"),
    ],
)
def test_what_rows_cannot_hold(outputs, text):
    with pytest.raises(ServingError, match=text):
        encode_outputs(outputs, by_row=True)


def test_an_empty_batch_keeps_its_axes():
    body = encode_outputs({"y": np.zeros((0, 4, 4, 1), np.float32)}, by_row=False)
    assert decode_output(json.loads(body)["outputs"], "float", [-1, 4, 4, 1]).shape == (0, 4, 4, 1)


def test_requests_read_back():
    inputs = {"a": np.array([[0.1, np.nan]], np.float32), "s": np.array([b"\x00"], object), "n": np.array([2**53 - 1])}
    body = f'{{"inputs": {encode_inputs(inputs)}}}'.encode()
    read, _ = decode_inputs(parse_body(body), {"a": "float", "s": "string", "n": "int64"})
    for name, value in inputs.items():
        np.testing.assert_array_equal(read[name], value)


def test_errors_are_one_member():
    assert json.loads(encode_error('a "quoted"\nline')) == {"error": 'a "quoted"\nline'}
