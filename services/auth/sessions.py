"""Logins and their refresh tokens: each token is replaced when it is used; later reuse revokes the whole login.

Within a grace of some seconds a used token may be sent again, as by two tabs of a browser or after a lost answer. The
answer has the newest token of the login, never a second valid one, so that a thief and the owner cannot both go on: one
of them is the later user of a token, which ends the login (docs/adr/0059).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import throttle
from services.auth.audit import Origin, record
from services.auth.tokens import AccessClaims, hash_token, issue_access_token, new_refresh_token, successor_of
from services.database.engine import AsyncpgConnection
from services.database.models import LoginSession, RefreshToken, User
from services.database.prepared import Prepared
from services.errors import UnauthenticatedError
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Result of a login or a refresh."""

    access_token: str
    refresh_token: str
    expires_in: int


# Used by nearly every request, so built once.
_FIND_USER: Final = (
    select(User)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        User.id == bindparam("user"),
        User.disabled_at.is_(None),
        LoginSession.id == bindparam("login"),
        LoginSession.revoked_at.is_(None),
        LoginSession.expires_at > func.now(),
    )
)


_FIND_USER_ID: Final = Prepared(_FIND_USER.with_only_columns(User.id, maintain_column_froms=True))


async def open_login(session: AsyncSession, settings: Settings, user: User) -> TokenPair:
    """Start a login for the user; not committed."""
    login = LoginSession(id=uuid.uuid4(), user_id=user.id, expires_at=_refresh_expiry(settings))
    session.add(login)
    await session.flush()
    refresh_token = new_refresh_token()
    _keep(session, settings, login, refresh_token)
    return _pair(settings, login, refresh_token)


async def rotate(
    session: AsyncSession, settings: Settings, refresh_token: str, origin: Origin | None = None
) -> TokenPair:
    """Exchange a refresh token for a new pair; committed.

    Raises:
        UnauthenticatedError: the token is unknown, expired, revoked, or was used before the grace (which revokes its
            login).
        ThrottledError: the login has been refreshed too often; the token stays valid.
    """
    now = datetime.now(UTC)
    token = await session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == hash_token(refresh_token)).with_for_update()
    )
    login = await session.get(LoginSession, token.family_id, with_for_update=True) if token else None
    if token is None or login is None or login.revoked_at is not None:
        raise _refused()
    newest = await _newest(session, settings, token, refresh_token, now) if token.used_at is not None else None
    if token.used_at is not None and newest is None:
        login.revoked_at = now
        login.revoked_because = "refresh token used twice"
        record(session, login.user_id, "refresh_token_reused", origin)
        await session.commit()
        raise _refused()
    if token.expires_at <= now or login.expires_at <= now:
        raise _refused()
    await throttle.count_refresh_of(session, settings, login.id)
    if newest is None:
        token.used_at = now
        login.expires_at = _refresh_expiry(settings)
        newest = successor_of(settings, refresh_token)
        _keep(session, settings, login, newest)
    pair = _pair(settings, login, newest)
    await session.commit()
    return pair


async def revoke(session: AsyncSession, refresh_token: str, origin: Origin | None = None) -> None:
    """End the login of a refresh token; an unknown token is ignored. Committed."""
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == hash_token(refresh_token))
    ended = await session.execute(
        update(LoginSession)
        .where(LoginSession.id.in_(family), LoginSession.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC), revoked_because="logged out")
        .returning(LoginSession.user_id)
    )
    for user_id in ended.scalars():
        record(session, user_id, "logged_out", origin)
    await session.commit()


async def end_logins(session: AsyncSession, user_id: uuid.UUID, because: str, but: uuid.UUID | None = None) -> int:
    """End every login of a user except `but`; return how many ended. Not committed."""
    ended = await session.scalars(
        update(LoginSession)
        .where(
            LoginSession.user_id == user_id, LoginSession.id.is_distinct_from(but), LoginSession.revoked_at.is_(None)
        )
        .values(revoked_at=datetime.now(UTC), revoked_because=because)
        .returning(LoginSession.id)
    )
    return len(ended.all())


async def find_user(session: AsyncSession, claims: AccessClaims) -> User:
    """The user of an access token whose login is still valid.

    Raises:
        UnauthenticatedError: the login was revoked or has expired, or the user is gone or disabled.
    """
    user = await session.scalar(_FIND_USER, {"user": claims.user_id, "login": claims.session_id})
    if user is None:
        raise _login_ended()
    return user


async def find_user_id(connection: AsyncpgConnection, claims: AccessClaims) -> uuid.UUID:
    """The id of the user of an access token whose login is still valid.

    Raises:
        UnauthenticatedError: the login was revoked or has expired, or the user is gone or disabled.
        UnavailableError: PostgreSQL cannot be reached.
    """
    found = await _FIND_USER_ID.rows(connection, {"user": claims.user_id, "login": claims.session_id})
    if not found:
        raise _login_ended()
    return uuid.UUID(bytes=found[0]["id"].bytes)  # asyncpg has its own UUID class


async def _newest(
    session: AsyncSession, settings: Settings, token: RefreshToken, refresh_token: str, now: datetime
) -> str | None:
    """The newest refresh token after one that was used within the grace; None: the grace is over.

    The login is locked, so that none of its tokens is used meanwhile.
    """
    if token.used_at is None or now - token.used_at >= timedelta(seconds=settings.refresh_grace_s):
        return None
    of_login = select(RefreshToken).where(RefreshToken.family_id == token.family_id)
    following: RefreshToken | None = token
    while following is not None and following.used_at is not None:
        refresh_token = successor_of(settings, refresh_token)
        following = await session.scalar(of_login.where(RefreshToken.token_hash == hash_token(refresh_token)))
    return refresh_token if following is not None else None  # None: the platform's secret has changed


def _keep(session: AsyncSession, settings: Settings, login: LoginSession, refresh_token: str) -> None:
    expires_at = _refresh_expiry(settings)
    session.add(RefreshToken(family_id=login.id, token_hash=hash_token(refresh_token), expires_at=expires_at))


def _pair(settings: Settings, login: LoginSession, refresh_token: str) -> TokenPair:
    access_token = issue_access_token(settings, AccessClaims(login.user_id, login.id))
    return TokenPair(access_token, refresh_token, settings.access_token_s)


def _refresh_expiry(settings: Settings) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=settings.refresh_token_s)


def _login_ended() -> UnauthenticatedError:
    return UnauthenticatedError("This login has ended; log in again.", code="login_ended")


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("The refresh token is not valid; log in again.", code="refresh_token_invalid")
