"""API keys for programs that act for a user: shown once, stored as a hash, limited by an expiry and a scope."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast, get_args

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.auth.tokens import hash_token
from services.database.models import ApiKey, User
from services.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, UnauthenticatedError
from services.settings import Settings

Scope = Literal["read", "write", "admin"]
"""What a key may do: read; change its owner's resources; operate the platform. Each includes the ones before it."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
KEY_PREFIX: Final = "lim_"
MOST_KEYS: Final = 50
_SHOWN: Final = 12
_USE_NOTED_EVERY: Final = timedelta(minutes=1)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def owned_keys(user_id: uuid.UUID) -> Select[ApiKey]:
    """The keys of a user: ownership is part of every query."""
    return select(ApiKey).where(ApiKey.user_id == user_id)


def includes(scope: str, needed: Scope) -> bool:
    """Whether a key of this scope may do what requires the scope `needed`."""
    return SCOPES.index(needed) <= SCOPES.index(cast(Scope, scope))


async def create_key(
    session: AsyncSession,
    settings: Settings,
    user: User,
    key_id: uuid.UUID,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Create a key; return it and its secret, which is not stored. Not committed.

    Raises:
        InvalidRequestError: the expiry is in the past or exceeds the longest lifetime.
        ForbiddenError: the scope is admin, and the user is not an admin.
        ConflictError: the user has the maximum number of keys.
    """
    if scope == "admin" and user.role != "admin":
        raise ForbiddenError(
            "Only an admin can make a key of the scope admin; choose read or write.", code="admin_required"
        )
    expires_at = _checked_expiry(settings, expires_at)
    # Lock the user's row: two concurrent calls must not both create the last key allowed.
    await session.execute(select(User.id).where(User.id == user.id).with_for_update())
    count = await session.scalar(select(func.count()).select_from(owned_keys(user.id).subquery())) or 0
    if count >= MOST_KEYS:
        raise ConflictError(
            f"There are {count} API keys; at most {MOST_KEYS} are allowed: delete one.", code="too_many_api_keys"
        )
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        user_id=user.id,
        name=name,
        start=secret[:_SHOWN],
        key_hash=hash_token(secret),
        scope=scope,
        expires_at=expires_at,
    )
    session.add(key)
    await session.flush()
    return key, secret


async def find_key(session: AsyncSession, user_id: uuid.UUID, key_id: uuid.UUID) -> ApiKey:
    """A key of the user.

    Raises:
        NotFoundError: no such key, or another user's.
    """
    key = (await session.scalars(owned_keys(user_id).where(ApiKey.id == key_id))).one_or_none()
    if key is None:
        raise NotFoundError("There is no such API key.", code="api_key_not_found")
    return key


async def user_of_key(session: AsyncSession, secret: str) -> tuple[User, ApiKey]:
    """The owner of a secret's key, and the key; commits the time of its use, at most once a minute.

    Raises:
        UnauthenticatedError: the key is unknown, deleted or expired, or its owner is disabled.
    """
    now = datetime.now(UTC)
    row = (
        await session.execute(
            select(User, ApiKey)
            .join(ApiKey, ApiKey.user_id == User.id)
            .where(ApiKey.key_hash == hash_token(secret), ApiKey.expires_at > now, User.disabled_at.is_(None))
        )
    ).one_or_none()
    if row is None:
        raise UnauthenticatedError("The API key is not valid: unknown, deleted or expired.", code="api_key_invalid")
    user, key = row
    if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
        await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))
        await session.commit()
    return user, key


def _checked_expiry(settings: Settings, expires_at: datetime | None) -> datetime:
    now = datetime.now(UTC)
    if expires_at is None:
        return now + timedelta(seconds=settings.api_key_s)
    if expires_at <= now:
        raise InvalidRequestError.of([Fault("expires_at", "lies in the past; give a later time, or none")])
    latest = now + timedelta(seconds=settings.max_api_key_s)
    if expires_at > latest + _CLOCKS_DIFFER:
        raise InvalidRequestError.of(
            [Fault("expires_at", f"is too late; keys may be good until {latest:%Y-%m-%d %H:%M} UTC")]
        )
    return expires_at
