"""The caller's own account: profile, password, API keys, audit trail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from services.api.body import Body
from services.api.dependencies import CurrentUser, LoggedInUser, OriginDep, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.api.routers.auth import Name, Password, UserOut
from services.auth import api_keys
from services.auth.api_keys import Scope
from services.auth.audit import record
from services.auth.profile import change_password, change_profile, check_password
from services.database.models import ApiKey, AuditEvent

router = APIRouter(prefix="/users", tags=["users"])


class ProfilePatch(Body):
    """Changes; missing fields stay."""

    username: Name | None = None
    """3 to 39 letters, digits, dots, dashes and underscores."""
    email: Name | None = None
    """An e-mail address that has no account yet."""
    current_password: Password | None = None
    """Required to change the address."""


class PasswordBody(Body):
    """A new password."""

    current_password: Password
    """The current password."""
    new_password: Password
    """10 to 256 characters, without the username."""


class ApiKeyBody(Body):
    """A new key."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Its purpose."""
    current_password: Password
    """The caller's password."""
    scope: Scope = "write"
    """`read`: read only; `write`: also change the caller's resources; `admin`: also operate the platform, for admins."""
    expires_at: AwareDatetime | None = None
    """Expiry, with a time zone; at most a year ahead. Unset: in 90 days. The operator can change both limits."""


class ApiKeyOut(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: uuid.UUID
    name: str
    start: str
    """Its first characters."""
    scope: Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    """Accurate to the minute."""


class NewApiKeyOut(ApiKeyOut):
    """A new key with its secret."""

    key: str | None = None
    """The secret, for `Authorization: Bearer lim_...`; shown once, and not for a repeated call."""


class AuditOut(BaseModel):
    """A security event of the account."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: uuid.UUID
    created_at: datetime
    action: str
    """`logged_in`, `login_failed`, `password_changed`, `api_key_created`, ..."""
    address: str | None
    """Address of the request."""
    correlation_id: str | None
    """Id of the request in the logs."""
    data: dict[str, Any]
    """Details."""
    actor_id: uuid.UUID | None
    """The admin who did it; unset: the owner, or somebody who tried to log in as them."""


@router.get("/me", responses=problems(401, 503))
async def read_me(user: CurrentUser) -> UserOut:
    """The owner of the access token or API key."""
    return UserOut.of(user)


@router.patch("/me", responses=problems(400, 401, 403, 409, 413, 415, 422, 429, 503))
async def change_me(
    body: ProfilePatch, caller: LoggedInUser, session: SessionDep, settings: SettingsDep, origin: OriginDep
) -> UserOut:
    """Change the username or the e-mail address. Reports all faults together."""
    await change_profile(
        session,
        settings,
        caller.user,
        origin,
        username=body.username,
        email=body.email,
        current_password=body.current_password,
    )
    return UserOut.of(caller.user)


@router.post("/me/password", status_code=204, responses=problems(400, 401, 403, 413, 415, 422, 429, 503))
async def set_password(
    body: PasswordBody, caller: LoggedInUser, session: SessionDep, settings: SettingsDep, origin: OriginDep
) -> None:
    """Change the password. Ends every other login; API keys stay."""
    await change_password(
        session,
        settings,
        caller.user,
        caller.login_id,
        origin,
        current_password=body.current_password,
        new_password=body.new_password,
    )


@router.post("/me/api-keys", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503))
async def create_api_key(
    body: ApiKeyBody,
    request: Request,
    response: Response,
    caller: LoggedInUser,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    idempotency_key: IdempotencyHeader = None,
) -> NewApiKeyOut:
    """Create a key for a program; requires the password. Only this answer has its secret."""
    await check_password(session, settings, caller.user, origin, body.current_password)
    key_id = uuid.uuid4()
    call = fingerprint(settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(caller.user.id), idempotency_key, call, key_id)
    response.headers["Cache-Control"] = "no-store"
    if earlier is not None:
        return NewApiKeyOut.model_validate(await api_keys.find_key(session, caller.user.id, earlier))
    key, secret = await api_keys.create_key(
        session, settings, caller.user, key_id, body.name, body.scope, body.expires_at
    )
    record(session, caller.user.id, "api_key_created", origin, name=key.name, start=key.start, scope=key.scope)
    await session.commit()
    return NewApiKeyOut.model_validate(key).model_copy(update={"key": secret})


@router.get("/me/api-keys", responses=problems(401, 403, 422, 503))
async def list_api_keys(
    caller: LoggedInUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None, q: Search = None
) -> Page[ApiKeyOut]:
    """The caller's keys, newest first."""
    query = api_keys.owned_keys(caller.user.id)
    if q:
        query = query.where(matches(ApiKey.name, q))
    rows, total, next_cursor = await newest_first(session, query, ApiKey, limit=limit, cursor=cursor)
    return Page(items=[ApiKeyOut.model_validate(row) for row in rows], total=total, next_cursor=next_cursor)


@router.delete("/me/api-keys/{key_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_api_key(key_id: uuid.UUID, caller: LoggedInUser, session: SessionDep, origin: OriginDep) -> None:
    """Delete a key; it stops working immediately."""
    key = await api_keys.find_key(session, caller.user.id, key_id)
    await session.delete(key)
    record(session, caller.user.id, "api_key_deleted", origin, name=key.name, start=key.start)
    await session.commit()


@router.get("/me/audit", responses=problems(401, 403, 422, 503))
async def list_audit_events(
    caller: LoggedInUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> Page[AuditOut]:
    """Security events of the caller's account, newest first; kept for 180 days."""
    query = select(AuditEvent).where(AuditEvent.user_id == caller.user.id)
    rows, total, next_cursor = await newest_first(session, query, AuditEvent, limit=limit, cursor=cursor)
    return Page(items=[AuditOut.model_validate(row) for row in rows], total=total, next_cursor=next_cursor)
