"""Three ways to load an exported version, each as a stranger would: other tests use them too.

Each takes the version folder, a signature and its inputs as numpy arrays by name, and returns numpy arrays by name.
`run_in_another_process` is Python without tfgen or Keras code, `run_in_session` the v1 API, and `run_through_c_api` the C++
loader and session that TensorFlow Serving itself is built on.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

__all__ = ["run_in_another_process", "run_in_session", "run_through_c_api", "signature_def"]

# Loads anew for each line that it reads: a folder, a signature, a file of inputs, and where the answer goes.
_PYTHON_CHILD = """
import json, sys, traceback, numpy as np, tensorflow as tf
for line in sys.stdin:
    try:
        folder, signature, given, answer = json.loads(line)
        function = tf.saved_model.load(folder).signatures[signature]
        outputs = function(**{name: tf.constant(value) for name, value in np.load(given).items()})
        assert "tfgen" not in sys.modules
        np.savez(answer, **{name: value.numpy() for name, value in outputs.items()})
        print(json.dumps("done"), flush=True)
    except BaseException:
        print(json.dumps(traceback.format_exc()), flush=True)
"""

_ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ""}
_C_CHILD = Path(__file__).with_name("c_api.py")


@functools.cache
def _python() -> subprocess.Popen:
    """Starts Python with TensorFlow, which costs seconds, for all that is loaded by it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PYTHON_CHILD],
        env=_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(process.communicate)  # its input ends, and so does it
    return process


def run_in_another_process(folder: Path, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads with `tf.saved_model.load` in another Python process, which never imports tfgen, and runs once."""
    with _files(inputs) as (given, answer):
        process = _python()
        assert process.stdin and process.stdout
        print(json.dumps([str(folder), signature, str(given), str(answer)]), file=process.stdin, flush=True)
        said = json.loads(process.stdout.readline())
        if said != "done":
            raise AssertionError(f"The other process could not load or run it:\n{said}")
        return _arrays(answer)


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
    with _files(inputs) as (given, answer):
        command = [sys.executable, str(_C_CHILD), str(library), str(folder), json.dumps(names), str(given), str(answer)]
        done = subprocess.run(command, cwd=given.parent, env=_ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"The child process ended with code {done.returncode}:\n{done.stderr}")
        return _arrays(answer)


def signature_def(folder: Path, signature: str):
    """Reads one SignatureDef from `saved_model.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    return file.meta_graphs[0].signature_def[signature]


@contextlib.contextmanager
def _files(inputs: dict[str, np.ndarray]) -> Iterator[tuple[Path, Path]]:
    """Writes inputs into an .npz file; yields it, and where the outputs go."""
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch) / "given.npz", Path(scratch) / "answer.npz"
        np.savez(given, **inputs)
        yield given, answer


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=True) as outputs:  # strings are Python objects
        return dict(outputs)
