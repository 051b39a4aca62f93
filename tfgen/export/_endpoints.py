"""From the signatures of a model to traced functions that any TensorFlow Serving can run.

Everything that a server would refuse later is refused here: a fixed batch size, an unnamed input, XLA inside, a type that
JSON has no word for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfgen import pictures
from tfgen.models.signatures import Signature

__all__ = ["model_signatures", "named_inputs", "trace_endpoints"]


def model_signatures(model: Any) -> dict[str, Signature]:
    """Asks a model for its signatures, and says clearly when it is not a model of this library."""
    if isinstance(model, type) or not all(callable(getattr(model, name, None)) for name in ("signatures", "export_metadata")):
        raise TypeError(
            "`model` must be a tfgen model, with methods `signatures()` and `export_metadata()`. A plain Keras model is "
            f"exported by its own `model.export(directory)`. Received: model={model!r} of type {type(model).__name__}"
        )
    signatures = dict(model.signatures())
    if not signatures:
        raise ValueError(f"`model.signatures()` must name at least one function. Received: {signatures}")
    for name, signature in signatures.items():
        _check_inputs(name, signature.inputs)
    return signatures


def _check_inputs(name: str, inputs: Sequence[tf.TensorSpec]) -> None:
    names = [spec.name for spec in inputs]
    if not names or None in names or len(set(names)) < len(names):
        raise ValueError(f"Signature `{name}` must have inputs with names of their own. Received: inputs={list(inputs)}")
    for spec in inputs:
        if spec.shape.rank in (None, 0) or spec.shape[0] is not None:
            raise ValueError(
                f"Input `{spec.name}` of signature `{name}` must have the batch as its first axis, of size None, so that a "
                f"server can merge requests. Received: {spec}"
            )


def trace_endpoints(signatures: Mapping[str, Signature], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Traces each signature, and adds `sample_png`, `sample_wav` and `serving_default` where they can be had.

    Args:
      signatures: as `model_signatures` returns them.
      metadata: the model's; `sample_rate` in Hz is read from it for `sample_wav`.

    Returns:
      endpoints: name -> concrete function of named tensors; `serving_default` is the same function as `sample`, or as the
        first signature.
    """
    endpoints = {name: _trace(name, signature) for name, signature in signatures.items()}
    if "sample" in endpoints:
        outputs = endpoints["sample"].structured_outputs
        for name, function in _encoders(signatures["sample"], outputs, metadata).items():
            if name not in endpoints:
                endpoints[name] = _trace(name, Signature(function, signatures["sample"].inputs))
    default = "sample" if "sample" in endpoints else next(iter(endpoints))
    endpoints.setdefault("serving_default", endpoints[default])
    return endpoints


def named_inputs(endpoint: Any) -> dict[str, tf.TensorSpec]:
    """The inputs of a traced endpoint by name."""
    return dict(endpoint.structured_input_signature[1])


def _trace(name: str, signature: Signature) -> Any:
    """Traces one signature for any batch size, without AutoGraph, with plain output types."""

    def run(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return _plain_outputs(name, signature.function(**inputs))

    function = tf.function(run, autograph=False)
    try:
        endpoint = function.get_concrete_function(**{str(spec.name): spec for spec in signature.inputs})
    except Exception as error:
        raise ValueError(
            f"Signature `{name}` cannot be traced for a batch of any size. It must be written with TensorFlow operations, "
            f"without a Python `if` or `for` on tensors. Received: {type(error).__name__}: {error}"
        ) from error
    _check_graph(name, endpoint)
    return endpoint


def _plain_outputs(name: str, outputs: Any) -> dict[str, tf.Tensor]:
    """Casts to the types that every client can read: float32, int64 and string."""
    if not isinstance(outputs, Mapping) or not outputs:
        raise TypeError(f"signature `{name}` must return a dict of named tensors. Received: {outputs!r}")
    return {key: _plain(key, tf.convert_to_tensor(value)) for key, value in outputs.items()}


def _plain(key: str, value: tf.Tensor) -> tf.Tensor:
    if value.dtype == tf.string:
        plain = value
    elif value.dtype.is_floating:
        plain = tf.cast(value, tf.float32)
    elif value.dtype.is_integer or value.dtype.is_bool:
        plain = tf.cast(value, tf.int64)
    else:
        raise TypeError(f"output `{key}` must be of real numbers, integers or strings. Received: dtype={value.dtype.name}")
    return tf.identity(plain, name=key)


def _check_graph(name: str, endpoint: Any) -> None:
    for key, output in endpoint.structured_outputs.items():
        if output.shape.rank == 0 or (output.shape.rank and output.shape[0] is not None):
            raise ValueError(
                f"Output `{key}` of signature `{name}` must have the batch as its first axis, as large as the inputs' one. "
                f"Received: shape={output.shape}"
            )
    variables = {id(variable.handle) for variable in endpoint.graph.variables}
    foreign = [outer for outer, _ in endpoint.graph.captures if outer.dtype == tf.resource and id(outer) not in variables]
    if foreign:
        raise ValueError(
            f"Signature `{name}` must keep its state in variables: a lookup table or other resource cannot be exported. "
            f"Received: {foreign}"
        )
    library = endpoint.graph.as_graph_def().library.function
    compiled = [function.signature.name for function in library if function.attr["_XlaMustCompile"].b]
    if compiled:
        raise ValueError(
            f"Signature `{name}` must not contain functions with `jit_compile=True`: TensorFlow Serving answers 'XLA "
            f"compilation disabled'. Received: {compiled}"
        )


def _encoders(sample: Signature, outputs: Mapping[str, tf.Tensor], metadata: Mapping[str, Any]) -> dict[str, Callable]:
    """Functions that answer with files in place of numbers: JSON of float pixels is some thirty times larger than PNG."""
    encoders = {}
    image, audio = outputs.get("image"), outputs.get("audio")
    if image is not None and pictures.can_draw(image.shape[1:]):
        encoders["sample_png"] = lambda **inputs: {"image_bytes": _png(sample.function(**inputs)["image"])}
    if audio is not None:
        rate = metadata.get("sample_rate")
        if not isinstance(rate, int) or rate < 1:
            raise ValueError(
                "A model whose `sample` gives `audio` must hold its rate in Hz in `export_metadata()['sample_rate']`. "
                f"Received: sample_rate={rate!r}"
            )
        encoders["sample_wav"] = lambda **inputs: {"audio_bytes": _wav(sample.function(**inputs)["audio"], rate)}
    return encoders


def _png(images: tf.Tensor) -> tf.Tensor:
    """Encodes (batch, height, width, channels) in [0, 1], rounded to 8 bits, one PNG file a row."""
    pixels = tf.cast(tf.round(tf.clip_by_value(tf.cast(images, tf.float32), 0.0, 1.0) * 255.0), tf.uint8)
    return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.TensorSpec([], tf.string))


def _wav(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Encodes (batch, samples) or (batch, samples, channels) in [-1, 1], one 16-bit WAV file a row."""
    audio = tf.cast(audio, tf.float32)
    audio = tf.expand_dims(audio, -1) if audio.shape.rank == 2 else audio
    return tf.map_fn(lambda row: tf.audio.encode_wav(row, sample_rate), audio, fn_output_signature=tf.TensorSpec([], tf.string))
