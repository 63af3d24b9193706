"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from services.errors import UnavailableError

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0

# SQLSTATE classes and codes that say "not now" rather than "wrong": connection exceptions, insufficient resources,
# operator intervention (shutdown, crash, starting up), serialization failures and deadlocks.
_TRANSIENT_STATES = ("08", "53", "57P", "40001", "40P01", "55P03", "57014")

Sessions = async_sessionmaker[AsyncSession]


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine whose connections are checked before use, so that a restarted server is not noticed."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"application_name": "less-is-more", "timezone": "UTC"},
        },
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    """A factory of sessions; objects stay readable after a commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def open_session(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """A session that has its connection; rolled back unless committed.

    Raises:
        UnavailableError: PostgreSQL cannot be reached, now or on the way.
    """
    async with sessions() as session:
        try:
            await session.connection()
        except (OSError, TimeoutError, PoolTimeoutError, DBAPIError) as error:
            if isinstance(error, DBAPIError) and not is_transient(error):
                raise
            raise database_unavailable() from error
        try:
            yield session
        except DBAPIError as error:
            if is_transient(error):
                raise database_unavailable() from error
            raise
        except (TimeoutError, ConnectionError) as error:  # asyncpg's own, which SQLAlchemy lets through
            raise database_unavailable() from error


def is_transient(error: DBAPIError) -> bool:
    """Whether the same statement may succeed later."""
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if state.startswith(_TRANSIENT_STATES):
        return True
    return isinstance(error, OperationalError) and not state


def database_unavailable() -> UnavailableError:
    """What a client is told while PostgreSQL is away."""
    return UnavailableError("The database cannot be reached now; try again.", code="database_unavailable")
