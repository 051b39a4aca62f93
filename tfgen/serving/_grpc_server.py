"""The gRPC side: TensorFlow Serving's own services over the loaded models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tfgen.serving._loaded import DEFAULT_SIGNATURE, LoadedModel
from tfgen.serving._manager import ModelManager
from tfgen.serving._messages import metadata_response, status_response
from tfgen.serving._tensors import SIGNATURE_DEF, from_proto, serving_api, to_proto
from tfgen.serving.errors import ServingError, invalid

logger = logging.getLogger("tfgen.serving")

MAX_DETAILS = 1024  # TensorFlow Serving cuts its texts here: they travel in a header
STOP_SECONDS = 5.0
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


class GrpcServer:
    """Serves PredictionService and ModelService.

    Args:
      manager: the loaded models.
      address: host and port; port 0 takes a free one.
      reload_config: applies a `ModelServerConfig` message.
      threads: how many requests run at once.
    """

    def __init__(self, manager: ModelManager, address: str, reload_config: Callable[[Any], None], *, threads: int):
        grpc = serving_api("grpc")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tfgen-serving-grpc")
        self._server = grpc.server(self._pool, options=OPTIONS)
        serving_api("tensorflow_serving.apis.prediction_service_pb2_grpc").add_PredictionServiceServicer_to_server(
            _prediction_servicer(manager), self._server
        )
        serving_api("tensorflow_serving.apis.model_service_pb2_grpc").add_ModelServiceServicer_to_server(
            _model_servicer(manager, reload_config), self._server
        )
        self.port = self._server.add_insecure_port(address)

    def start(self) -> None:
        """Begins to answer."""
        self._server.start()

    def stop(self) -> None:
        """Finishes the requests that run."""
        self._server.stop(STOP_SECONDS).wait()
        self._pool.shutdown()


def _guarded(context: Any, function: Callable[[], Any]) -> Any:
    """Runs a handler; what goes wrong becomes a status."""
    grpc = serving_api("grpc")
    try:
        return function()
    except ServingError as error:
        code, details = error.code, error.message
    except Exception as error:  # the server outlives whatever a request does to it
        logger.exception("A request failed")
        code, details = "INTERNAL", f"{type(error).__name__}: {error}"
    if len(details) > MAX_DETAILS:
        details = details[:MAX_DETAILS] + "...TRUNCATED"
    return context.abort(grpc.StatusCode[code], details)


def _find(manager: ModelManager, request: Any) -> tuple[LoadedModel, int]:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    return manager.find(spec.name, version, label)


def _tensors(request: Any) -> dict[str, np.ndarray]:
    inputs = {}
    for name, proto in request.inputs.items():
        try:
            inputs[name] = from_proto(proto)
        except ValueError:
            raise invalid(f"tensor parsing error: {name}") from None
    return inputs


def _predict(manager: ModelManager, request: Any) -> Any:
    model, version = _find(manager, request)
    outputs = model.run(request.model_spec.signature_name, _tensors(request), list(request.output_filter))
    response = serving_api("tensorflow_serving.apis.predict_pb2").PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    for name, value in outputs.items():
        response.outputs[name].CopyFrom(to_proto(value))
    return response


def _metadata(manager: ModelManager, request: Any) -> Any:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for name in request.metadata_field:
        if name != SIGNATURE_DEF:
            raise invalid(f"Metadata field {name} is not supported")
    model, version = _find(manager, request)
    return metadata_response(model, request.model_spec.name, version)


def _refuse(manager: ModelManager, request: Any, kind: str, method: str) -> Any:
    model, _ = _find(manager, request)
    model.check_method(request.model_spec.signature_name, kind, method)


def _status(manager: ModelManager, request: Any) -> Any:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    if spec.WhichOneof("version_choice") == "version_label":
        _, version = _find(manager, request)
    return status_response(manager.status(spec.name, version))


def _prediction_servicer(manager: ModelManager) -> Any:
    """An instance of the official servicer; its class can only be named once gRPC is imported."""
    service = serving_api("tensorflow_serving.apis.prediction_service_pb2_grpc")

    class PredictionServicer(service.PredictionServiceServicer):
        def Predict(self, request: Any, context: Any) -> Any:
            return _guarded(context, lambda: _predict(manager, request))

        def GetModelMetadata(self, request: Any, context: Any) -> Any:
            return _guarded(context, lambda: _metadata(manager, request))

        def Classify(self, request: Any, context: Any) -> Any:
            return _guarded(context, lambda: _refuse(manager, request, "classification", "classify"))

        def Regress(self, request: Any, context: Any) -> Any:
            return _guarded(context, lambda: _refuse(manager, request, "regression", "regress"))

        def MultiInference(self, request: Any, context: Any) -> Any:
            return _guarded(context, _unsupported)

    return PredictionServicer()


def _unsupported() -> Any:
    raise ServingError("UNIMPLEMENTED", "This server runs predict signatures only. Received: a MultiInference request")


def _model_servicer(manager: ModelManager, reload_config: Callable[[Any], None]) -> Any:
    service = serving_api("tensorflow_serving.apis.model_service_pb2_grpc")
    management = serving_api("tensorflow_serving.apis.model_management_pb2")

    class ModelServicer(service.ModelServiceServicer):
        def GetModelStatus(self, request: Any, context: Any) -> Any:
            return _guarded(context, lambda: _status(manager, request))

        def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
            _guarded(context, lambda: reload_config(request.config))
            return management.ReloadConfigResponse()

    return ModelServicer()
