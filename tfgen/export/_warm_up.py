"""Warm-up requests: what a server sends itself before it answers anybody, so that the first answer is not a slow one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgen.export._endpoints import named_inputs

__all__ = ["check_endpoints", "serving_protos", "write_warm_up"]

_NEUTRAL_AT_ONE = ("temperature", "truncation")  # controls for which zero is no ordinary value


def serving_protos() -> tuple[Any, Any]:
    """Imports the messages of TensorFlow Serving, an optional package."""
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        raise ImportError(
            "Warm-up requests are written with the package tensorflow-serving-api, which is not installed. Run "
            "`pip install tensorflow-serving-api`, or pass warm_up=False to export without them."
        ) from error
    return predict_pb2, prediction_log_pb2


def check_endpoints(endpoints: Mapping[str, Any]) -> None:
    """Runs each endpoint once on the warm-up values: a server whose warm-up fails refuses the whole version."""
    checked = set()
    for name, endpoint in endpoints.items():
        if id(endpoint) in checked:
            continue
        checked.add(id(endpoint))
        try:
            outputs = endpoint(**_example_inputs(endpoint, 2))
        except Exception as error:
            raise ValueError(
                f"Signature `{name}` must run on the values of its warm-up request (zeros; ones for {_NEUTRAL_AT_ONE}). Mend "
                f"it, or pass warm_up=False. Received: {type(error).__name__}: {error}"
            ) from error
        for key, output in outputs.items():
            if output.shape.rank == 0 or output.shape[0] != 2:
                raise ValueError(f"Output `{key}` of `{name}` must have a row per input row. Received: {output.shape} for 2")


def write_warm_up(aside: Path, endpoints: Mapping[str, Any]) -> None:
    """Writes one request of one row per signature, as TFRecord of PredictionLog."""
    predict_pb2, prediction_log_pb2 = serving_protos()
    with tf.io.TFRecordWriter(str(aside)) as writer:
        for name, endpoint in endpoints.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = name
            for key, value in _example_inputs(endpoint, 1).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _example_inputs(endpoint: Any, batch: int) -> dict[str, tf.Tensor]:
    """Values of the right type and shape; a free axis gets the size one."""
    inputs = {}
    for name, spec in named_inputs(endpoint).items():
        shape = [batch, *(size or 1 for size in spec.shape[1:])]
        inputs[name] = tf.ones(shape, spec.dtype) if name in _NEUTRAL_AT_ONE else tf.zeros(shape, spec.dtype)
    return inputs
