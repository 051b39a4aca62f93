"""gRPC through the official stubs of tensorflow-serving-api, unchanged."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from .conftest import expected_images


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=[("grpc.enable_http_proxy", 0)]) as made:
        yield made


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(signature="", version=None, version_label=None, name="small", output_filter=(), **inputs):
    made = predict_pb2.PredictRequest(output_filter=output_filter)
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    if version_label is not None:
        made.model_spec.version_label = version_label
    for key, value in inputs.items():
        made.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return made


def seeds(*values):
    return np.array(values, np.int64)


def test_predict_and_the_effective_model_spec(prediction):
    response = prediction.Predict(request(seed=seeds(7, 8)), timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["image"]), expected_images([7, 8], 0.5), rtol=1e-6)
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("small", 2, "serving_default")
    assert len(response.outputs["image"].float_val) == 32  # clients read the typed field directly


@pytest.mark.parametrize(
    "which, brightness", [({"version": 1}, 1.0), ({"version_label": "stable"}, 1.0), ({"version_label": "canary"}, 0.5)]
)
def test_versions_and_labels(prediction, which, brightness):
    response = prediction.Predict(request("sample", seed=seeds(3), **which), timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["image"]), expected_images([3], brightness), rtol=1e-6)
    assert response.model_spec.version.value == (1 if brightness == 1.0 else 2)


def test_every_kind_of_output(prediction):
    response = prediction.Predict(request("pair", a=np.ones((2, 2), np.float32), b=seeds(3, 4)), timeout=30)
    assert sorted(response.outputs) == ["is_even", "text", "total"]
    assert list(response.outputs["is_even"].bool_val) == [False, True]
    assert list(response.outputs["text"].string_val) == [b"3", b"4"]
    assert tf.make_ndarray(response.outputs["total"]).tolist() == [[4, 4], [5, 5]]
    half = prediction.Predict(request("short", x=np.float32([1.5])), timeout=30)
    assert tf.make_ndarray(half.outputs["half"]).tolist() == [1.5]


def test_output_filter(prediction):
    inputs = {"a": np.ones((1, 2), np.float32), "b": seeds(3)}
    response = prediction.Predict(request("pair", output_filter=["text"], **inputs), timeout=30)
    assert list(response.outputs) == ["text"]


@pytest.mark.parametrize(
    "made, code, text",
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (request(name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (request(name="other"), "NOT_FOUND", "Servable not found for request: Latest(other)"),
        (request(version=9), "NOT_FOUND", "Servable not found for request: Specific(small, 9)"),
        (request(version_label="none"), "INVALID_ARGUMENT", "Unrecognized servable version label: none"),
        (request("nope"), "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
        (
            request(),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({seed}). Sent extra: {}. Missing but required: {seed}.",
        ),
        (request(seed=seeds(1), n=1), "INVALID_ARGUMENT", "Sent extra: {n}. Missing but required: {}."),
        (request(x=seeds(1)), "INVALID_ARGUMENT", "Signature input alias: seed(feed name: "),
        (request(seed=np.float32([1])), "INVALID_ARGUMENT", "Expects arg[0] to be int64 but float is provided"),
        (request(seed=seeds(1)[None]), "INVALID_ARGUMENT", "Expected input `seed` of shape [?]. Received: shape [1,1]"),
        (
            request(output_filter=["z"], seed=seeds(1)),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z Outputs",
        ),
        (request(output_filter=["image"] * 2, seed=seeds(1)), "INVALID_ARGUMENT", "duplicate output tensor alias: image"),
        (request("check", x=np.float32([-1])), "INVALID_ARGUMENT", "x must be above 0"),
        (request("é" * 3000), "FAILED_PRECONDITION", "...TRUNCATED"),
    ],
)
def test_errors(prediction, made, code, text):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(made, timeout=30)
    assert caught.value.code() is grpc.StatusCode[code]
    assert text in caught.value.details()


def test_a_message_that_holds_no_tensor(prediction):
    made = request()
    made.inputs["seed"].dtype = tf.int64.as_datatype_enum
    made.inputs["seed"].tensor_shape.dim.add(size=3)
    made.inputs["seed"].tensor_content = b"12345"
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(made, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "tensor parsing error: seed"


def test_metadata(prediction):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "small"
    response = prediction.GetModelMetadata(asked, timeout=30)
    assert (response.model_spec.name, response.model_spec.version.value) == ("small", 2)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["sample_png"].outputs["image_bytes"].dtype == tf.string.as_datatype_enum
    for fields, text in ([], "must specify at least one metadata_field"), (["x"], "Metadata field x is not supported"):
        asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        asked.model_spec.name = "small"
        with pytest.raises(grpc.RpcError, match=text):
            prediction.GetModelMetadata(asked, timeout=30)


def test_status(models):
    asked = get_model_status_pb2.GetModelStatusRequest()
    with pytest.raises(grpc.RpcError, match="Missing ModelSpec"):
        models.GetModelStatus(asked, timeout=30)
    asked.model_spec.name = "small"
    response = models.GetModelStatus(asked, timeout=30)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(entry.version, entry.state) for entry in response.model_version_status] == [(2, available), (1, available)]
    asked.model_spec.version.value = 9
    with pytest.raises(grpc.RpcError, match="Could not find version 9 of model small") as caught:
        models.GetModelStatus(asked, timeout=30)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_what_exports_do_not_have(prediction):
    for method, message in (
        (prediction.Classify, classification_pb2.ClassificationRequest()),
        (prediction.Regress, regression_pb2.RegressionRequest()),
    ):
        message.model_spec.name = "small"
        with pytest.raises(grpc.RpcError, match="signature method_name to be tensorflow/serving/") as caught:
            method(message, timeout=30)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as caught:
        prediction.MultiInference(inference_pb2.MultiInferenceRequest(), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_stock_client_must_raise_its_own_limit(server, prediction):
    made = request("sample", seed=np.arange(70_000))
    with pytest.raises(grpc.RpcError) as caught:  # 64 bytes an image: 4.5 MB, above gRPC's default of 4
        prediction.Predict(made, timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=options) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(made, timeout=60)
    assert response.outputs["image"].tensor_shape.dim[0].size == 70_000


def test_the_server_takes_messages_above_four_megabytes(prediction):
    images = np.zeros((70_000, 4, 4, 1), np.float32)
    made = request("log_prob", image=images, label=np.zeros(70_000, np.int64))
    assert made.ByteSize() > 4 * 2**20
    assert len(prediction.Predict(made, timeout=60).outputs["log_prob"].float_val) == 70_000
