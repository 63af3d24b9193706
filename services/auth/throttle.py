"""Throttling of logins, sign-ups and refreshes: attempts are counted in PostgreSQL, so that every replica sees them.

An attempt is counted before the password is checked, so that concurrent attempts gain nothing; a success is taken back.
An "address" here is an IPv4 address or an IPv6 /64 network, which is what a provider assigns to one customer.

A login is limited by four counts (ADR 32): of the account from the address; of the address; and, for addresses
without an earlier login to the account, of the address within a day, and of all such addresses together. The last count
never locks a user out permanently: turns become available one by one, an address can take only a few of them,
and known addresses need none.
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
"""Age, in seconds, from which a count is obsolete."""
_HOUR_S: Final = 3600
_SUCCESSES: Final = 6
"""Logins allowed per window, as a multiple of the failures allowed: successful ones cost a password check too."""
_TRIES_OF_STRANGERS: Final = 5
"""Attempts allowed per day from an unknown address, as a multiple of the failures allowed per window."""
_TURNS: Final = 3
"""Turns that one unknown address can take per day of those that an account has for all unknown addresses."""
_IPV6_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password attempt that was admitted."""

    account: str
    network: str
    is_known: bool
    """Whether somebody has logged in to the account from the network before."""


def network_of(address: str) -> str:
    """The network that counts as one sender: an IPv4 address or an IPv6 /64; any other text is returned unchanged."""
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
    """Count a password attempt; committed.

    Args:
        session: database session.
        settings: settings with the limits.
        user_id: the account; None if it does not exist.
        name: the account's name as given; counted if the account does not exist.
        address: address of the sender.

    Raises:
        ThrottledError: too many attempts; says when to retry.
    """
    account = f"user {user_id}" if user_id else f"name {name.lower()}"
    network = network_of(address)
    attempt = Attempt(account, network, user_id is not None and await _is_known(session, user_id, address))
    window_s, most = settings.login_window_s, settings.login_attempts
    # Always in this order, so that concurrent attempts do not deadlock.
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
    """After a success: reset the account's counts from this address, and take the attempt off the other counts."""
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key == _guesses(attempt)))
    await _give_back(session, _key("address", attempt.network))
    if not attempt.is_known:
        await session.execute(delete(LoginThrottle).where(LoginThrottle.key == _stranger(attempt)))
        await _give_back(session, _strangers(attempt))


async def count_sign_up(session: AsyncSession, settings: Settings, address: str) -> None:
    """Count an attempt to sign up; committed.

    Raises:
        ThrottledError: too many from this address within an hour.
    """
    key = _key("sign-up", network_of(address))
    wait = await _count(session, key, settings.signups_per_address, _HOUR_S)
    await _settle(session, wait, "accounts from this address", "signup_throttled")


async def count_refresh(session: AsyncSession, settings: Settings, address: str) -> None:
    """Count a refresh or a logout; committed.

    Raises:
        ThrottledError: too many from this address within a window.
    """
    key = _key("refresh", network_of(address))
    wait = await _count(session, key, settings.refreshes_per_address, settings.login_window_s)
    await _settle(session, wait, "refreshes from this address", "refresh_throttled")


async def count_refresh_of(session: AsyncSession, settings: Settings, login_id: uuid.UUID) -> None:
    """Count a refresh of a login, whose tokens are stored for weeks; committed only if the refresh is rejected.

    Raises:
        ThrottledError: too many within a window; the refresh token stays valid.
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
    """Whether the audit trail has a login or the sign-up of the user from this address."""
    entries = select(AuditEvent.address).where(
        AuditEvent.user_id == user_id, AuditEvent.action.in_(("signed_up", "logged_in"))
    )
    if ":" not in address:
        return bool(await session.scalar(select(exists(entries.where(AuditEvent.address == address)))))
    others = await session.scalars(entries.where(AuditEvent.address.contains(":")).distinct())
    return network_of(address) in {network_of(other) for other in others if other}


async def _count_stranger(session: AsyncSession, settings: Settings, attempt: Attempt) -> int:
    """Count an attempt from an address that is unknown to the account; return the seconds to wait, 0 if admitted.

    All unknown addresses share a number of turns per day, plus one more for each login window. Each of the first
    `_TURNS` attempts of an address takes a turn; its later attempts take none, but are rejected while all turns are
    used up. To lock out an owner at a new address, an attacker therefore needs a large number of addresses.
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
    """Take a turn; return 0, or the seconds until one is free. Rejections are not counted and never extend the wait."""
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
    """Count an attempt; return the seconds to wait, 0 within the limit."""
    return (await _counted(session, key, limit, window_s))[1]


async def _counted(session: AsyncSession, key: str, limit: int, window_s: int) -> tuple[int, int]:
    """Count an attempt; return the attempts in this window, and the seconds to wait, 0 within the limit."""
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
