"""API keys: for programs that work in a user's name. Shown once, kept as a hash."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.auth.tokens import hash_token
from services.database.models import ApiKey, User
from services.errors import ConflictError, InvalidRequestError, NotFoundError, UnauthenticatedError

KEY_PREFIX: Final = "lim_"
MOST_KEYS: Final = 50
_SHOWN: Final = 12
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


def owned_keys(user_id: uuid.UUID) -> Select[ApiKey]:
    """The keys of a user: ownership is part of every query."""
    return select(ApiKey).where(ApiKey.user_id == user_id)


async def create_key(
    session: AsyncSession, user: User, key_id: uuid.UUID, name: str, expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not kept; not committed.

    Raises:
        InvalidRequestError: it would have expired already.
        ConflictError: the user has as many as are allowed.
    """
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidRequestError.of([Fault("expires_at", "lies in the past; give a later time, or none")])
    # The user's row is locked: two calls at once do not both find room for the last one.
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
    """Whose key it is; that it was used is noted once a minute, and committed.

    Raises:
        UnauthenticatedError: unknown, deleted or expired.
    """
    now = datetime.now(UTC)
    row = (
        await session.execute(
            select(User, ApiKey)
            .join(ApiKey, ApiKey.user_id == User.id)
            .where(ApiKey.key_hash == hash_token(secret), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now))
        )
    ).one_or_none()
    if row is None:
        raise UnauthenticatedError("The API key is not valid: unknown, deleted or expired.", code="api_key_invalid")
    user, key = row
    if key.last_used_at is None or key.last_used_at < now - _USE_NOTED_EVERY:
        await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))
        await session.commit()
    return user, key
