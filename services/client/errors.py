"""Exceptions of the client.

ClientError
├── NotLoggedInError            neither logged in nor given an API key
├── ServerUnreachableError      no answer, or one that is not from a platform
├── RequestRefusedError         the server's problem+json: code, detail and each faulty field
│   ├── UnauthenticatedError    401
│   ├── ForbiddenError          403
│   ├── NotFoundError           404
│   ├── ConflictError           409
│   ├── InvalidRequestError     422
│   ├── ThrottledError          429, with `retry_after_s`
│   └── UnavailableError        502, 503, 504
├── SourceError                 nothing to upload
├── DatasetFailedError          an uploaded dataset that ended in `error`
├── DownloadError               a file that cannot be fetched or written
└── ChecksumError               a downloaded file that is not the one the server announced
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """A faulty field of a request."""

    path: str
    """Path of the field, such as `config.method.rank`."""
    message: str
    """What was found and what is allowed."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ClientError(Exception):
    """Base of everything that the client raises on purpose."""


class NotLoggedInError(ClientError):
    """Neither logged in nor given an API key."""


class ServerUnreachableError(ClientError):
    """No answer, or one that is not from a platform."""


class RequestRefusedError(ClientError):
    """The server rejected the request: `str()` gives the detail and each faulty field on its own line."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        faults: Sequence[Fault] = (),
        correlation_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s
        super().__init__(status, code, detail)

    def __str__(self) -> str:
        lines = [f"{self.detail} ({self.status} {self.code})", *(f"  {fault}" for fault in self.faults)]
        if self.status >= 500 and self.correlation_id:
            lines.append(f"  correlation id {self.correlation_id}")
        return "\n".join(lines)

    def as_problem(self) -> dict[str, Any]:
        """The error as the server wrote it, for programs."""
        return {
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [fault._asdict() for fault in self.faults],
            "correlation_id": self.correlation_id,
        }


class UnauthenticatedError(RequestRefusedError):
    """401: no credentials, or invalid ones."""


class ForbiddenError(RequestRefusedError):
    """403: this role or this key does not permit it."""


class NotFoundError(RequestRefusedError):
    """404: does not exist, or belongs to another user."""


class ConflictError(RequestRefusedError):
    """409: the current state of the resource does not allow it."""


class InvalidRequestError(RequestRefusedError):
    """422: faulty fields, all of them in `faults`."""


class ThrottledError(RequestRefusedError):
    """429: too many requests; `retry_after_s` says when to retry."""


class UnavailableError(RequestRefusedError):
    """502, 503, 504, and any 5xx of the object store: the platform or one of its dependencies is down."""


class SourceError(ClientError):
    """Nothing to upload at the given path."""


class DatasetFailedError(ClientError):
    """An uploaded dataset that ended in `error`."""


class DownloadError(ClientError):
    """A file that cannot be fetched or written."""


class ChecksumError(ClientError):
    """A downloaded file that is not the one the server announced."""


_BY_STATUS: Mapping[int, type[RequestRefusedError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidRequestError,
    429: ThrottledError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def refusal(
    status: int, problem: Mapping[str, Any] | None, told: str, retry_after_s: float | None
) -> RequestRefusedError:
    """The exception for an error response: from its problem document, or from `told` if it has none."""
    kind = _BY_STATUS.get(status, RequestRefusedError)
    if problem is None:
        return kind(status, "unknown", told, retry_after_s=retry_after_s)
    faults = [Fault(str(each.get("path", "")), str(each.get("message", ""))) for each in problem.get("errors") or []]
    detail = str(problem.get("detail") or problem.get("title") or told)
    return kind(
        status, str(problem.get("code", "unknown")), detail, faults, problem.get("correlation_id"), retry_after_s
    )
