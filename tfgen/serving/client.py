"""A client for an exported model behind `tfgen serve` or TensorFlow Serving, with the answers as numpy arrays."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tfgen.random import as_row_seeds, fresh_seed
from tfgen.serving._inputs import as_array, sample_inputs
from tfgen.serving._tensors import SIGNATURE_DEF, signature_shapes
from tfgen.serving._transports import GrpcTransport, RestTransport, Target, Transport
from tfgen.serving.errors import ServingError

__all__ = ["Client"]

READY_PAUSE_SECONDS = 0.1
_NOT_DATA = ("label", "features", "seed", "observed", "temperature", "truncation")


class Client:
    """Asks a model server for samples, latents and likelihoods.

    REST needs the standard library alone; gRPC needs the extra `tfgen-zoo[serving]`. Nothing is sent before the first call.

    Args:
      address: a host, "host:port" (the port of the chosen protocol), or for REST "http://host:port" or "https://host:port".
      model: the model's name on the server.
      protocol: "rest" or "grpc".
      rest_port: port for REST where `address` has none.
      grpc_port: port for gRPC where `address` has none.
      timeout: seconds that one call may take, above 0.

    Raises:
      ValueError: an unknown protocol, an address that cannot be read, or a timeout that is not above 0.

    Example:
      >>> from tfgen.serving import Client
      >>> Client("127.0.0.1:9000", model="vae-fashion-mnist").address
      'http://127.0.0.1:9000'
    """

    def __init__(
        self,
        address: str = "127.0.0.1",
        *,
        model: str,
        protocol: str = "rest",
        rest_port: int = 8501,
        grpc_port: int = 8500,
        timeout: float = 60.0,
    ):
        if protocol not in ("rest", "grpc"):
            raise ValueError(f"`protocol` must be 'rest' or 'grpc'. Received: protocol={protocol!r}")
        if timeout <= 0:
            raise ValueError(f"`timeout` must be above 0 seconds. Received: timeout={timeout}")
        self.model = model
        self.protocol = protocol
        self.address = _full_address(address, protocol, rest_port if protocol == "rest" else grpc_port)
        transport = RestTransport if protocol == "rest" else GrpcTransport
        self._transport: Transport = transport(self.address, timeout)
        self._signatures: dict[Target, dict[str, Any]] = {}

    def predict(
        self,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        *,
        version: int | None = None,
        label: str | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature of the model.

        Args:
          inputs: arrays or nested lists by input name, batch first; whole numbers become floats where the model wants floats.
          signature: the signature's name.
          version: a version number; the newest when left out.
          label: a version label, in place of a number.

        Returns:
          outputs: arrays by output name; bytes stand in an array of objects.

        Raises:
          ServingError: the server refused the request; holds its text.
          ConnectionError: no server answers.
          TimeoutError: the server took longer than `timeout`.
          ValueError: both a version and a label.
        """
        target = self._target(version, label)
        description = self._describe(target, signature)
        types = signature_shapes(description, "inputs")
        arrays = {name: as_array(value, types[name][0] if name in types else "") for name, value in inputs.items()}
        try:
            return self._transport.predict(target, signature, arrays, description)
        except (ServingError, KeyError, TypeError):
            # The newest version may have changed its signatures since they were asked for: ask once more.
            self._signatures.pop(target, None)
            if (fresh := self._describe(target, signature)) == description:
                raise
            return self._transport.predict(target, signature, arrays, fresh)

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        label: int | Sequence[int] | np.ndarray | None = None,
        features: Any = None,
        **controls: float | Sequence[float] | np.ndarray,
    ) -> np.ndarray:
        """Draws samples; the same seed gives the same samples as `model.sample` in Python.

        Args:
          n: number of samples; may be left out when `seed`, `label` or `features` lists one per row.
          seed: one integer for the call, expanded by `tfgen.random.row_seeds`, or one per row in [0, 2**53); None for a
            fresh one.
          label: the class of each sample, or one for all, for conditional models.
          features: (n, frames, channels), for models of sound with local conditions.
          **controls: `temperature` or `truncation`, one number or one per row, where the model has `sample_with_controls`.

        Returns:
          samples: (n, *event_shape) float32.

        Raises:
          ServingError: the server refused the request; holds its text.
          TypeError: a seed is not an integer.
          ValueError: nothing fixes the number of rows, or the lists differ in length.
        """
        inputs = sample_inputs(n, seed, label, features, controls)
        return _only(self.predict(inputs, "sample_with_controls" if controls else "sample"))

    def sample_png(
        self,
        n: int | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        label: int | Sequence[int] | np.ndarray | None = None,
    ) -> list[bytes]:
        """Draws samples as PNG files, about thirty times smaller than the floats of `sample` over REST.

        Args:
          n: number of samples, as for `sample`.
          seed: as for `sample`.
          label: as for `sample`.

        Returns:
          files: the bytes of one PNG file per sample.

        Raises:
          ServingError: the server refused the request; holds its text.
        """
        return _only(self.predict(sample_inputs(n, seed, label), "sample_png")).tolist()

    def sample_wav(
        self,
        n: int | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        label: int | Sequence[int] | np.ndarray | None = None,
        features: Any = None,
    ) -> list[bytes]:
        """Draws sounds as WAV files of 16 bits, several times smaller than the floats of `sample` over REST.

        Args:
          n: number of sounds, as for `sample`.
          seed: as for `sample`.
          label: as for `sample`.
          features: as for `sample`.

        Returns:
          files: the bytes of one WAV file per sound.

        Raises:
          ServingError: the server refused the request; holds its text.
        """
        return _only(self.predict(sample_inputs(n, seed, label, features), "sample_wav")).tolist()

    def encode(self, data: Any, *, label: Any = None) -> dict[str, np.ndarray]:
        """Maps data to latents.

        Args:
          data: (batch, *event_shape), in the model's own range.
          label: (batch,) classes, for conditional models.

        Returns:
          outputs: `latent` and whatever else the signature gives, such as its `scale`.

        Raises:
          ServingError: the server refused the request; holds its text.
        """
        return self._on_data("encode", data, label)

    def decode(self, latent: Any, *, label: Any = None) -> np.ndarray:
        """Maps latents to data.

        Args:
          latent: (batch, *latent_shape).
          label: (batch,) classes, for conditional models.

        Returns:
          data: (batch, *event_shape) float32.

        Raises:
          ServingError: the server refused the request; holds its text.
        """
        return _only(self._on_data("decode", latent, label))

    def reconstruct(self, data: Any, *, label: Any = None, seed: int | Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Encodes and decodes data.

        Args:
          data: (batch, *event_shape), in the model's own range.
          label: (batch,) classes, for conditional models.
          seed: as for `sample`, where the reconstruction is random.

        Returns:
          data: (batch, *event_shape) float32.

        Raises:
          ServingError: the server refused the request; holds its text.
        """
        return _only(self._on_data("reconstruct", data, label, seed))

    def log_prob(self, data: Any, *, label: Any = None, features: Any = None) -> np.ndarray:
        """Computes exact log-likelihoods, where the model has them.

        Args:
          data: (batch, *event_shape), in the model's own range.
          label: (batch,) classes, for conditional models.
          features: (batch, frames, channels), for models of sound with local conditions.

        Returns:
          log_prob: (batch,), nats.

        Raises:
          ServingError: the server refused the request; holds its text. A model that has a bound alone answers
            `predict(..., "log_prob_bound")` instead.
        """
        return _only(self._on_data("log_prob", data, label, features=features))

    def metadata(self, *, version: int | None = None, label: str | None = None) -> dict[str, Any]:
        """Asks for the model's signatures.

        Args:
          version: a version number; the newest when left out.
          label: a version label, in place of a number.

        Returns:
          metadata: `model_spec` and `metadata`, as REST writes them, over either protocol.

        Raises:
          ServingError: the server has no such model or version.
        """
        return self._transport.metadata(self._target(version, label))

    def status(self, *, version: int | None = None) -> list[dict[str, Any]]:
        """Asks what became of the model's versions.

        Args:
          version: a version number; all when left out.

        Returns:
          versions: newest first, each with `version`, `state` ("AVAILABLE", "LOADING", ...), `error_code` and `error_message`.

        Raises:
          ServingError: the server has no such model or version.
        """
        answer = self._transport.status(self._target(version, None))
        return [
            {"version": int(entry["version"]), "state": entry["state"], **entry["status"]}
            for entry in answer["model_version_status"]
        ]

    def wait_until_ready(self, timeout: float = 60.0, *, version: int | None = None) -> None:
        """Waits until the model answers.

        Args:
          timeout: seconds.
          version: a version number; any when left out.

        Raises:
          TimeoutError: the model did not become available in time; says what the server last answered.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                versions = self.status(version=version)
                if any(entry["state"] == "AVAILABLE" for entry in versions):
                    return
                last: object = versions
            except (ServingError, OSError) as error:
                last = error
            if time.monotonic() >= deadline:
                raise TimeoutError(f"Model {self.model!r} at {self.address} was not ready within {timeout} s. Received: {last}")
            time.sleep(READY_PAUSE_SECONDS)

    def close(self) -> None:
        """Gives connections back; the client cannot be used afterwards."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _target(self, version: int | None, label: str | None) -> Target:
        if version is not None and label is not None:
            raise ValueError(f"Expected a version or a label, not both. Received: version={version}, label={label!r}")
        return Target(self.model, version, label)

    def _describe(self, target: Target, signature: str) -> dict[str, Any]:
        """A signature's part of the metadata; empty for one that the model lacks, so that the server says so."""
        if target not in self._signatures:
            self._signatures[target] = self._transport.metadata(target)["metadata"][SIGNATURE_DEF]["signature_def"]
        return self._signatures[target].get(signature, {})

    def _on_data(self, signature: str, data: Any, label: Any, seed: Any = None, features: Any = None) -> dict[str, np.ndarray]:
        """Runs a signature whose data input has the model's own name for it (image, audio, point, latent)."""
        wanted = signature_shapes(self._describe(self._target(None, None), signature), "inputs")
        name = next((name for name in wanted if name not in _NOT_DATA), "data")
        inputs: dict[str, Any] = {name: data}
        inputs |= {key: value for key, value in (("label", label), ("features", features)) if value is not None}
        if seed is not None or "seed" in wanted:
            inputs["seed"] = as_row_seeds(fresh_seed() if seed is None else seed, len(data))
        return self.predict(inputs, signature)


def _full_address(address: str, protocol: str, port: int) -> str:
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        given = parts.port
    except ValueError:
        given = -1
    if not parts.hostname or given == -1 or (parts.scheme and (protocol == "grpc" or parts.scheme not in ("http", "https"))):
        raise ValueError(f"Expected a host, host:port, or for REST http(s)://host:port. Received: address={address!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if given is None:
        given = 443 if parts.scheme == "https" else port
    return f"{host}:{given}" if protocol == "grpc" else f"{parts.scheme or 'http'}://{host}:{given}{parts.path.rstrip('/')}"


def _only(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The output of a signature that has one."""
    if len(outputs) != 1:
        raise ValueError(f"Expected a signature with one output. Received: {sorted(outputs)}. Use `predict`.")
    return next(iter(outputs.values()))
