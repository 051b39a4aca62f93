"""A local server and clients for exported models, in TensorFlow Serving's own REST and gRPC protocols."""

from __future__ import annotations

from tfgen.serving.client import Client
from tfgen.serving.errors import PortInUseError, ServingError
from tfgen.serving.server import Limits, Server, serve

__all__ = ["Client", "Limits", "PortInUseError", "Server", "ServingError", "serve"]
