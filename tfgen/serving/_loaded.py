"""One loaded version of a model: its signatures, its checks of what comes in, its warm-up."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfgen.serving._tensors import from_proto, serving_api, type_name
from tfgen.serving.errors import ServingError, invalid

DEFAULT_SIGNATURE = "serving_default"
MODEL_FILE = "saved_model.pb"
WARM_UP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_WARM_UP_RECORDS = 1000


class LoadedModel:
    """A SavedModel in memory.

    Args:
      path: the version's folder, which holds `saved_model.pb`.
    """

    def __init__(self, path: Path):
        saved_model = saved_model_pb2.SavedModel()
        saved_model.ParseFromString((path / MODEL_FILE).read_bytes())
        graph = next((graph for graph in saved_model.meta_graphs if "serve" in graph.meta_info_def.tags), None)
        if graph is None:
            raise ServingError("NOT_FOUND", "Could not find meta graph def matching supplied tags: { serve }")
        self.signature_defs: dict[str, meta_graph_pb2.SignatureDef] = dict(graph.signature_def)
        self._model = tf.saved_model.load(str(path), tags=["serve"])
        self.warm_up_count = self._warm_up(path / WARM_UP_FILE)

    def _warm_up(self, file: Path) -> int:
        """Runs the requests that travel with the model, so that the first client does not pay for the first run."""
        if not file.is_file():
            return 0
        count = 0
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            if count == MAX_WARM_UP_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({MAX_WARM_UP_RECORDS}) at {file}")
            log = serving_api("tensorflow_serving.apis.prediction_log_pb2").PredictionLog.FromString(record)
            if not log.HasField("predict_log"):
                raise ServingError("UNIMPLEMENTED", f"Unsupported log_type for warmup: {log.WhichOneof('log_type')}")
            request = log.predict_log.request
            inputs = {name: from_proto(proto) for name, proto in request.inputs.items()}
            self.run(request.model_spec.signature_name, inputs, request.output_filter)
            count += 1
        return count

    def input_types(self, signature_name: str) -> dict[str, str]:
        """TensorFlow's type name of each input, for a reader of JSON."""
        name = signature_name or DEFAULT_SIGNATURE
        if name not in self.signature_defs:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        types = {alias: type_name(info.dtype) for alias, info in sorted(self.signature_defs[name].inputs.items())}
        if not types:
            raise invalid(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
        return types

    def check_method(self, signature_name: str, kind: str, method: str) -> None:
        """Refuses `classify` and `regress`, which exports of this library do not have."""
        name = signature_name or DEFAULT_SIGNATURE
        if name not in self.signature_defs:
            raise invalid(f"No signature was found with the name: {name}")
        found = self.signature_defs[name].method_name
        if found != f"tensorflow/serving/{method}":
            raise invalid(f"Expected {kind} signature method_name to be tensorflow/serving/{method}. Was: {found}")
        raise ServingError("UNIMPLEMENTED", f"This server runs predict signatures only. Received: signature_name={name}")

    def run(
        self, signature_name: str, inputs: Mapping[str, np.ndarray], output_filter: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
          signature_name: empty for the default one.
          inputs: tensors by name.
          output_filter: names of the wanted outputs; empty for all.

        Returns:
          outputs: tensors by name.
        """
        name = signature_name or DEFAULT_SIGNATURE
        signature = self.signature_defs.get(name)
        if signature is None or name not in self._model.signatures:
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        complete = _complete_inputs(signature, inputs)
        _check_tensors(signature, complete)
        _check_filter(signature, output_filter)
        try:
            tensors = {
                alias: tf.convert_to_tensor(value, tf.as_dtype(signature.inputs[alias].dtype))
                for alias, value in complete.items()
            }
            outputs = self._model.signatures[name](**tensors)
        except tf.errors.OpError as error:
            raise ServingError(_CODES.get(error.error_code, "UNKNOWN"), _runtime_text(error.message or "")) from None
        return {alias: _to_array(outputs[alias]) for alias in (output_filter or sorted(signature.outputs))}


_CODES = {
    getattr(tf.errors, code): code
    for code in (
        "CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
        "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
    ).split()
}


def _runtime_text(message: str) -> str:
    """The runtime's own text and node, without the Python trace that TensorFlow wraps around them."""
    text = message.rpartition("<stack traces unavailable>\n")[2]
    return re.sub(r"\s*\[Op:[^\]]*\]\s*$", "", text)


def _to_array(tensor: tf.Tensor) -> np.ndarray:
    value: Any = tensor.numpy()
    if tensor.dtype == tf.string and not isinstance(value, np.ndarray):
        return np.array(value, object)  # a scalar; without the type numpy would cut zero bytes off its end
    return np.asarray(value)


def _names(names: Collection[str]) -> str:
    return ",".join(sorted(names))


def _complete_inputs(signature: meta_graph_pb2.SignatureDef, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The request's inputs and the signature's defaults for those that it leaves out."""
    required, sent = set(signature.inputs), set(inputs)
    if len(sent) > len(required) or (len(sent) < len(required) and not signature.defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(required)} len({{{_names(sent)}}}) != "
            f"len({{{_names(required)}}}). Sent extra: {{{_names(sent - required)}}}. "
            f"Missing but required: {{{_names(required - sent)}}}."
        )
    complete = {}
    for alias in sorted(required):
        if alias not in inputs and alias not in signature.defaults:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and "
                f"no default value provided. Inputs expected to be in the request {{{_names(sent)}}}, "
                f"or default input alias set: {_names(signature.defaults)}"
            )
        complete[alias] = inputs[alias] if alias in inputs else from_proto(signature.defaults[alias])
    if sent - required:
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {_names(sent & required)}, request input: {_names(sent)}"
        )
    return complete


def _check_tensors(signature: meta_graph_pb2.SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    ordered = sorted(inputs, key=lambda alias: signature.inputs[alias].name)  # the order of the runtime's arguments
    for index, alias in enumerate(ordered):
        info: Any = signature.inputs[alias]
        value = inputs[alias]
        dtype = tf.string if value.dtype.kind in "OSU" else tf.as_dtype(value.dtype)
        received = type_name(dtype.as_datatype_enum)
        if received != type_name(info.dtype):
            raise invalid(f"Expects arg[{index}] to be {type_name(info.dtype)} but {received} is provided")
        if not tf.TensorShape(info.tensor_shape).is_compatible_with(value.shape):
            shape = ",".join("?" if dim.size < 0 else str(dim.size) for dim in info.tensor_shape.dim)
            raise invalid(f"Expected input `{alias}` of shape [{shape}]. Received: shape [{','.join(map(str, value.shape))}]")


def _check_filter(signature: meta_graph_pb2.SignatureDef, output_filter: Collection[str]) -> None:
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{{{_names(signature.outputs)}}}."
            )
        if alias in seen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
