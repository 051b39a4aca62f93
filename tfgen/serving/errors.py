"""What goes wrong between a client and a server, as exceptions with TensorFlow Serving's own codes."""

from __future__ import annotations

__all__ = ["PortInUseError", "ServingError"]

HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""The HTTP status that TensorFlow Serving answers for each code."""

# Several codes share one status; a REST client sees the status alone, so each status stands for its commonest code.
CODE_OF_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ServingError(RuntimeError):
    """A request that the server refused, with the server's own text.

    Args:
      code: the canonical status code, for example "INVALID_ARGUMENT" or "NOT_FOUND".
      message: the server's text.

    Example:
      >>> from tfgen.serving import ServingError
      >>> raise ServingError("NOT_FOUND", "Servable not found for request: Latest(vae)")
      Traceback (most recent call last):
      tfgen.serving.errors.ServingError: NOT_FOUND: Servable not found for request: Latest(vae)
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PortInUseError(OSError):
    """A server could not have the port that it was told to listen on.

    Example:
      >>> from tfgen.serving import PortInUseError
      >>> issubclass(PortInUseError, OSError)
      True
    """


def invalid(message: str) -> ServingError:
    """The error of a malformed request: INVALID_ARGUMENT, HTTP 400."""
    return ServingError("INVALID_ARGUMENT", message)
