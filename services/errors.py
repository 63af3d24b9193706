"""Errors that the services raise deliberately.

    ServiceError
    ├── SettingsError               the platform cannot start with this environment
    ├── EmbeddedServiceError        an embedded server (PostgreSQL) does not start or stop
    ├── HubError                    the hub does not stop
    ├── AccountError                the account that the operator names does not exist
    └── ApiError                    an error response: status, stable code, detail, faulty fields
        ├── BadRequestError         400  the request cannot be read
        ├── UnauthenticatedError    401  missing, wrong or expired credentials
        ├── ForbiddenError          403  not allowed for this role, or not with an API key
        ├── NotFoundError           404  does not exist, or belongs to another user
        ├── ConflictError           409  the resource's state does not allow it
        ├── PayloadTooLargeError    413  the body is too large
        ├── UnsupportedMediaError   415  the body is not JSON
        ├── RangeError              416  the range of bytes begins after the end
        ├── InvalidRequestError     422  faulty fields, all reported together
        ├── ThrottledError          429  too many attempts; says when to retry
        └── UnavailableError        503  a dependency is down; says when to retry

A message says what was found, what is allowed, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from engine.errors import MOST_FAULTS, Fault


class ServiceError(Exception):
    """Base of the errors that the services raise deliberately."""


class SettingsError(ServiceError):
    """The platform cannot start with this environment."""


class EmbeddedServiceError(ServiceError):
    """An embedded server does not start or stop."""


class HubError(ServiceError):
    """The hub cannot be started or does not stop."""


class AccountError(ServiceError):
    """The account that the operator names does not exist, or the database does not answer."""


class ApiError(ServiceError):
    """An error response: `status` and `title` from its class, a stable `code`, a human-readable `detail`."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail
        self.code = code or self.default_code
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.headers: dict[str, str] = dict(headers or {})
        super().__init__(detail)


class BadRequestError(ApiError):
    """The request cannot be read."""

    status = 400
    title = "Bad request"
    default_code = "bad_request"


class UnauthenticatedError(ApiError):
    """Missing, wrong or expired credentials."""

    status = 401
    title = "Unauthenticated"
    default_code = "unauthenticated"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ApiError):
    """Not allowed for the caller's role or kind of credentials. For other users' resources, use `NotFoundError`."""

    status = 403
    title = "Forbidden"
    default_code = "forbidden"


class NotFoundError(ApiError):
    """The resource does not exist, or belongs to another user."""

    status = 404
    title = "Not found"
    default_code = "not_found"


class ConflictError(ApiError):
    """The resource's state does not allow it."""

    status = 409
    title = "Conflict"
    default_code = "conflict"


class PayloadTooLargeError(ApiError):
    """The body is larger than the API accepts."""

    status = 413
    title = "Payload too large"
    default_code = "payload_too_large"


class UnsupportedMediaError(ApiError):
    """The body is not JSON."""

    status = 415
    title = "Unsupported media type"
    default_code = "unsupported_media_type"


class RangeError(ApiError):
    """The range of bytes begins after the end."""

    status = 416
    title = "Range not satisfiable"
    default_code = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"There are only {size} bytes.", headers={"Content-Range": f"bytes */{size}"})


class InvalidRequestError(ApiError):
    """Faulty fields, all reported together."""

    status = 422
    title = "Invalid request"
    default_code = "invalid_request"

    @classmethod
    def of(cls, faults: Iterable[Fault], *, code: str | None = None) -> InvalidRequestError:
        """An error whose detail counts its faults; includes only the first `MOST_FAULTS`."""
        found = tuple(faults)
        count = "one fault" if len(found) == 1 else f"{len(found)} faults"
        if len(found) > MOST_FAULTS:
            count = f"at least {len(found)} faults, of which the first {MOST_FAULTS} are listed"
        return cls(f"The request has {count}; see errors.", code=code, faults=found[:MOST_FAULTS])


class ThrottledError(ApiError):
    """Too many attempts."""

    status = 429
    title = "Too many requests"
    default_code = "throttled"

    def __init__(self, detail: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(max(1, retry_after_s))})


class UnavailableError(ApiError):
    """A dependency is temporarily down."""

    status = 503
    title = "Service unavailable"
    default_code = "unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 5) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_s)})
