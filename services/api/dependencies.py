"""What handlers ask for, as annotated parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.api.context import Services, services_of
from services.auth.sessions import find_user
from services.auth.tokens import read_access_token
from services.database.engine import open_session
from services.database.models import User
from services.errors import InvalidRequestError, UnauthenticatedError, UnsupportedMediaError
from services.settings import Settings

ServicesDep = Annotated[Services, Depends(services_of)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="An access token from POST /auth/login")


async def _settings(services: ServicesDep) -> Settings:
    return services.settings


async def _session(services: ServicesDep) -> AsyncIterator[AsyncSession]:
    async with open_session(services.sessions) as session:
        yield session


SettingsDep = Annotated[Settings, Depends(_settings)]
# Closed before the answer is sent: a slow reader holds no connection.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]


async def _current_user(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    settings: SettingsDep,
    session: SessionDep,
) -> User:
    if credentials is None:
        raise UnauthenticatedError("Give an access token in the header `Authorization: Bearer ...`.")
    return await find_user(session, read_access_token(settings, credentials.credentials))


CurrentUser = Annotated[User, Depends(_current_user)]


async def _address(request: Request, settings: SettingsDep) -> str:
    if settings.trust_forwarded_for:
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return request.client.host if request.client else "unknown"


ClientAddress = Annotated[str, Depends(_address)]


async def check_text(request: Request) -> None:
    """Refuses bodies that are not JSON, and text that no database holds: NUL characters and lone surrogates."""
    faults = [
        Fault(name, "holds a NUL character or a lone surrogate")
        for name, value in request.query_params.multi_items()
        if not _is_storable(value)
    ]
    body = await request.body()
    if body:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaError(
                f"The body's Content-Type is {media_type or 'not given'}; only application/json is read."
            )
        faults += _text_faults(await _parsed(request), "")
    if faults:
        raise InvalidRequestError.of(faults)


async def _parsed(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None  # a route with a body has refused it before; one without does not read it


def _text_faults(node: Any, path: str) -> list[Fault]:
    if isinstance(node, str):
        return [] if _is_storable(node) else [Fault(path, "holds a NUL character or a lone surrogate")]
    if isinstance(node, dict):
        faults = [
            Fault(f"{path}.{key}".lstrip("."), "the field's name holds a NUL character or a lone surrogate")
            for key in node
            if not _is_storable(key)
        ]
        for key, value in node.items():
            faults += _text_faults(value, f"{path}.{key}".lstrip("."))
        return faults
    if isinstance(node, list):
        return [fault for index, value in enumerate(node) for fault in _text_faults(value, f"{path}.{index}")]
    return []


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
