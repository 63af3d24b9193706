"""Operations on other users' accounts: inspect, disable, enable, reset the password, revoke keys, end logins."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.api_keys import find_key
from services.auth.audit import Action, Origin, record
from services.auth.passwords import hash_password
from services.auth.sessions import end_logins
from services.auth.tokens import hash_token
from services.database.models import Adapter, ApiKey, Dataset, Job, LoginSession, Pipeline, User
from services.errors import ConflictError, NotFoundError
from services.jobs.requests import request_stop as stop_job
from services.jobs.states import ACTIVE
from services.pipelines.requests import request_stop as stop_pipeline
from services.settings import Settings

RESET_PREFIX: Final = "limp_"
_UNFINISHED: Final = ("running", "stopping")


async def find_user(session: AsyncSession, user_id: uuid.UUID, *, lock: bool = False) -> User:
    """The account of any user.

    Raises:
        NotFoundError: no such account.
    """
    user = await session.get(User, user_id, with_for_update=lock, populate_existing=lock)
    if user is None:
        raise NotFoundError("There is no such account.", code="user_not_found")
    return user


async def belongings(session: AsyncSession, user_id: uuid.UUID) -> dict[str, int]:
    """Number of resources of an account, by kind."""
    counts = {
        "api_keys": select(func.count()).where(ApiKey.user_id == user_id, ApiKey.expires_at > func.now()),
        "logins": select(func.count()).where(
            LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now()
        ),
        "unfinished_jobs": select(func.count()).where(Job.user_id == user_id, Job.status.in_(ACTIVE)),
        "jobs": select(func.count()).where(Job.user_id == user_id),
        "datasets": select(func.count()).where(Dataset.user_id == user_id, Dataset.deleted_at.is_(None)),
        "adapters": select(func.count()).where(Adapter.user_id == user_id),
        "pipelines": select(func.count()).where(Pipeline.user_id == user_id),
    }
    row = (
        await session.execute(select(*(query.scalar_subquery().label(name) for name, query in counts.items())))
    ).one()
    return dict(row._mapping)


async def disable(
    session: AsyncSession, admin: User, origin: Origin, user_id: uuid.UUID, *, reason: str, stop_work: bool
) -> User:
    """Disable an account: its logins and streams end, its API keys are deleted. Committed.

    Args:
        session: database session.
        admin: the admin who disables it.
        origin: origin of the request.
        user_id: the account.
        reason: for the audit trail.
        stop_work: also stop its unfinished pipelines and jobs; they can be resumed.

    Raises:
        NotFoundError: no such account.
        ConflictError: it is the admin's own account.
    """
    _check_other(admin, user_id)
    user = await find_user(session, user_id, lock=True)
    user.disabled_at = user.disabled_at or datetime.now(UTC)
    user.reset_hash = user.reset_expires_at = None
    keys, logins = await _delete_keys(session, user_id), await end_logins(session, user_id, "account disabled")
    told = {"reason": reason, "api_keys": keys, "logins": logins, "stopped_work": stop_work}
    _record(session, admin, user_id, "account_disabled", origin, **told)
    await session.commit()
    if stop_work:
        await _stop_work(session, user_id)
    return user


async def enable(session: AsyncSession, admin: User, origin: Origin, user_id: uuid.UUID) -> User:
    """Enable a disabled account; committed. Its API keys stay deleted.

    Raises:
        NotFoundError: no such account.
    """
    user = await find_user(session, user_id, lock=True)
    if user.disabled_at is not None:
        user.disabled_at = None
        _record(session, admin, user_id, "account_enabled", origin)
    await session.commit()
    return user


async def reset_password(
    session: AsyncSession, settings: Settings, admin: User, origin: Origin, user_id: uuid.UUID
) -> tuple[str, datetime]:
    """Invalidate password and logins; return a single-use token for a new password, and its expiry. Committed.

    Raises:
        NotFoundError: no such account.
        ConflictError: it is the admin's own account, or is disabled.
    """
    _check_other(admin, user_id)
    unusable = await hash_password(secrets.token_urlsafe(32))
    user = await find_user(session, user_id, lock=True)
    if user.disabled_at is not None:
        raise ConflictError("The account is disabled; enable it first.", code="account_disabled")
    token = RESET_PREFIX + secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + timedelta(seconds=settings.password_reset_s)
    user.password_hash, user.reset_hash, user.reset_expires_at = unusable, hash_token(token), expires_at
    logins = await end_logins(session, user_id, "password reset")
    _record(session, admin, user_id, "password_reset", origin, logins=logins)
    await session.commit()
    return token, expires_at


async def revoke_keys(session: AsyncSession, admin: User, origin: Origin, user_id: uuid.UUID) -> None:
    """Delete every API key of an account; committed.

    Raises:
        NotFoundError: no such account.
    """
    await find_user(session, user_id, lock=True)
    _record(session, admin, user_id, "api_keys_revoked", origin, api_keys=await _delete_keys(session, user_id))
    await session.commit()


async def revoke_key(session: AsyncSession, admin: User, origin: Origin, user_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Delete one API key of an account; committed.

    Raises:
        NotFoundError: no such account, or no such key of it.
    """
    await find_user(session, user_id)
    key = await find_key(session, user_id, key_id)
    await session.delete(key)
    _record(session, admin, user_id, "api_key_deleted", origin, name=key.name, start=key.start)
    await session.commit()


async def revoke_logins(session: AsyncSession, admin: User, origin: Origin, user_id: uuid.UUID) -> None:
    """End every login of an account; committed. Its keys stay.

    Raises:
        NotFoundError: no such account.
    """
    await find_user(session, user_id)
    logins = await end_logins(session, user_id, "ended by an admin")
    _record(session, admin, user_id, "logins_ended", origin, logins=logins)
    await session.commit()


def _check_other(admin: User, user_id: uuid.UUID) -> None:
    if admin.id == user_id:
        raise ConflictError("This is your own account; another admin can do this.", code="own_account")


def _record(
    session: AsyncSession, admin: User, user_id: uuid.UUID, action: Action, origin: Origin, **data: object
) -> None:
    record(session, user_id, action, origin, actor_id=admin.id, **data)


async def _delete_keys(session: AsyncSession, user_id: uuid.UUID) -> int:
    deleted = await session.scalars(delete(ApiKey).where(ApiKey.user_id == user_id).returning(ApiKey.id))
    return len(deleted.all())


async def _stop_work(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Stop pipelines first, because they would start further jobs; skip work that has ended meanwhile."""
    pipelines = select(Pipeline.id).where(Pipeline.user_id == user_id, Pipeline.status.in_(_UNFINISHED))
    jobs = select(Job.id).where(Job.user_id == user_id, Job.status.in_(ACTIVE))
    for query, stop in ((pipelines, stop_pipeline), (jobs, stop_job)):
        for each in (await session.scalars(query)).all():
            try:
                await stop(session, user_id, each)
            except (ConflictError, NotFoundError):
                await session.rollback()
