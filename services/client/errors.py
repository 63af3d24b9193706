"""What the client raises.

ClientError
├── ServerUnreachableError      no answer, or none that a platform gives
├── RequestRefusedError         the server's problem+json: code, detail and each faulty field
├── DatasetFailedError          an uploaded dataset that ended in `error`
└── ChecksumError               a downloaded file that is not the one the server announced
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import Fault
from services.errors import ServiceError


class ClientError(ServiceError):
    """Base of everything that the client raises on purpose."""


class ServerUnreachableError(ClientError):
    """No answer, or none that a platform gives."""


class RequestRefusedError(ClientError):
    """The server refused: `str()` gives the detail and each faulty field on its own line."""

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


class DatasetFailedError(ClientError):
    """An uploaded dataset that ended in `error`."""


class ChecksumError(ClientError):
    """A downloaded file that is not the one the server announced."""
