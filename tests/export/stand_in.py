"""A stand-in for TensorFlow Serving on the loopback: enough of its REST and gRPC to answer the example clients.

It merges nothing and checks little: what is tested with it is that the clients' requests have the protocol's form and run on
the exported signatures.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

__all__ = ["grpc_server", "rest_server"]


def _rest_handler(folder: Path, name: str, state: str) -> type[BaseHTTPRequestHandler]:
    """Makes the class that answers requests."""
    signatures = tf.saved_model.load(str(folder)).signatures

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == f"/v1/models/{name}"
            status = {"model_version_status": [{"version": folder.name, "state": state}]}
            self._answer(200 if known else 404, status if known else {"error": "Could not find any versions of the model"})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != f"/v1/models/{name}:predict":
                self._answer(404, {"error": f"Servable not found for request: {self.path}"})
                return
            function = signatures[request["signature_name"]]
            inputs = {
                key: tf.constant([row[key] for row in request["instances"]], spec.dtype)
                for key, spec in function.structured_input_signature[1].items()
            }
            (output,) = function(**inputs).values()
            rows = output.numpy().tolist()
            if output.dtype == tf.string:
                rows = [{"b64": base64.b64encode(row).decode()} for row in rows]
            self._answer(200, {"predictions": rows})

        def _answer(self, status: int, body: dict) -> None:
            data = json.dumps(body, indent=4).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Keeps the test's output quiet."""

    return Handler


@contextlib.contextmanager
def rest_server(folder: Path, name: str, state: str = "AVAILABLE") -> Iterator[str]:
    """Answers `:predict` in row form, and says its state; yields the URL of `:predict`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _rest_handler(folder, name, state))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/models/{name}:predict"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def grpc_server(folder: Path, name: str) -> Iterator[str]:
    """Answers PredictionService.Predict; yields its address."""
    signatures = tf.saved_model.load(str(folder)).signatures

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
            if request.model_spec.name != name:
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")
            inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
            answer = predict_pb2.PredictResponse()
            for key, value in signatures[request.model_spec.signature_name](**inputs).items():
                answer.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
            return answer

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
