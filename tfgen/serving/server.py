"""A local server for a folder of exported models, in TensorFlow Serving's own protocols."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.serving._grpc_server import GrpcServer
from tfgen.serving._manager import ModelManager
from tfgen.serving._rest_server import RestServer
from tfgen.serving._sources import ModelSource, check_directory, find_sources, read_config_file, sources_of_config
from tfgen.serving.errors import PortInUseError, ServingError

__all__ = ["Limits", "Server", "serve"]

logger = logging.getLogger("tfgen.serving")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a server takes on at once.

    Args:
      threads: requests that run at once, at least 1, for REST and for gRPC each; None for 4 per processor core, at most 32.
      max_body_bytes: largest body of a REST request, unpacked, at least 1; gRPC messages have no limit.

    Raises:
      ValueError: a number below 1.

    Example:
      >>> from tfgen.serving import Limits
      >>> Limits(threads=2).max_body_bytes
      268435456
    """

    threads: int | None = None
    max_body_bytes: int = 256 * 2**20

    def __post_init__(self) -> None:
        for name in ("threads", "max_body_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")


class Server:
    """Serves a folder of SavedModels over REST and gRPC until stopped.

    The folder is looked at every `poll_seconds`: the newest version is served, a newer one replaces it once it is loaded
    and warm, a deleted one is unloaded. Folders whose name is not a number are never looked into.

    Args:
      directory: holds `<version>/saved_model.pb` (one model) or `<model>/<version>/saved_model.pb` (several).
      name: the model's name when `directory` holds one, by default the folder's; else the one model to serve.
      host: the address to listen on; "0.0.0.0" for all.
      rest_port: port of the REST server; 0 takes a free one.
      grpc_port: port of the gRPC server; 0 takes a free one.
      poll_seconds: pause between two looks at the folder, seconds, above 0.
      model_config_file: a `models.config` (model_config_list) with version policies and labels, in place of looking for models;
        read again when it changes. A `base_path` that does not exist here is looked for by its last part in `directory`.
      limits: how much to take on at once.

    Raises:
      ValueError: an argument out of range.

    Example:
      >>> import tempfile, tensorflow as tf
      >>> from tfgen.serving import Client, Server
      >>> module = tf.Module()
      >>> spec = tf.TensorSpec([None], tf.float32, name="x")
      >>> module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[spec], autograph=False)
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     tf.saved_model.save(module, f"{folder}/1", signatures=module.double.get_concrete_function())
      ...     with Server(folder, name="double", rest_port=0, grpc_port=0) as server:
      ...         Client("127.0.0.1", rest_port=server.rest_port, model="double").predict({"x": [1.0, 2.0]})["y"].tolist()
      [2.0, 4.0]
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        host: str = "127.0.0.1",
        rest_port: int = 8501,
        grpc_port: int = 8500,
        poll_seconds: float = 1.0,
        model_config_file: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
    ):
        for argument, port in (("rest_port", rest_port), ("grpc_port", grpc_port)):
            if not 0 <= port <= 65535:
                raise ValueError(f"`{argument}` must lie in [0, 65535]; 0 takes a free port. Received: {argument}={port}")
        if poll_seconds <= 0:
            raise ValueError(f"`poll_seconds` must be above 0. Received: poll_seconds={poll_seconds}")
        if name is not None and model_config_file is not None:
            raise ValueError(f"A model_config_file names its models. Leave out `name`. Received: name={name!r}")
        self.directory = Path(os.path.abspath(Path(directory).expanduser()))
        self.name = name
        self.host = host
        self.rest_port = rest_port
        self.grpc_port = grpc_port
        self._poll_seconds = poll_seconds
        self._config_file = None if model_config_file is None else Path(os.path.abspath(model_config_file))
        self._limits = limits or Limits()
        self._stopped = threading.Event()
        self._manager: ModelManager | None = None
        self._rest: RestServer | None = None
        self._grpc: GrpcServer | None = None

    def start(self) -> Server:
        """Takes the ports, loads the models and begins to answer.

        Returns:
          server: this server; `rest_port` and `grpc_port` hold the ports that it took.

        Raises:
          PortInUseError: another program listens on a port.
          ValueError: there is no model, or one cannot be loaded.
          RuntimeError: the server was started before.
        """
        if self._manager is not None:
            raise RuntimeError("A server starts once. Make a new one. Received: a second call of start().")
        sources = self._first_sources()
        listener = _listen(self.host, self.rest_port, "rest_port")
        try:
            self._start_on(listener, sources)
        except BaseException:
            listener.close()
            self.stop()
            raise
        return self

    def _first_sources(self) -> list[ModelSource]:
        if self._config_file is None:
            return check_directory(self.directory, self.name)
        try:
            sources = read_config_file(self._config_file, self.directory)
        except ServingError as error:
            raise ValueError(f"{error.message}. Received: model_config_file={str(self._config_file)!r}") from error
        if not sources:
            raise ValueError(f"Expected at least one model. Received: model_config_file={str(self._config_file)!r}")
        return sources

    def _start_on(self, listener: socket.socket, sources: list[ModelSource]) -> None:
        self._manager = ModelManager(self._find_sources(sources))
        threads = self._limits.threads or min(32, 4 * (os.cpu_count() or 1))
        self._rest = RestServer(self._manager, listener, threads=threads, max_body_bytes=self._limits.max_body_bytes)
        _listen(self.host, self.grpc_port, "grpc_port").close()  # gRPC's own text names no cause
        host = f"[{self.host}]" if ":" in self.host else self.host
        self._grpc = GrpcServer(self._manager, f"{host}:{self.grpc_port}", self._reload, threads=threads)
        self._manager.poll()
        for source in sources:
            self._check_available(source)
        self.rest_port, self.grpc_port = listener.getsockname()[1], self._grpc.port
        self._rest.start()
        self._grpc.start()
        self._manager.start_polling(self._poll_seconds)

    def _check_available(self, source: ModelSource) -> None:
        manager: Any = self._manager
        if manager.available().get(source.name):
            return
        wanted = source.wanted()
        if not wanted:
            raise ValueError(
                f"Expected a version of model {source.name!r}. Received: {str(source.base_path)!r}, which has none to serve."
            )
        reasons = "; ".join(
            f"version {version}: {state.error_message}" for version, state in manager.status(source.name).items()
        )
        raise ValueError(f"The model in {str(source.base_path)!r} cannot be loaded. Export it again. Received: {reasons}")

    def _find_sources(self, sources: list[ModelSource]) -> Any:
        """What a poll calls: models found once stay known, so that their deletion is seen."""
        file, known = self._config_file, {source.name: source for source in sources}
        if file is None:
            single = len(sources) == 1 and (sources[0].base_path == self.directory or self.name is not None)

            def look() -> list[ModelSource]:
                if not single:
                    known.update({source.name: source for source in find_sources(self.directory, None)})
                return list(known.values())

            return look
        seen = _stamp(file)

        def look_at_file() -> list[ModelSource]:
            nonlocal seen
            if (stamp := _stamp(file)) != seen:
                seen = stamp
                try:
                    current = read_config_file(file, self.directory)
                except (ServingError, ValueError) as error:
                    logger.warning("Kept the configuration as it was: %s", error)
                else:
                    known.clear()
                    known.update({source.name: source for source in current})
            return list(known.values())

        return look_at_file

    def _reload(self, config: Any) -> None:
        """HandleReloadConfigRequest: the new list replaces the old one wholly."""
        manager: Any = self._manager
        manager.reload(sources_of_config(config, self.directory))

    def stop(self) -> None:
        """Finishes the requests that run, gives the ports back and unloads the models. A second call does nothing."""
        for part in (self._rest, self._grpc, self._manager):
            if part is not None:
                part.stop()
        self._rest = self._grpc = None
        self._stopped.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until another thread calls `stop`.

        Args:
          timeout: seconds; None for ever.

        Returns:
          stopped: False when the time ran out.
        """
        return self._stopped.wait(timeout)

    def available(self) -> dict[str, list[int]]:
        """Lists what answers now.

        Returns:
          versions: loaded version numbers, ascending, by model name.
        """
        return {} if self._manager is None else self._manager.available()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()


def serve(
    directory: str | os.PathLike[str],
    *,
    name: str | None = None,
    host: str = "127.0.0.1",
    rest_port: int = 8501,
    grpc_port: int = 8500,
    poll_seconds: float = 1.0,
    model_config_file: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
) -> None:
    """Serves a folder of exported models until Ctrl-C or SIGTERM; prints where.

    Args:
      directory: as for `Server`, and so are the others.
      name: the model's name.
      host: the address to listen on.
      rest_port: port of the REST server; 0 takes a free one.
      grpc_port: port of the gRPC server; 0 takes a free one.
      poll_seconds: pause between two looks at the folder, seconds.
      model_config_file: a `models.config`.
      limits: how much to take on at once.

    Raises:
      PortInUseError: another program listens on a port.
      ValueError: there is no model, or one cannot be loaded.

    Example:
      >>> from tfgen.serving import serve
      >>> serve("no-such-folder")  # doctest: +ELLIPSIS
      Traceback (most recent call last):
      ValueError: Expected a folder that holds <version>/saved_model.pb ... which is not a folder.
    """
    server = Server(
        directory,
        name=name,
        host=host,
        rest_port=rest_port,
        grpc_port=grpc_port,
        poll_seconds=poll_seconds,
        model_config_file=model_config_file,
        limits=limits,
    )
    with server:
        shown = f"[{host}]" if ":" in host else host
        for model, versions in server.available().items():
            print(f"Serving {model}, version {', '.join(map(str, versions))}:", flush=True)
            print(f"  REST  http://{shown}:{server.rest_port}/v1/models/{model}:predict", flush=True)
            print(f"  gRPC  {shown}:{server.grpc_port}", flush=True)
        _wait_for_signal(server)


def _wait_for_signal(server: Server) -> None:
    """Returns at Ctrl-C, at SIGTERM, or when another thread stops the server."""
    asked = threading.Event()
    previous = None
    if threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        while not asked.is_set() and not server.wait(0.2):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _stamp(file: Path) -> tuple[int, int] | None:
    """Changes when the file does."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _listen(host: str, port: int, argument: str) -> socket.socket:
    """A listening socket, or one sentence that names the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ValueError(
            f"Expected an address of this machine, such as 127.0.0.1. Received: host={host!r} ({error.strerror})"
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                errno.EADDRINUSE,
                f"Another program listens on {host}:{port}. Stop it, or pass another port: {argument}=0 takes a free one",
            ) from error
        raise OSError(
            error.errno,
            f"Cannot listen on {host}:{port} ({error.strerror}). Pass another host or port: {argument}=0 takes a free one",
        ) from error
    return listener
