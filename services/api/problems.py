"""Errors as `application/problem+json` (RFC 9457), with every fault of a request and its path, never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from engine.config.base import DisagreementError, kind_field_of, message_of, shortened
from engine.errors import MOST_FAULTS, ConfigError, Fault
from services.api.correlation import correlation_id
from services.api.request_shape import TOO_DEEP
from services.database.engine import database_unavailable, is_transient
from services.errors import ApiError, ConflictError, InvalidRequestError

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST_MESSAGE: Final = 500
_GONE: Final = "Another request deleted or changed this at the same moment; look what there is now, and try again."
# Constraint violations despite the earlier checks of names and references: the request lost a race.
_LOST_RACES: Final = {
    "23505": "Another request made the same at the same moment; look what there is now, and try again.",
    "23503": "Another request deleted something that this one names, or uses what this one deletes; try again.",
}
_log = logging.getLogger(__name__)


class ProblemFault(BaseModel):
    """One faulty field."""

    path: str
    """Dotted path of the field in the body, or the name of the query, path or header parameter."""
    message: str
    """The value found, and the allowed ones."""


class Problem(BaseModel):
    """An error response."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = "about:blank"
    """URI of the kind of problem."""
    title: str
    """Title of the kind of problem."""
    status: int
    """The HTTP status."""
    code: str
    """Stable, machine-readable code of the kind of problem."""
    detail: str
    """Description of this problem."""
    errors: list[ProblemFault] = []
    """Every faulty field; only the first ones if there are very many."""
    correlation_id: str
    """Id of this request in the logs; also in the header X-Request-ID."""


class ProblemResponse(JSONResponse):
    """JSON response of the problem type; replaces text that is not valid Unicode."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Render the body."""
        return super().render(_storable(content))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """A route's error responses for the OpenAPI document."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _PROBLEM_REFERENCE}}}
        for status in statuses
    }


_PROBLEM_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}


def problem_of(error: ApiError) -> ProblemResponse:
    """Response for an API error."""
    return _respond(error.status, error.title, error.code, error.detail, error.faults, error.headers)


def internal_problem() -> ProblemResponse:
    """Response for an internal error; reveals nothing but the id under which it is logged."""
    return _respond(500, "Internal error", "internal_error", "Something went wrong here, not with the request.")


def install(app: FastAPI) -> None:
    """Register handlers that turn every error of the application into a problem."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ConfigError, _on_config_error)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(StaleDataError, _on_stale_data)


def request_faults(error: RequestValidationError) -> list[Fault]:
    """The first faults, each with the path as the client wrote it (without union tags) and the value found."""
    faults = []
    for item in error.errors()[: MOST_FAULTS + 1]:
        place, *parts = item["loc"]
        ends_in_field = item["type"] != "value_error"
        written = _written(parts, error.body, ends_in_field) if place == "body" else [str(part) for part in parts]
        written += kind_field_of(item)
        between = item.get("ctx", {}).get("error")
        if isinstance(between, DisagreementError):
            faults += [Fault(".".join([*written, fault.path]), fault.message) for fault in between.faults]
            continue
        path = ".".join(written)
        message = message_of(item)
        if item["type"] == "extra_forbidden":
            message = "no such field"
        elif item["type"] not in {"missing", "json_invalid"} and not isinstance(item.get("input"), dict | list):
            message = f"{message}; found {shortened(item.get('input'))}"
        faults.append(Fault(path, message))
    return faults


def _written(parts: Sequence[str | int], body: Any, ends_in_field: bool) -> list[str]:
    """Pydantic's location without the tags of discriminated unions, which are not in the body.

    The last part may be a field that is missing, unless the fault is between fields.
    """
    path, node = [], body
    for index, part in enumerate(parts):
        may_be_missing = ends_in_field and index == len(parts) - 1
        if isinstance(node, Mapping) and part not in node and not may_be_missing:
            continue
        path.append(str(part))
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            node = None
    return path


async def _on_api_error(_: Request, error: Exception) -> Response:
    return problem_of(cast(ApiError, error))


async def _on_validation_error(_: Request, error: Exception) -> Response:
    invalid = cast(RequestValidationError, error)
    errors = invalid.errors()
    if errors and errors[0]["type"] == "json_invalid":
        reason = errors[0].get("ctx", {}).get("error", "not JSON")
        return _respond(400, "Bad request", "malformed_json", f"The body is not valid JSON: {reason}.")
    return problem_of(InvalidRequestError.of(request_faults(invalid)))


async def _on_config_error(_: Request, error: Exception) -> Response:
    return problem_of(InvalidRequestError.of(cast(ConfigError, error).faults))


async def _on_http_exception(_: Request, error: Exception) -> Response:
    raised = cast(HTTPException, error)
    if isinstance(raised.__cause__, RecursionError):  # nested too deeply for FastAPI to parse
        return problem_of(InvalidRequestError.of([Fault("", TOO_DEEP)]))
    phrase = HTTPStatus(raised.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    detail = raised.detail if raised.detail and raised.detail != phrase else f"{phrase}."
    return _respond(raised.status_code, phrase, code, str(detail), headers=raised.headers)


async def _on_database_error(_: Request, error: Exception) -> Response:
    failed = cast(DBAPIError, error)
    if is_transient(failed):
        return problem_of(database_unavailable())
    state = str(getattr(failed.orig, "sqlstate", ""))
    if state in _LOST_RACES:
        return problem_of(ConflictError(_LOST_RACES[state], code="conflicting_request"))
    if state.startswith("22"):  # data exceptions: a value that the column cannot hold
        _log.warning("a value reached the database that it cannot hold", exc_info=failed)
        return problem_of(InvalidRequestError("The request holds a value that cannot be stored."))
    _log.error("database error", exc_info=failed)
    return internal_problem()


async def _on_stale_data(_: Request, __: Exception) -> Response:
    return problem_of(ConflictError(_GONE, code="conflicting_request"))


def _respond(
    status: int,
    title: str,
    code: str,
    detail: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    problem = Problem(
        title=title,
        status=status,
        code=code,
        detail=detail[:_LONGEST_MESSAGE],
        errors=[
            ProblemFault(path=fault.path[:_LONGEST_MESSAGE], message=fault.message[:_LONGEST_MESSAGE])
            for fault in faults[:MOST_FAULTS]
        ],
        correlation_id=correlation_id(),
    )
    return ProblemResponse(problem.model_dump(), status_code=status, headers=dict(headers or {}))


def _storable(content: Any) -> Any:
    """Replace lone surrogates in strings: JSON can express them, UTF-8 cannot."""
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode("utf-8")
    if isinstance(content, dict):
        return {key: _storable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_storable(value) for value in content]
    return content
