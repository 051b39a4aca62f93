"""Builds TensorFlow Serving's status and metadata messages, which REST and gRPC share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow.core.protobuf import error_codes_pb2

from tfgen.serving._loaded import LoadedModel
from tfgen.serving._manager import VersionState
from tfgen.serving._tensors import SIGNATURE_DEF, serving_api


def status_response(states: Mapping[int, VersionState]) -> Any:
    """A `GetModelStatusResponse`."""
    api = serving_api("tensorflow_serving.apis.get_model_status_pb2")
    response = api.GetModelStatusResponse()
    for version, state in states.items():
        entry = response.model_version_status.add()
        entry.version = version
        entry.state = api.ModelVersionStatus.State.Value(state.state)
        entry.status.error_code = error_codes_pb2.Code.Value(state.error_code)
        entry.status.error_message = state.error_message
    return response


def metadata_response(model: LoadedModel, name: str, version: int) -> Any:
    """A `GetModelMetadataResponse` with the signatures."""
    api = serving_api("tensorflow_serving.apis.get_model_metadata_pb2")
    response = api.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    signatures = api.SignatureDefMap()
    for signature_name, signature in model.signature_defs.items():
        signatures.signature_def[signature_name].CopyFrom(signature)
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response
