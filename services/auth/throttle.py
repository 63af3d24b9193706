"""Slows guessers down: attempts are counted in PostgreSQL, so that every replica sees them.

An attempt is counted before the password is checked, so that many at once gain nothing; a success takes it back. What
is called an address here is an IPv4 address or an IPv6 network of 64 bits, which one customer of a provider has.

Four counts meet at a log-in (ADR 32): of the account from the address, of the address, and, where nobody has logged in
to the account from the address before, of the address in a day and of all such addresses together. The last one never
shuts anybody out for good: turns come back one by one, an address takes few of them, and known addresses need none.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, exists, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import AuditEvent, LoginThrottle
from services.errors import ThrottledError
from services.settings import Settings

LONGEST_WINDOW_S: Final = 86400
"""Counts that are older than this, in seconds, count no more."""
_HOUR_S: Final = 3600
_SUCCESSES: Final = 6
"""Log-ins that may succeed for each failure that is allowed: each costs the work of a password."""
_TRIES_OF_STRANGERS: Final = 5
"""Times the failures that an account allows an address in a window: as many in a day, of an address that is not known."""
_TURNS: Final = 3
"""Of those that an account has for all unknown addresses, an address takes as many in a day."""
_IPV6_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess at a password that was let in."""

    account: str
    network: str
    is_known: bool
    """Whether somebody has logged in to the account from there before."""


def network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address, 64 bits of an IPv6 address; what is neither is itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, _IPV6_BITS), strict=False))


async def count_attempt(
    session: AsyncSession, settings: Settings, user_id: uuid.UUID | None, name: str, address: str
) -> Attempt:
    """Count a guess at a password, committed at once.

    Args:
        session: of the database.
        settings: with the limits.
        user_id: whose password; None: there is no such account.
        name: what was given for the account; it counts where there is none.
        address: who guesses.

    Raises:
        ThrottledError: too many; says when to come back.
    """
    account = f"user {user_id}" if user_id else f"name {name.lower()}"
    network = network_of(address)
    attempt = Attempt(account, network, user_id is not None and await _is_known(session, user_id, address))
    window_s, most = settings.login_window_s, settings.login_attempts
    # Always in this order: two attempts do not wait for each other.
    wait = max(
        await _count(session, _guesses(attempt), most, window_s),
        await _count(session, _key("log-ins", account, network), most * _SUCCESSES, window_s),
        await _count(session, _key("address", network), settings.login_attempts_per_address, window_s),
    )
    if wait == 0 and not attempt.is_known:
        wait = await _count_stranger(session, settings, attempt)
    await session.commit()
    if wait > 0:
        raise ThrottledError(
            f"Too many failed logins; try again in {wait} seconds.", code="login_throttled", retry_after_s=wait
        )
    return attempt


async def forgive(session: AsyncSession, attempt: Attempt) -> None:
    """After a success: the account's counts from this address start anew, and others get this attempt back."""
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key == _guesses(attempt)))
    await _give_back(session, _key("address", attempt.network))
    if not attempt.is_known:
        await session.execute(delete(LoginThrottle).where(LoginThrottle.key == _stranger(attempt)))
        await _give_back(session, _strangers(attempt))


async def count_sign_up(session: AsyncSession, settings: Settings, address: str) -> None:
    """Count an attempt to sign up, committed at once.

    Raises:
        ThrottledError: too many from this address within an hour.
    """
    key = _key("sign-up", network_of(address))
    wait = await _count(session, key, settings.signups_per_address, _HOUR_S)
    await _settle(session, wait, "accounts from this address", "signup_throttled")


async def count_refresh(session: AsyncSession, settings: Settings, address: str) -> None:
    """Count a refresh or the end of a login, committed at once.

    Raises:
        ThrottledError: too many from this address within a window.
    """
    key = _key("refresh", network_of(address))
    wait = await _count(session, key, settings.refreshes_per_address, settings.login_window_s)
    await _settle(session, wait, "refreshes from this address", "refresh_throttled")


async def count_refresh_of(session: AsyncSession, settings: Settings, login_id: uuid.UUID) -> None:
    """Count a refresh of a login, not committed unless it is refused: its tokens are kept for weeks.

    Raises:
        ThrottledError: too many within a window; the refresh token is still good.
    """
    key = _key("refresh of", str(login_id))
    wait = await _count(session, key, settings.refreshes_per_login, settings.login_window_s)
    if wait > 0:
        await _settle(session, wait, "refreshes of this login", "refresh_throttled")


async def _settle(session: AsyncSession, wait: int, what: str, code: str) -> None:
    await session.commit()
    if wait > 0:
        raise ThrottledError(f"Too many {what}; try again in {wait} seconds.", code=code, retry_after_s=wait)


async def _is_known(session: AsyncSession, user_id: uuid.UUID, address: str) -> bool:
    """Whether the trail has a log-in of the user from there."""
    entries = select(AuditEvent.address).where(
        AuditEvent.user_id == user_id, AuditEvent.action.in_(("signed_up", "logged_in"))
    )
    if ":" not in address:
        return bool(await session.scalar(select(exists(entries.where(AuditEvent.address == address)))))
    others = await session.scalars(entries.where(AuditEvent.address.contains(":")).distinct())
    return network_of(address) in {network_of(other) for other in others if other}


async def _count_stranger(session: AsyncSession, settings: Settings, attempt: Attempt) -> int:
    """Seconds to wait for who guesses from an address that the account does not know; 0: not at all.

    A day has so many turns for all such addresses at once, and one more with each window of time. An address takes the
    first few of its guesses from them, and has none left while they are used up: whoever wants to take all of them, and
    so keep the owner out who has come to a new place, needs another address for each.
    """
    tries = settings.login_attempts * _TRIES_OF_STRANGERS
    attempts, wait = await _counted(session, _stranger(attempt), tries, LONGEST_WINDOW_S)
    if wait > 0:
        return wait
    if attempts <= _TURNS:
        return await _take_turn(session, settings, _strangers(attempt))
    row = await session.get(LoginThrottle, _strangers(attempt))
    if row is None or row.attempts < settings.login_attempts_per_account:
        return 0
    return max(0, _left_s(row.window_started_at, LONGEST_WINDOW_S))


async def _take_turn(session: AsyncSession, settings: Settings, key: str) -> int:
    """Seconds until there is one; 0: it is taken. A refusal is not counted: it does not make the wait longer."""
    now = datetime.now(UTC)
    most, every_s = settings.login_attempts_per_account, settings.login_window_s
    over = LoginThrottle.window_started_at < now - timedelta(seconds=LONGEST_WINDOW_S)
    passed_s = extract("epoch", now - LoginThrottle.window_started_at)
    statement = _upsert(key, over, now, where=or_(over, LoginThrottle.attempts < most + func.floor(passed_s / every_s)))
    if (await session.execute(statement)).one_or_none() is not None:
        return 0
    row = await session.get_one(LoginThrottle, key)
    return max(1, _left_s(row.window_started_at, (row.attempts - most + 1) * every_s))


async def _count(session: AsyncSession, key: str, limit: int, window_s: int) -> int:
    """Seconds to wait; 0 when the attempt is within the limit."""
    return (await _counted(session, key, limit, window_s))[1]


async def _counted(session: AsyncSession, key: str, limit: int, window_s: int) -> tuple[int, int]:
    """The attempts in this window, with this one; seconds to wait, 0 when it is within the limit."""
    now = datetime.now(UTC)
    over = LoginThrottle.window_started_at < now - timedelta(seconds=window_s)
    attempts, started_at = (await session.execute(_upsert(key, over, now))).one()
    return attempts, 0 if attempts <= limit else max(1, _left_s(started_at, window_s))


def _upsert(key: str, over: ColumnElement[bool], now: datetime, where: ColumnElement[bool] | None = None) -> Any:
    return (
        insert(LoginThrottle)
        .values(key=key, attempts=1, window_started_at=now)
        .on_conflict_do_update(
            index_elements=[LoginThrottle.key],
            set_={
                "attempts": case((over, 1), else_=LoginThrottle.attempts + 1),
                "window_started_at": case((over, now), else_=LoginThrottle.window_started_at),
            },
            where=where,
        )
        .returning(LoginThrottle.attempts, LoginThrottle.window_started_at)
    )


async def _give_back(session: AsyncSession, key: str) -> None:
    await session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.key == key, LoginThrottle.attempts > 0)
        .values(attempts=LoginThrottle.attempts - 1)
    )


def _left_s(started_at: datetime, window_s: float) -> int:
    return round((started_at + timedelta(seconds=window_s) - datetime.now(UTC)).total_seconds())


def _guesses(attempt: Attempt) -> str:
    return _key("account", attempt.account, attempt.network)


def _stranger(attempt: Attempt) -> str:
    return _key("stranger", attempt.account, attempt.network)


def _strangers(attempt: Attempt) -> str:
    return _key("strangers", attempt.account)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
