"""Operators' access to other users' accounts and resources, and to the audit trail, which records every change."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.body import Body
from services.api.dependencies import AdminUser, OriginDep, SessionDep, SettingsDep
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.api.routers.auth import Role, UserOut
from services.api.routers.users import ApiKeyOut, AuditOut
from services.auth.api_keys import owned_keys
from services.database.models import ApiKey, AuditEvent, User
from services.operators import accounts
from services.operators.things import KINDS, KindName, act

router = APIRouter(prefix="/admin", tags=["admin"])


class AccountOut(UserOut):
    """An account, for operators."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    disabled_at: datetime | None
    """When it was disabled; unset: it is enabled."""
    reset_expires_at: datetime | None
    """Expiry of the reset token with which its owner may set a new password."""

    @classmethod
    def of(cls, user: User) -> AccountOut:
        """Build from a row."""
        base = UserOut.of(user).model_dump()
        return cls(**base, disabled_at=user.disabled_at, reset_expires_at=user.reset_expires_at)


class AccountDetailOut(AccountOut):
    """An account, and the number of its resources."""

    api_keys: int
    """Keys that have not expired."""
    logins: int
    """Logins that are still valid."""
    unfinished_jobs: int
    jobs: int
    datasets: int
    adapters: int
    pipelines: int


class DisableBody(Body):
    """Why the account is disabled, and what happens to its work."""

    reason: Annotated[str, Field(max_length=500)] = ""
    """For the audit trail, which the account's owner can read."""
    jobs: Literal["keep", "stop"] = "keep"
    """`stop`: its unfinished jobs and pipelines stop after a checkpoint; they can be resumed once it is enabled
    again."""


class ResetOut(BaseModel):
    """Token with which the owner sets a new password at `POST /auth/reset-password`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    reset_token: str
    """Single-use, and shown only once. A further reset replaces it."""
    expires_at: datetime


class ThingOut(BaseModel):
    """A user's resource."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: uuid.UUID
    kind: KindName
    name: str
    status: str | None
    """Unset for a kind without a status."""
    user_id: uuid.UUID
    username: str
    """Its owner."""
    created_at: datetime


class AdminAuditOut(AuditOut):
    """A security event of any account."""

    user_id: uuid.UUID | None
    """The account; unset: none, such as for a login under a name that does not exist."""
    username: str | None
    actor: str | None
    """Username of the admin who did it; unset: the owner, or somebody who tried to log in as them."""


@router.get("/users", responses=problems(401, 403, 422, 503))
async def list_users(
    _: AdminUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    role: Role | None = None,
    disabled: Annotated[
        bool | None, Query(description="Only those that are disabled, or only those that are not")
    ] = None,
) -> Page[AccountOut]:
    """All accounts, newest first; `q` searches usernames and e-mail addresses."""
    query = select(User)
    if q:
        query = query.where(or_(matches(User.username, q), matches(User.email, q)))
    if role is not None:
        query = query.where(User.role == role)
    if disabled is not None:
        query = query.where(User.disabled_at.is_not(None) if disabled else User.disabled_at.is_(None))
    rows, total, next_cursor = await newest_first(session, query, User, limit=limit, cursor=cursor)
    return Page(items=[AccountOut.of(row) for row in rows], total=total, next_cursor=next_cursor)


@router.get("/users/{user_id}", responses=problems(401, 403, 404, 422, 503))
async def read_user(user_id: uuid.UUID, _: AdminUser, session: SessionDep) -> AccountDetailOut:
    """One account."""
    account = AccountOut.of(await accounts.find_user(session, user_id))
    return AccountDetailOut(**account.model_dump(), **await accounts.belongings(session, user_id))


@router.post("/users/{user_id}/disable", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def disable_user(
    user_id: uuid.UUID, body: DisableBody, admin: AdminUser, session: SessionDep, origin: OriginDep
) -> AccountOut:
    """Disable an account: its logins and streams end, and its API keys are deleted."""
    stop_work = body.jobs == "stop"
    user = await accounts.disable(session, admin, origin, user_id, reason=body.reason, stop_work=stop_work)
    return AccountOut.of(user)


@router.post("/users/{user_id}/enable", responses=problems(401, 403, 404, 422, 503))
async def enable_user(user_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep) -> AccountOut:
    """Enable a disabled account; its API keys stay deleted."""
    return AccountOut.of(await accounts.enable(session, admin, origin, user_id))


@router.post("/users/{user_id}/password-reset", status_code=201, responses=problems(401, 403, 404, 409, 422, 503))
async def reset_user_password(
    user_id: uuid.UUID,
    response: Response,
    admin: AdminUser,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
) -> ResetOut:
    """Invalidate the password and every login, and create a token with which the owner sets a new password.

    API keys stay: revoke them too if somebody else may know them.
    """
    token, expires_at = await accounts.reset_password(session, settings, admin, origin, user_id)
    response.headers["Cache-Control"] = "no-store"
    return ResetOut(reset_token=token, expires_at=expires_at)


@router.get("/users/{user_id}/api-keys", responses=problems(401, 403, 404, 422, 503))
async def list_user_api_keys(
    user_id: uuid.UUID, _: AdminUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> Page[ApiKeyOut]:
    """The API keys of an account, newest first."""
    await accounts.find_user(session, user_id)
    rows, total, next_cursor = await newest_first(session, owned_keys(user_id), ApiKey, limit=limit, cursor=cursor)
    return Page(items=[ApiKeyOut.model_validate(row) for row in rows], total=total, next_cursor=next_cursor)


@router.delete("/users/{user_id}/api-keys", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_user_api_keys(user_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep) -> None:
    """Delete every API key of an account."""
    await accounts.revoke_keys(session, admin, origin, user_id)


@router.delete("/users/{user_id}/api-keys/{key_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_user_api_key(
    user_id: uuid.UUID, key_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep
) -> None:
    """Delete an API key of an account."""
    await accounts.revoke_key(session, admin, origin, user_id, key_id)


@router.delete("/users/{user_id}/logins", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def end_user_logins(user_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep) -> None:
    """End every login of an account. Its password and its API keys stay."""
    await accounts.revoke_logins(session, admin, origin, user_id)


@router.get("/audit", responses=problems(401, 403, 422, 503))
async def list_all_audit_events(
    _: AdminUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    user_id: Annotated[uuid.UUID | None, Query(description="Only about this account")] = None,
    actor_id: Annotated[uuid.UUID | None, Query(description="Only what this admin did to others")] = None,
    action: Annotated[str | None, Query(max_length=40, description="Only this action")] = None,
) -> Page[AdminAuditOut]:
    """Security events of all accounts, newest first; kept for 180 days."""
    query = select(AuditEvent)
    wanted = {AuditEvent.user_id: user_id, AuditEvent.actor_id: actor_id, AuditEvent.action: action}
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    rows, total, next_cursor = await newest_first(session, query, AuditEvent, limit=limit, cursor=cursor)
    names = await _usernames(session, [each for row in rows for each in (row.user_id, row.actor_id) if each])
    items = [
        AdminAuditOut(
            **AuditOut.model_validate(row).model_dump(),
            user_id=row.user_id,
            username=names.get(row.user_id),
            actor=names.get(row.actor_id),
        )
        for row in rows
    ]
    return Page(items=items, total=total, next_cursor=next_cursor)


@router.get("/{kind}", responses=problems(401, 403, 422, 503))
async def list_things(
    kind: KindName,
    _: AdminUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    user_id: Annotated[uuid.UUID | None, Query(description="Only of this account")] = None,
    status: Annotated[str | None, Query(max_length=16, description="Only resources with this status")] = None,
) -> Page[ThingOut]:
    """Jobs, datasets, adapters or pipelines of all users, newest first."""
    table = KINDS[kind].table
    query = KINDS[kind].owned()
    if q:
        query = query.where(matches(table.name, q))
    if user_id is not None:
        query = query.where(table.user_id == user_id)
    if status is not None and hasattr(table, "status"):
        query = query.where(table.status == status)
    rows, total, next_cursor = await newest_first(session, query, table, limit=limit, cursor=cursor)
    names = await _usernames(session, [row.user_id for row in rows])
    items = [
        ThingOut(
            id=row.id,
            kind=kind,
            name=row.name,
            status=getattr(row, "status", None),
            user_id=row.user_id,
            username=names[row.user_id],
            created_at=row.created_at,
        )
        for row in rows
    ]
    return Page(items=items, total=total, next_cursor=next_cursor)


@router.post("/{kind}/{thing_id}/stop", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def stop_thing(
    kind: KindName, thing_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep
) -> None:
    """Stop a user's job or pipeline after a checkpoint; its owner may resume it."""
    await act(session, admin, origin, kind, "stop", thing_id)


@router.delete("/{kind}/{thing_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_thing(
    kind: KindName, thing_id: uuid.UUID, admin: AdminUser, session: SessionDep, origin: OriginDep
) -> None:
    """Delete a user's resource, under the same conditions as for its owner."""
    await act(session, admin, origin, kind, "delete", thing_id)


async def _usernames(session: AsyncSession, user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID | None, str]:
    rows = await session.execute(select(User.id, User.username).where(User.id.in_(set(user_ids))))
    return {row.id: row.username for row in rows}
