"""Three ways to load an exported version, each as a stranger would: other tests use them too.

Each takes the version folder, a signature and its inputs as numpy arrays by name, and returns numpy arrays by name.
`run_in_fresh_process` is Python without tfgen or Keras code, `run_in_session` the v1 API, and `run_through_c_api` the C++
loader and session that TensorFlow Serving itself is built on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

__all__ = ["run_in_fresh_process", "run_in_session", "run_through_c_api", "signature_def"]

_PYTHON_CHILD = """
import sys, numpy as np, tensorflow as tf
folder, signature, given, answer = sys.argv[1:]
function = tf.saved_model.load(folder).signatures[signature]
outputs = function(**{name: tf.constant(value) for name, value in np.load(given).items()})
assert "tfgen" not in sys.modules
np.savez(answer, **{name: value.numpy() for name, value in outputs.items()})
"""

_C_CHILD = Path(__file__).with_name("c_api.py")


def run_in_fresh_process(folder: Path, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads with `tf.saved_model.load` in a new Python process that does not import tfgen, and runs once."""
    return _child([sys.executable, "-c", _PYTHON_CHILD, str(folder), signature], inputs)


def run_in_session(folder: Path, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads with `tf.compat.v1.saved_model.load` into a Session, feeds and fetches tensors by the names in the file."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        definition = meta.signature_def[signature]
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        return session.run({name: tensor.name for name, tensor in definition.outputs.items()}, feeds)


def run_through_c_api(folder: Path, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads with `TF_LoadSessionFromSavedModel` in a process that never imports tensorflow, and runs `TF_SessionRun`."""
    definition = signature_def(folder, signature)
    names = {"inputs": {key: tensor.name for key, tensor in definition.inputs.items()}}
    names["outputs"] = {key: tensor.name for key, tensor in definition.outputs.items()}
    library = Path(tf.__file__).parent / "libtensorflow_cc.so.2"
    return _child([sys.executable, str(_C_CHILD), str(library), str(folder), json.dumps(names)], inputs)


def signature_def(folder: Path, signature: str):
    """Reads one SignatureDef from `saved_model.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    return file.meta_graphs[0].signature_def[signature]


def _child(command: list[str], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Runs a process that reads its inputs from one .npz file and writes its outputs into another."""
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch) / "given.npz", Path(scratch) / "answer.npz"
        np.savez(given, **inputs)
        done = subprocess.run(
            [*command, str(given), str(answer)],
            cwd=scratch,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise AssertionError(f"The child process ended with code {done.returncode}:\n{done.stderr}")
        with np.load(answer, allow_pickle=True) as outputs:  # strings are Python objects
            return dict(outputs)
