"""The exceptions of this package. What a server or a runner answers is a ServerError, with the server's details."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_ERROR_EVENT = "type.googleapis.com/chorus.v1.ErrorEvent"


class ChorusError(Exception):
    """What every exception of this package is."""


class ProgramError(ChorusError):
    """A program of Chorus is not installed, or cannot be run."""


class StoreError(ChorusError):
    """The model store refuses: the message is that of `chorus models`."""


class RunnerError(ChorusError):
    """A runner that was not started, could not be, or has ended."""


class ServerError(ChorusError):
    """An error that a server or a runner answers with, or the lack of an answer.

    Attributes:
        message: What was wrong.
        status: The name of the gRPC status, such as "INVALID_ARGUMENT".
        code: The HTTP code, such as 400.
        details: google.rpc's details as JSON has them, such as {"@type": "…/google.rpc.BadRequest",
            "field_violations": [{"field": "top_p", "description": "…"}]}. Of an error within a stream over HTTP also
            {"@type": "…/chorus.v1.ErrorEvent", "retryable": …, "branch": …, "stage": …}.
        request_id: The call's, as the server logs it; may be empty.
    """

    def __init__(self, message: str, *, status: str = "UNKNOWN", code: int = 500,
                 details: Sequence[Mapping[str, Any]] = (), request_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = list(details)
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"

    @property
    def retry_after_seconds(self) -> float | None:
        """How long to wait before another try, where the server says so."""
        for detail in self.details:
            if detail.get("@type") == _RETRY_INFO:
                return float(str(detail.get("retry_delay", detail.get("retryDelay", "0s"))).removesuffix("s"))
        return None


class InvalidArgument(ServerError):
    """The request is wrong: a parameter is unknown or out of range, or the text is too long."""


class NotFound(ServerError):
    """There is no graph, model or route of that name."""


class PermissionDenied(ServerError):
    """No key, or the wrong one."""


class ResourceExhausted(ServerError):
    """The server is at its limit; retry_after_seconds says when to try again."""


class Unavailable(ServerError):
    """No healthy replica, or no server at all; the same call may succeed later."""


class DeadlineExceeded(ServerError):
    """The timeout passed first."""


class Cancelled(ServerError):
    """The call was cancelled, or its client closed."""


class InternalError(ServerError):
    """A fault of the server."""


_BY_STATUS: dict[str, type[ServerError]] = {
    "INVALID_ARGUMENT": InvalidArgument, "OUT_OF_RANGE": InvalidArgument, "FAILED_PRECONDITION": InvalidArgument,
    "NOT_FOUND": NotFound, "UNAUTHENTICATED": PermissionDenied, "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_EXHAUSTED": ResourceExhausted, "UNAVAILABLE": Unavailable, "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled, "INTERNAL": InternalError, "DATA_LOSS": InternalError,
}

# As the gateway maps them.
_CODES = {"INVALID_ARGUMENT": 400, "OUT_OF_RANGE": 400, "FAILED_PRECONDITION": 400, "UNAUTHENTICATED": 401,
          "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429, "CANCELLED": 499,
          "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504}


def server_error(message: str, status: str, code: int | None = None, details: Sequence[Mapping[str, Any]] = (),
                 request_id: str = "") -> ServerError:
    """The exception of a status; without `code` that which belongs to it."""
    return _BY_STATUS.get(status, ServerError)(
        message, status=status, code=code or _CODES.get(status, 500), details=details, request_id=request_id)


def closed_error() -> ServerError:
    """Of a call of a client that is closed, or was while it called."""
    return server_error("the client is closed", "CANCELLED")


def event_error(event: Mapping[str, Any], request_id: str) -> ServerError:
    """The exception of a stream's ErrorEvent, as JSON has it: what it says besides follows its details."""
    rest = {name: value for name, value in event.items() if name not in ("message", "status", "code", "details")}
    details = [*event.get("details", ()), *([{"@type": _ERROR_EVENT, **rest}] if rest else [])]
    return server_error(str(event.get("message", "")), str(event.get("status", "UNKNOWN")), event.get("code"), details,
                        request_id)
