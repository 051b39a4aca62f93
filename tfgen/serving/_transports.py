"""How a client's calls travel: REST on the standard library, gRPC through TensorFlow Serving's stubs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np

from tfgen.serving._json_encode import decode_output, encode_inputs
from tfgen.serving._tensors import SIGNATURE_DEF, from_proto, serving_api, signature_shapes, to_dict, to_proto
from tfgen.serving.errors import CODE_OF_STATUS, ServingError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RECONNECT_MILLISECONDS = 200


@dataclass(frozen=True)
class Target:
    """A model, and one version of it by number or by label, or the newest."""

    model: str
    version: int | None = None
    label: str | None = None

    def path(self) -> str:
        """The target's REST address."""
        path = f"/v1/models/{quote(self.model, safe='')}"
        if self.version is not None:
            return f"{path}/versions/{self.version}"
        return path if self.label is None else f"{path}/labels/{quote(self.label, safe='')}"


class Transport(Protocol):
    """What both protocols do."""

    def predict(
        self, target: Target, signature: str, inputs: Mapping[str, np.ndarray], description: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Runs a signature; `description` is its part of the metadata, empty for an unknown one."""
        ...

    def metadata(self, target: Target) -> dict[str, Any]:
        """The answer of REST's `/metadata`."""
        ...

    def status(self, target: Target) -> dict[str, Any]:
        """The answer of REST's model status."""
        ...

    def close(self) -> None:
        """Gives connections back."""
        ...


class RestTransport:
    """REST.

    Args:
      base: the server's address, for example "http://127.0.0.1:8501".
      timeout: seconds that one call may take.
    """

    def __init__(self, base: str, timeout: float):
        self._base = base
        self._timeout = timeout
        host = urllib.request.Request(base).host.rsplit(":", 1)[0].strip("[]")
        # A proxy cannot reach this machine's own loopback.
        handlers = [urllib.request.ProxyHandler({})] if host in LOOPBACK else []
        self._opener = urllib.request.build_opener(*handlers)

    def predict(
        self, target: Target, signature: str, inputs: Mapping[str, np.ndarray], description: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Posts a request in column form."""
        body = f'{{"signature_name": {json.dumps(signature)}, "inputs": {encode_inputs(inputs)}}}'
        outputs = self._call(f"{target.path()}:predict", body.encode("utf-8"))["outputs"]
        shapes = signature_shapes(description, "outputs")
        if len(shapes) == 1:  # a single output comes without its name
            outputs = {next(iter(shapes)): outputs}
        return {name: decode_output(outputs[name], *shape) for name, shape in shapes.items()}

    def metadata(self, target: Target) -> dict[str, Any]:
        """Gets the metadata."""
        return self._call(f"{target.path()}/metadata")

    def status(self, target: Target) -> dict[str, Any]:
        """Gets the status."""
        return self._call(target.path())

    def close(self) -> None:
        """Does nothing: each call has a connection of its own."""

    def _call(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(self._base + path, body, {"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read()) from None
        except TimeoutError as error:
            raise _timed_out(self._base, self._timeout) from error
        except (OSError, json.JSONDecodeError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise _timed_out(self._base, self._timeout) from error
            raise _unreachable(self._base, getattr(error, "reason", error)) from error


def _refusal(status: int, body: bytes) -> ServingError:
    """The server's text, or what it sent in its place."""
    try:
        message = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        message = body.decode("utf-8", "replace").strip() or f"HTTP status {status} without a text"
    return ServingError(CODE_OF_STATUS.get(status, "UNKNOWN"), message)


def _unreachable(address: str, reason: object) -> ConnectionError:
    return ConnectionError(
        f"No model server answers at {address}. Start one with `tfgen serve DIRECTORY`, or pass the address of one that runs. "
        f"Received: {reason}"
    )


def _timed_out(address: str, timeout: float) -> TimeoutError:
    return TimeoutError(
        f"The server at {address} took longer than {timeout} s. Ask for fewer rows, or pass a longer `timeout`."
    )


class GrpcTransport:
    """gRPC.

    Args:
      address: host and port.
      timeout: seconds that one call may take.
    """

    def __init__(self, address: str, timeout: float):
        self._grpc = serving_api("grpc")
        self._address = address
        self._timeout = timeout
        options = [
            ("grpc.max_receive_message_length", -1),  # 4 MB by default: a hundred images
            ("grpc.max_send_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MILLISECONDS),
            ("grpc.max_reconnect_backoff_ms", 5 * RECONNECT_MILLISECONDS),
            ("grpc.enable_http_proxy", 0 if address.rsplit(":", 1)[0].strip("[]") in LOOPBACK else 1),
        ]
        self._channel = self._grpc.insecure_channel(address, options=options)
        self._prediction = serving_api("tensorflow_serving.apis.prediction_service_pb2_grpc").PredictionServiceStub(
            self._channel
        )
        self._models = serving_api("tensorflow_serving.apis.model_service_pb2_grpc").ModelServiceStub(self._channel)

    def predict(
        self, target: Target, signature: str, inputs: Mapping[str, np.ndarray], description: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Calls Predict."""
        request = serving_api("tensorflow_serving.apis.predict_pb2").PredictRequest()
        self._address_to(request, target)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(to_proto(value))
        response = self._call(self._prediction.Predict, request)
        return {name: from_proto(proto) for name, proto in sorted(response.outputs.items())}

    def metadata(self, target: Target) -> dict[str, Any]:
        """Calls GetModelMetadata."""
        api = serving_api("tensorflow_serving.apis.get_model_metadata_pb2")
        request = api.GetModelMetadataRequest(metadata_field=[SIGNATURE_DEF])
        self._address_to(request, target)
        response = self._call(self._prediction.GetModelMetadata, request)
        signatures = api.SignatureDefMap()
        response.metadata[SIGNATURE_DEF].Unpack(signatures)
        return {"model_spec": to_dict(response.model_spec), "metadata": {SIGNATURE_DEF: to_dict(signatures)}}

    def status(self, target: Target) -> dict[str, Any]:
        """Calls GetModelStatus."""
        request = serving_api("tensorflow_serving.apis.get_model_status_pb2").GetModelStatusRequest()
        self._address_to(request, target)
        return to_dict(self._call(self._models.GetModelStatus, request))

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _address_to(self, request: Any, target: Target) -> None:
        request.model_spec.name = target.model
        if target.version is not None:
            request.model_spec.version.value = target.version
        elif target.label is not None:
            request.model_spec.version_label = target.label

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
        if code == "UNAVAILABLE":
            raise _unreachable(self._address, details)
        if code == "DEADLINE_EXCEEDED":
            raise _timed_out(self._address, self._timeout)
        raise ServingError(code, details)
