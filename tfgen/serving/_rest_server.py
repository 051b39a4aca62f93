"""The HTTP side: an ASGI application behind uvicorn, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfgen.serving._json_encode import encode_error
from tfgen.serving._manager import ModelManager
from tfgen.serving._rest import answer
from tfgen.serving._tensors import serving_api

DRAIN_FACTOR = 4  # a body that is too large is read and dropped this far, so that its sender gets to the answer
START_SECONDS = 30.0
STOP_SECONDS = 5


class RestServer:
    """Serves REST on a socket that is already bound.

    Args:
      manager: the loaded models.
      listener: a listening socket; the server closes it.
      threads: how many requests run at once.
      max_body_bytes: largest body of a request, packed or unpacked.
    """

    def __init__(self, manager: ModelManager, listener: socket.socket, *, threads: int, max_body_bytes: int):
        uvicorn = serving_api("uvicorn")
        self._manager = manager
        self._listener = listener
        self._max_body_bytes = max_body_bytes
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tfgen-serving-rest")
        config = uvicorn.Config(
            self._application,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="tfgen-serving-http", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The REST server did not start. See the log of `uvicorn.error`.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Finishes the requests that run and closes the socket."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._listener.close()
        self._pool.shutdown()

    async def _application(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict]], send: Callable[[dict], Awaitable[None]]
    ) -> None:
        import asyncio  # here, because it is slow to import and only a server needs it

        headers = dict(scope["headers"])
        body = await self._read(receive)
        if body is None:
            status, content = _too_large(self._max_body_bytes)
        else:
            path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
            packed = headers.get(b"content-encoding", b"").lower() == b"gzip"
            loop = asyncio.get_running_loop()
            status, content = await loop.run_in_executor(self._pool, self._answer, scope["method"], path, body, packed)
        lines = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": content})

    async def _read(self, receive: Callable[[], Awaitable[dict]]) -> bytes | None:
        """The whole body, or None when it is too large."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            part = message.get("body", b"")
            size += len(part)
            if size <= self._max_body_bytes:
                parts.append(part)
            if not message.get("more_body") or size > DRAIN_FACTOR * self._max_body_bytes:
                return None if size > self._max_body_bytes else b"".join(parts)

    def _answer(self, method: str, path: str, body: bytes, packed: bool) -> tuple[int, bytes]:
        if packed:
            try:
                body = _unpacked(body, self._max_body_bytes)
            except zlib.error:
                return 400, encode_error(
                    "Expected a whole body packed by gzip, as its Content-Encoding says. Received: other bytes, or its beginning alone"
                )
            if len(body) > self._max_body_bytes:
                return _too_large(self._max_body_bytes)
        return answer(self._manager, method, path, body)


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Unpacks gzip, one member or several, to one byte more than the limit at most."""
    unpacked = b""
    while packed and len(unpacked) <= limit:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        unpacked += unpacker.decompress(packed, limit + 1 - len(unpacked))
        if not unpacker.eof and len(unpacked) <= limit:
            raise zlib.error("the body ends before its packing does")
        packed = unpacker.unused_data
    return unpacked


def _too_large(limit: int) -> tuple[int, bytes]:
    return 413, encode_error(f"Expected a request body of at most {limit} bytes. Received: more. Send fewer rows per request.")
