"""Answers one REST request: address and body in, status and JSON out. Knows nothing of sockets."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import unquote

from tfgen.serving._json_decode import decode_inputs, parse_body, quote, signature_name
from tfgen.serving._json_encode import encode_error, encode_outputs
from tfgen.serving._manager import ModelManager
from tfgen.serving._messages import metadata_response, status_response
from tfgen.serving._sources import MAX_VERSION
from tfgen.serving._tensors import SIGNATURE_DEF, serving_api, to_dict
from tfgen.serving.errors import HTTP_STATUS, ServingError, invalid

logger = logging.getLogger("tfgen.serving")

_MODEL = r"/v1/models(?:/(?P<name>[^/:]+))?(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(_MODEL + r":(?P<method>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_GET = re.compile(_MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)


def answer(manager: ModelManager, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Answers a request.

    Args:
      manager: the loaded models.
      method: the HTTP method, in capitals.
      path: the address's path, percent-encoded, without the query.
      body: the request's body.

    Returns:
      status: the HTTP status.
      body: JSON.
    """
    try:
        return 200, _dispatch(manager, method, path, body)
    except ServingError as error:
        return HTTP_STATUS[error.code], encode_error(error.message)
    except RecursionError:
        return 400, encode_error("JSON Parse error: too many nested values")
    except Exception as error:  # the server outlives whatever a request does to it
        logger.exception("A request failed: %s %s", method, path)
        return 500, encode_error(f"{type(error).__name__}: {error}")


def _dispatch(manager: ModelManager, method: str, path: str, body: bytes) -> bytes:
    if not path.lower().startswith("/v1/"):
        raise ServingError("NOT_FOUND", f"Not found: {method} {path}. Models answer at /v1/models/NAME")
    match = {"POST": _POST, "GET": _GET}[method].fullmatch(path) if method in ("POST", "GET") else None
    if match is None or (method == "POST" and match["name"] is None):
        raise invalid(f"Malformed request: {method} {path}")
    if match["name"] is None:
        raise invalid("Missing model name in request.")
    target = _target(match)
    if method == "POST":
        return _run(manager, target, match["method"].lower(), body)
    if match["metadata"]:
        return _metadata(manager, target)
    if target["label"] is not None:
        _, target["version"] = manager.find(**target)
    return _json(to_dict(status_response(manager.status(target["name"], target["version"]))))


def _target(match: re.Match) -> dict[str, Any]:
    """The model, version and label of an address, as `ModelManager.find` takes them."""
    version = None if match["version"] is None else int(match["version"]) if len(match["version"]) < 20 else MAX_VERSION + 1
    if version is not None and version > MAX_VERSION:
        raise invalid(f"Failed to convert version: {match['version']} to numeric.")
    label = match["label"] and unquote(match["label"])
    return {"name": unquote(match["name"]), "version": version, "label": label}


def _run(manager: ModelManager, target: dict[str, Any], method: str, body: bytes) -> bytes:
    document = parse_body(body)
    signature = signature_name(document)
    if method != "predict" and "examples" not in document:
        text = "When method is classify, key 'examples' is expected and was not found"  # for regress too
        raise invalid(f"JSON Value: {quote(document)} {text}")
    model, _ = manager.find(**target)
    if method != "predict":
        model.check_method(signature, {"classify": "classification", "regress": "regression"}[method], method)
    inputs, by_row = decode_inputs(document, model.input_types(signature))
    return encode_outputs(model.run(signature, inputs), by_row)


def _metadata(manager: ModelManager, target: dict[str, Any]) -> bytes:
    model, version = manager.find(**target)
    response = metadata_response(model, target["name"], version)
    signatures = serving_api("tensorflow_serving.apis.get_model_metadata_pb2").SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    return _json({"model_spec": to_dict(response.model_spec), "metadata": {SIGNATURE_DEF: to_dict(signatures)}})


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "replace")
