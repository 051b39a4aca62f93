"""Asks TensorFlow Serving for samples over gRPC; `pip install tensorflow-serving-api` first.

python3 sample_grpc.py --seed 0 -n 4

Placeholders: name, grpc_port, signature, output, ending, takes_label.
"""

import argparse
import json

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

ADDRESS = "127.0.0.1:@{grpc_port}"
MODEL = "@{name}"
SIGNATURE = "@{signature}"
OUTPUT = "@{output}"
ENDING = "@{ending}"
TAKES_LABEL = "@{takes_label}" == "yes"

GAMMA = 0x9E3779B97F4A7C15
MASK = 2**64 - 1


def mix(value):
    """The SplitMix64 finalizer."""
    value &= MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def row_seeds(seed, n):
    """One seed per row from one seed for all, as tfgen.random.row_seeds does it."""
    base = mix(seed + GAMMA)
    return [mix(base + (i + 1) * GAMMA) >> 11 for i in range(n)]


def sample(address, seeds, label=None):
    """The answers of the server, one per row: bytes of a file, or an array."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = SIGNATURE
    request.inputs["seed"].CopyFrom(tf.make_tensor_proto(seeds, tf.int64, [len(seeds)]))
    if TAKES_LABEL:
        request.inputs["label"].CopyFrom(tf.make_tensor_proto([label] * len(seeds), tf.int64, [len(seeds)]))
    options = [("grpc.max_receive_message_length", 2**31 - 1)]  # the default, 4 MB, is soon reached by arrays
    with grpc.insecure_channel(address, options) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60.0)
    return list(tf.make_ndarray(answer.outputs[OUTPUT]))


def main():
    """Writes sample-0, sample-1, ... into the working directory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--seed", type=int, default=0, help="one seed for all rows")
    parser.add_argument("-n", type=int, default=4, help="how many")
    if TAKES_LABEL:
        parser.add_argument("--label", type=int, default=0, help="the class to draw")
    arguments = parser.parse_args()
    try:
        rows = sample(arguments.address, row_seeds(arguments.seed, arguments.n), getattr(arguments, "label", None))
    except grpc.RpcError as error:
        raise SystemExit(f"The server at {arguments.address} answers {error.code()}: {error.details()}") from None
    for i, row in enumerate(rows):
        with open(f"sample-{i}{ENDING}", "wb") as file:
            file.write(row if isinstance(row, bytes) else json.dumps(row.tolist()).encode())
        print(f"sample-{i}{ENDING}")


if __name__ == "__main__":
    main()
