"""REST as any HTTP client sees it: no code of ours between the test and the socket."""

from __future__ import annotations

import base64
import gzip
import http.client
import json

import numpy as np
import pytest
import tensorflow as tf

from tfgen.serving import Limits, Server

from .conftest import SIZE, expected_images

SMALL = "/v1/models/small"


def ask(server, method, path, body=None, headers=None):
    """One request on a fresh connection; status and parsed answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    try:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        assert response.getheader("content-type") == "application/json"
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def post(server, body, path=SMALL, method="predict", **keywords):
    return ask(server, "POST", f"{path}:{method}", body, **keywords)


def test_rows_columns_and_short_forms_give_the_same(server):
    seeds = [7, 2**53 - 1]
    wanted = expected_images(seeds, 0.5).tolist()
    for body in ({"instances": [{"seed": seed} for seed in seeds]}, {"instances": seeds}):
        status, answer = post(server, body)
        assert status == 200
        np.testing.assert_allclose(answer["predictions"], wanted, rtol=1e-6)
    for body in ({"inputs": {"seed": seeds}}, {"inputs": seeds, "signature_name": "sample"}):
        status, answer = post(server, body)
        assert status == 200
        np.testing.assert_allclose(answer["outputs"], wanted, rtol=1e-6)


def test_several_inputs_and_outputs(server):
    body = {"signature_name": "pair", "instances": [{"a": [1, 2], "b": 3}, {"a": [0.5, 0], "b": 4}]}
    assert post(server, body) == (
        200,
        {
            "predictions": [
                {"is_even": False, "text": "3", "total": [4.0, 5.0]},
                {"is_even": True, "text": "4", "total": [4.5, 4.0]},
            ]
        },
    )
    columns = {"signature_name": "pair", "inputs": {"a": [[1, 2]], "b": [3]}}
    assert post(server, columns) == (200, {"outputs": {"is_even": [False], "text": ["3"], "total": [[4.0, 5.0]]}})


def test_bytes_travel_as_base64(server):
    data = base64.b64encode(bytes(range(128))).decode()
    status, answer = post(server, {"signature_name": "echo", "instances": [{"b64": data}]})
    assert status == 200 and answer["predictions"][0]["y_bytes"] == {"b64": data}
    status, answer = post(server, {"signature_name": "sample_png", "instances": [5]})
    png = base64.b64decode(answer["predictions"][0]["b64"])
    assert status == 200 and tf.io.decode_png(png).shape == (SIZE, SIZE, 1)


@pytest.mark.parametrize(
    "suffix, brightness", [("/versions/1", 1.0), ("/versions/2", 0.5), ("/labels/stable", 1.0), ("/labels/canary", 0.5)]
)
def test_versions_and_labels(server, suffix, brightness):
    status, answer = post(server, {"instances": [3]}, SMALL + suffix)
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], expected_images([3], brightness), rtol=1e-6)


def test_status(server):
    def entry(version):
        return {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}

    assert ask(server, "GET", SMALL) == (200, {"model_version_status": [entry("2"), entry("1")]})
    assert ask(server, "GET", f"{SMALL}/versions/1") == (200, {"model_version_status": [entry("1")]})
    assert ask(server, "GET", f"{SMALL}/labels/stable") == (200, {"model_version_status": [entry("1")]})


def test_metadata(server):
    status, answer = ask(server, "GET", f"{SMALL}/versions/1/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "small", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["sample"]
    assert signature["inputs"]["seed"]["dtype"] == "DT_INT64"
    assert signature["inputs"]["seed"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert [dim["size"] for dim in signature["outputs"]["image"]["tensor_shape"]["dim"]] == ["-1", "4", "4", "1"]


def test_not_a_number_is_a_token(server):
    status, answer = post(server, {"signature_name": "odd", "instances": [-1.0, 0.0]})
    assert status == 200 and np.isnan(answer["predictions"][0]) and answer["predictions"][1] == -np.inf


@pytest.mark.parametrize(
    "path, body, status, text",
    [
        (SMALL, b"{", 400, "JSON Parse error: Missing a name for object member. at offset: 1"),
        (SMALL, b"", 400, "JSON Parse error: The document is empty"),
        (SMALL, {"signature_name": "nope", "instances": [1]}, 400, 'Serving signature name: "nope" not found in signature def'),
        (SMALL, {"instances": [1.5]}, 400, "JSON Value: 1.5 Type: Number is not of expected type: int64"),
        (SMALL, {"instances": [2**63]}, 400, "is not of expected type: int64"),
        (SMALL, {"inputs": {}}, 400, "Missing named input: seed in 'inputs' object."),
        (SMALL, {"inputs": {"seed": [1], "n": 1}}, 400, "Sent extra: {n}. Missing but required: {}."),
        (SMALL, {"inputs": [[1]]}, 400, "Expected input `seed` of shape [?]. Received: shape [1,1]"),
        (SMALL, {"signature_name": "decode", "instances": [[1, 2, 3]]}, 400, "Expected input `latent` of shape [?,2]"),
        (SMALL, {"signature_name": "short", "instances": [1]}, 400, "Failed to write JSON value for tensor type: half"),
        (SMALL, {"signature_name": "check", "instances": [-1]}, 400, "x must be above 0"),
        ("/v1/models/other", {"instances": [1]}, 404, "Servable not found for request: Latest(other)"),
        (SMALL + "/versions/9", {"instances": [1]}, 404, "Servable not found for request: Specific(small, 9)"),
        (SMALL + "/labels/none", {"instances": [1]}, 400, "Unrecognized servable version label: none"),
        (SMALL + "/versions/" + "9" * 30, {"instances": [1]}, 400, f"Failed to convert version: {'9' * 30} to numeric."),
        ("/v1/models/", {"instances": [1]}, 400, "Malformed request: POST /v1/models/:predict"),
        ("/v1/models/a%2Fb", {"instances": [1]}, 404, "Servable not found for request: Latest(a/b)"),
    ],
)
def test_errors(server, path, body, status, text):
    received, answer = post(server, body, path)
    assert received == status
    assert list(answer) == ["error"] and text in answer["error"]


@pytest.mark.parametrize(
    "method, path, status, text",
    [
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", SMALL + "/versions/9", 404, "Could not find version 9 of model small"),
        ("GET", SMALL + "/versions/9/metadata", 404, "Servable not found for request: Specific(small, 9)"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", SMALL + ":predict", 400, f"Malformed request: GET {SMALL}:predict"),
        ("POST", SMALL + ":sample", 400, f"Malformed request: POST {SMALL}:sample"),
        ("DELETE", SMALL, 400, f"Malformed request: DELETE {SMALL}"),
        ("GET", "/", 404, "Models answer at /v1/models/NAME"),
    ],
)
def test_address_errors(server, method, path, status, text):
    received, answer = ask(server, method, path)
    assert received == status and text in answer["error"]


@pytest.mark.parametrize("method, kind", [("classify", "classification"), ("regress", "regression")])
def test_classify_and_regress_need_their_own_signatures(server, method, kind):
    status, answer = post(server, {"examples": [{"x": 1}]}, method=method)
    assert status == 400
    assert answer["error"] == (
        f"Expected {kind} signature method_name to be tensorflow/serving/{method}. Was: tensorflow/serving/predict"
    )
    status, answer = post(server, {"instances": [1]}, method=method)
    assert status == 400 and answer["error"].endswith("When method is classify, key 'examples' is expected and was not found")
    status, answer = post(server, {"signature_name": "nope", "examples": [{}]}, method=method)
    assert (status, answer["error"]) == (400, "No signature was found with the name: nope")


def test_addresses_ignore_case_and_query(server):
    assert ask(server, "GET", "/V1/Models/small?x=1")[0] == 200


def test_packed_and_chunked_bodies(server):
    body = json.dumps({"instances": [3]}).encode()
    packed = post(server, gzip.compress(body), headers={"Content-Encoding": "gzip"})
    chunked = post(server, iter([body[:5], body[5:]]))  # http.client chunks what has no length
    assert packed == chunked == post(server, body)
    whole, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    assert (
        post(server, gzip.compress(body[:9]) + gzip.compress(body[9:]), headers=headers) == packed
    )  # members, one after the other
    for wrong in (body, whole[:-8], whole[:-1], whole + b"more", b"\x1f\x8b"):  # the check sum, all JSON before it, is cut off
        status, answer = post(server, wrong, headers=headers)
        assert status == 400 and "packed by gzip" in answer["error"]


def test_one_connection_takes_many_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    statuses = []
    for body in (b'{"instances": [1]}', b"{", b'{"instances": [2]}'):
        connection.request("POST", f"{SMALL}:predict", body)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [200, 400, 200]


def test_oversized_bodies(exported):
    with Server(
        exported, name="small", rest_port=0, grpc_port=0, limits=Limits(threads=1, max_body_bytes=1000)
    ) as small_server:
        for body, headers in [
            (b"x" * 1001, {}),
            (b"x" * 1_000_000, {}),
            (gzip.compress(b"x" * 1_000_000), {"Content-Encoding": "gzip"}),
        ]:
            try:
                status, answer = post(small_server, body, headers=headers)
            except (BrokenPipeError, ConnectionResetError):
                # The server stops reading a body far above the limit; the sender may not get to the answer.
                assert len(body) > 4000
                continue
            assert status == 413 and "at most 1000 bytes" in answer["error"]
        assert post(small_server, {"instances": [1]})[0] == 200
