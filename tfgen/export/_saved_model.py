"""The export itself: one version folder with the graph, the weights once, warm-up requests and a description."""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks, writing
from tfgen.export import _endpoints, _versions, _warm_up

__all__ = ["saved_model"]


def saved_model(model: Any, directory: str | os.PathLike[str], *, version: int | None = None, warm_up: bool = True) -> Path:
    """Writes a model as `directory/<version>/`, a SavedModel that TensorFlow Serving loads as it stands.

    The folder appears whole or not at all, and never replaces another. It holds every signature of the model;
    `sample_png` (`image_bytes`) or `sample_wav` (`audio_bytes`) beside a `sample` that draws images or audio; and
    `serving_default`, which is `sample`, or the first signature of a model without one. Outputs are float32, int64 or strings.
    Weights are stored once, only those that a signature uses. `assets.extra/tfgen.json` holds
    `{"model": model.export_metadata(), "signatures": names, types and shapes, "versions": of tfgen, tensorflow and keras}`.

    Args:
      model: a tfgen model, or any object with `signatures()` (name -> `tfgen.models.signatures.Signature`) and
        `export_metadata()` (a dict that JSON can hold).
      directory: the folder of all versions of this model; made if it is not there. Its path holds no `[`, `*`, `?` or backslash.
      version: a positive integer that is not taken, or None for one more than the highest there.
      warm_up: run each signature once and write `assets.extra/tf_serving_warmup_requests`, which spares the first caller
        the start-up time. Needs the package tensorflow-serving-api.

    Returns:
      folder: the path of the new version.

    Raises:
      TypeError: `model` has no signatures, or `version` is not an integer.
      ValueError: the version exists, a path that TensorFlow would not find again, or a signature could not be served.
      OSError: it cannot be written; the message names the directory.
      ImportError: `warm_up` is True and tensorflow-serving-api is not installed.

    Example:
      >>> import tempfile, tensorflow as tf
      >>> from tfgen.export import saved_model
      >>> from tfgen.models.signatures import Signature
      >>> class Doubler:
      ...     def signatures(self):
      ...         return {"double": Signature(lambda x: {"y": 2 * x}, [tf.TensorSpec([None], tf.float32, name="x")])}
      ...     def export_metadata(self):
      ...         return {"class": "Doubler"}
      >>> folder = saved_model(Doubler(), tempfile.mkdtemp())
      >>> tf.saved_model.load(str(folder)).signatures["double"](x=tf.constant([3.0]))["y"].numpy().tolist()
      [6.0]
    """
    directory = checks.plain_path(directory, "directory")
    signatures = _endpoints.model_signatures(model)
    _versions.check_version(directory, version)
    if warm_up:
        _warm_up.serving_protos()  # a missing package is told before the slow part
    metadata = _metadata(model)
    endpoints = _endpoints.trace_endpoints(signatures, metadata)
    description = _description(metadata, endpoints)
    if warm_up:
        _warm_up.check_endpoints(endpoints)
    with writing.folder_aside(directory, str(version or "next")) as aside:
        _write_graph(aside, endpoints)
        (aside / "assets.extra").mkdir()
        (aside / "assets.extra" / "tfgen.json").write_text(description, encoding="utf-8")
        if warm_up:
            _warm_up.write_warm_up(aside / "assets.extra" / "tf_serving_warmup_requests", endpoints)
        return _versions.publish(aside, directory, version)


def _metadata(model: Any) -> Mapping[str, Any]:
    metadata = model.export_metadata()
    if not isinstance(metadata, Mapping):
        raise TypeError(f"`model.export_metadata()` must be a dict. Received: {metadata!r}")
    return metadata


def _write_graph(aside: Path, endpoints: Mapping[str, Any]) -> None:
    """Saves the endpoints and the variables that they read; a model tracked as a whole would store every weight twice."""
    module = tf.Module()
    variables = {id(variable): variable for endpoint in endpoints.values() for variable in endpoint.graph.variables}
    module.stored_variables = list(variables.values())
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(aside), signatures=dict(endpoints), options=options)


def _description(metadata: Mapping[str, Any], endpoints: Mapping[str, Any]) -> str:
    signatures = {
        name: {
            "inputs": {key: _tensor(spec) for key, spec in _endpoints.named_inputs(endpoint).items()},
            "outputs": {key: _tensor(output) for key, output in endpoint.structured_outputs.items()},
        }
        for name, endpoint in endpoints.items()
    }
    versions = {"tfgen": _library_version(), "tensorflow": tf.__version__, "keras": keras.__version__}
    try:
        text = json.dumps({"model": metadata, "signatures": signatures, "versions": versions}, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`model.export_metadata()` must be what JSON can hold. Received: {metadata!r}: {error}") from error
    return text + "\n"


def _tensor(spec: Any) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": None if spec.shape.rank is None else spec.shape.as_list()}


def _library_version() -> str:
    try:
        return importlib.metadata.version("tfgen-zoo")
    except importlib.metadata.PackageNotFoundError:  # a clone that is on the path, not installed
        return "uninstalled"
