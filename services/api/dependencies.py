"""Dependencies of request handlers, as annotated parameters."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.context import Services, services_of
from services.api.correlation import correlation_id
from services.api.peer import sender
from services.auth.api_keys import KEY_PREFIX, Scope, includes, user_of_key
from services.auth.audit import Origin
from services.auth.sessions import find_user
from services.auth.tokens import read_access_token
from services.database.engine import open_session
from services.database.models import ApiKey, User
from services.errors import ForbiddenError, UnauthenticatedError
from services.observability.logs import caller
from services.settings import Settings

ServicesDep = Annotated[Services, Depends(services_of)]

_bearer = HTTPBearer(auto_error=False, description="An access token from POST /auth/login, or an API key")


async def _settings(services: ServicesDep) -> Settings:
    return services.settings


async def _session(request: Request, services: ServicesDep) -> AsyncIterator[AsyncSession]:
    async with open_session(services.sessions, reads=request.method == "GET") as session:
        yield session


SettingsDep = Annotated[Settings, Depends(_settings)]
# Closed before the response is sent: a slow reader holds no connection.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sent a request, and the credential used."""

    user: User
    login_id: uuid.UUID | None
    """The login of the access token; None if an API key was given."""
    key: ApiKey | None = None
    """The API key; None if an access token was given."""

    @property
    def credential(self) -> uuid.UUID:
        """The id of the login or of the API key."""
        if self.key is not None:
            return self.key.id
        assert self.login_id is not None, "a caller has one of both"
        return self.login_id

    def check_scope(self, needed: Scope) -> None:
        """Check the scope of the API key; a login has no scope and always passes.

        Raises:
            ForbiddenError: the key's scope does not include `needed`.
        """
        if self.key is not None and not includes(self.key.scope, needed):
            raise ForbiddenError(
                f"The API key has the scope {self.key.scope}; this needs {needed}: use another key, or log in.",
                code="insufficient_scope",
            )


def scope_of_method(method: str) -> Scope:
    """The scope that a route of this method requires of an API key, unless it requires an admin or a login."""
    return "read" if method in {"GET", "HEAD"} else "write"


async def _caller_if_named(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    services: ServicesDep,
    session: SessionDep,
) -> Caller | None:
    if credentials is None:
        return None
    if credentials.credentials.startswith(KEY_PREFIX):
        user, key = await user_of_key(session, credentials.credentials)
        who = Caller(user, None, key)
    else:
        claims = read_access_token(services.settings, credentials.credentials)
        who = Caller(await find_user(session, claims), claims.session_id)
    caller.set(str(who.user.id))
    who.check_scope(scope_of_method(request.method))  # here, so that no route can forget to check
    return who


CallerIfNamed = Annotated[Caller | None, Depends(_caller_if_named)]
"""The caller, for routes that take something else too when the header is missing, such as a signed link."""


async def _caller(who: CallerIfNamed) -> Caller:
    if who is None:
        raise UnauthenticatedError("Give an access token or an API key in the header `Authorization: Bearer ...`.")
    return who


CallerDep = Annotated[Caller, Depends(_caller)]


async def _current_user(who: Annotated[Caller, Depends(_caller)]) -> User:
    return who.user


CurrentUser = Annotated[User, Depends(_current_user)]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user who has logged in with a password, not a program with an API key."""

    user: User
    login_id: uuid.UUID


async def _logged_in(who: Annotated[Caller, Depends(_caller)]) -> LoggedIn:
    if who.login_id is None:
        raise ForbiddenError("An API key cannot do this: log in with the password.", code="login_required")
    return LoggedIn(who.user, who.login_id)


LoggedInUser = Annotated[LoggedIn, Depends(_logged_in)]


async def _admin(who: Annotated[Caller, Depends(_caller)]) -> User:
    if who.user.role != "admin":
        raise ForbiddenError("Only an admin can do this.", code="admin_required")
    who.check_scope("admin")
    return who.user


AdminUser = Annotated[User, Depends(_admin)]

Access = Literal["public", "read", "write", "admin", "login"]


def access_of(route: APIRoute) -> Access:
    """What a route requires of its caller: nothing, a login or a key with a scope, or a login and no key."""
    calls = _calls(route.dependant)
    if _logged_in in calls:
        return "login"
    if _admin in calls:
        return "admin"
    return scope_of_method(min(route.methods or {"GET"})) if _caller_if_named in calls else "public"


def _calls(dependant: Dependant) -> set[Any]:
    return {dependant.call, *(call for each in dependant.dependencies for call in _calls(each))}


async def _origin(request: Request, settings: SettingsDep) -> Origin:
    return Origin(sender(request.scope, settings.trust_forwarded_for), correlation_id())


OriginDep = Annotated[Origin, Depends(_origin)]
