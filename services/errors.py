"""Everything that the services raise on purpose.

    ServiceError
    ├── SettingsError               the environment does not make a platform that can start
    ├── EmbeddedServiceError        a server of our own (PostgreSQL) that does not start or stop
    ├── HubError                    a hub that does not end
    ├── AccountError                an account that the operator names and that is not there
    └── ApiError                    what a client is answered: status, stable code, detail, faulty fields
        ├── BadRequestError         400  a request that cannot be read
        ├── UnauthenticatedError    401  no, wrong or outdated credentials
        ├── ForbiddenError          403  not for this role, or not with an API key
        ├── NotFoundError           404  not there, or not the caller's
        ├── ConflictError           409  the resource's state does not allow it
        ├── PayloadTooLargeError    413
        ├── UnsupportedMediaError   415
        ├── InvalidRequestError     422  faulty fields, all reported at once
        ├── ThrottledError          429  too many attempts; says when to come back
        └── UnavailableError        503  a dependency is down; says when to come back

A message says what was found, what is allowed, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from engine.errors import MOST_FAULTS, Fault


class ServiceError(Exception):
    """Base of everything that the services raise on purpose."""


class SettingsError(ServiceError):
    """The environment does not make a platform that can start."""


class EmbeddedServiceError(ServiceError):
    """A server of our own that does not start or stop."""


class HubError(ServiceError):
    """A hub that does not end."""


class AccountError(ServiceError):
    """An account that the operator names and that is not there, or a database that does not answer."""


class ApiError(ServiceError):
    """An answer to a client: `status` and `title` of its class, a stable `code`, a `detail` for people."""

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
    """A request that cannot be read."""

    status = 400
    title = "Bad request"
    default_code = "bad_request"


class UnauthenticatedError(ApiError):
    """No, wrong or outdated credentials."""

    status = 401
    title = "Unauthenticated"
    default_code = "unauthenticated"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ApiError):
    """Not for the caller's role, or not with this kind of credentials; of another's resources, `NotFoundError`."""

    status = 403
    title = "Forbidden"
    default_code = "forbidden"


class NotFoundError(ApiError):
    """Not there, or not the caller's."""

    status = 404
    title = "Not found"
    default_code = "not_found"


class ConflictError(ApiError):
    """The resource's state does not allow it."""

    status = 409
    title = "Conflict"
    default_code = "conflict"


class PayloadTooLargeError(ApiError):
    """A body larger than the API takes."""

    status = 413
    title = "Payload too large"
    default_code = "payload_too_large"


class UnsupportedMediaError(ApiError):
    """A body of another type than JSON."""

    status = 415
    title = "Unsupported media type"
    default_code = "unsupported_media_type"


class InvalidRequestError(ApiError):
    """Faulty fields, all reported at once."""

    status = 422
    title = "Invalid request"
    default_code = "invalid_request"

    @classmethod
    def of(cls, faults: Iterable[Fault], *, code: str | None = None) -> InvalidRequestError:
        """An error whose detail counts its faults; of more than `MOST_FAULTS`, the first are told."""
        found = tuple(faults)
        count = "one fault" if len(found) == 1 else f"{len(found)} faults"
        if len(found) > MOST_FAULTS:
            count = f"more faults than are told: {MOST_FAULTS} of at least {len(found)}"
        return cls(f"The request has {count}; see errors.", code=code, faults=found[:MOST_FAULTS])


class ThrottledError(ApiError):
    """Too many attempts."""

    status = 429
    title = "Too many requests"
    default_code = "throttled"

    def __init__(self, detail: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(max(1, retry_after_s))})


class UnavailableError(ApiError):
    """A dependency is down for now."""

    status = 503
    title = "Service unavailable"
    default_code = "unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 5) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_s)})
