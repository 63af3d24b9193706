"""Slows guessers down: login attempts are counted in PostgreSQL, so that every replica sees them.

An attempt is counted before the password is checked, so that many at once gain nothing; a success takes it back.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import LoginThrottle
from services.errors import ThrottledError
from services.settings import Settings


async def count_attempt(session: AsyncSession, settings: Settings, account: str, address: str) -> None:
    """Count a login attempt, committed at once.

    Raises:
        ThrottledError: too many in this window, for the account from this address or from this address at all.
    """
    limits = {
        _account_key(account, address): settings.login_attempts,
        _address_key(address): settings.login_attempts_per_address,
    }
    waits = [await _count(session, settings, key, limit) for key, limit in sorted(limits.items())]
    await session.commit()
    wait = max(waits)
    if wait > 0:
        raise ThrottledError(
            f"Too many failed logins; try again in {wait} seconds.", code="login_throttled", retry_after_s=wait
        )


async def forget_attempts(session: AsyncSession, account: str, address: str) -> None:
    """After a success: the account's count from this address starts anew, and the address gets this attempt back."""
    await session.execute(delete(LoginThrottle).where(LoginThrottle.key == _account_key(account, address)))
    await session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.key == _address_key(address), LoginThrottle.attempts > 0)
        .values(attempts=LoginThrottle.attempts - 1)
    )


async def _count(session: AsyncSession, settings: Settings, key: str, limit: int) -> int:
    """Seconds to wait; 0 when the attempt is within the limit."""
    now = datetime.now(UTC)
    window = timedelta(seconds=settings.login_window_s)
    over = LoginThrottle.window_started_at < now - window
    statement = (
        insert(LoginThrottle)
        .values(key=key, attempts=1, window_started_at=now)
        .on_conflict_do_update(
            index_elements=[LoginThrottle.key],
            set_={
                "attempts": case((over, 1), else_=LoginThrottle.attempts + 1),
                "window_started_at": case((over, now), else_=LoginThrottle.window_started_at),
            },
        )
        .returning(LoginThrottle.attempts, LoginThrottle.window_started_at)
    )
    attempts, started_at = (await session.execute(statement)).one()
    if attempts <= limit:
        return 0
    return max(1, round((started_at + window - now).total_seconds()))


def _account_key(account: str, address: str) -> str:
    return _digest(f"account\n{account.lower()}\n{address}")


def _address_key(address: str) -> str:
    return _digest(f"address\n{address}")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
