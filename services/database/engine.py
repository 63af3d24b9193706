"""Connections to PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import event
from sqlalchemy.engine import AdaptedConnection, Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from services.errors import UnavailableError

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
_TRUSTED_S = 5.0
"""A connection that was idle for longer is pinged before use."""

# SQLSTATE classes and codes that say "not now" rather than "wrong": connection exceptions, insufficient resources,
# operator intervention (shutdown, crash, starting up), serialization failures and deadlocks.
_TRANSIENT_STATES = ("08", "53", "57P", "40001", "40P01", "55P03", "57014")

AsyncpgConnection = Any  # asyncpg ships no types
Sessions = async_sessionmaker[AsyncSession]


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine that checks connections before use, so that callers do not notice a restart of the server."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,  # SQLAlchemy closes overflow connections after use, and connecting costs more than a request
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_use_lifo=True,  # few connections do most of the work: their statements are prepared and planned already
        json_deserializer=from_json,  # half of json.loads' time
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"application_name": "less-is-more", "timezone": "UTC"},
        },
    )
    _check_connections(engine)
    return engine


def _check_connections(engine: AsyncEngine) -> None:
    """Before each use, check whether the server has closed the connection, which is free; ping only after idle time.

    SQLAlchemy's own check (`pool_pre_ping`) takes three round trips each time, as many as a whole request.
    """
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    def returned(_: AdaptedConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["returned_s"] = time.monotonic()

    def taken(connection: AdaptedConnection, record: ConnectionPoolEntry, _: object) -> None:
        now_s = time.monotonic()
        idle_s = now_s - record.info.get("returned_s", now_s)
        if connection.driver_connection.is_closed() or (idle_s > _TRUSTED_S and not _answers(dialect, connection)):
            raise InvalidatePoolError("the server has closed the connection")

    event.listen(pool, "checkin", returned)
    event.listen(pool, "checkout", taken)


def _answers(dialect: Dialect, connection: Any) -> bool:
    try:
        return bool(dialect.do_ping(connection))
    except (dialect.loaded_dbapi.Error, OSError, TimeoutError):
        return False


def create_sessions(engine: AsyncEngine) -> Sessions:
    """A factory of sessions; objects stay readable after a commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


_EACH_BY_ITSELF: Final = {"isolation_level": "AUTOCOMMIT"}


@asynccontextmanager
async def open_connection(engine: AsyncEngine) -> AsyncIterator[AsyncpgConnection]:
    """Yield an asyncpg connection from the shared pool, outside any transaction; do not begin one.

    Raises:
        UnavailableError: PostgreSQL cannot be reached.
    """
    try:
        connection = await engine.raw_connection()
    except (OSError, TimeoutError, PoolTimeoutError) as error:
        raise database_unavailable() from error
    except engine.dialect.loaded_dbapi.Error as error:  # here SQLAlchemy does not wrap the driver's errors
        state = str(getattr(error, "sqlstate", "") or "")
        if state and not is_transient_state(state):
            raise
        raise database_unavailable() from error
    try:
        yield connection.driver_connection
    finally:
        connection.close()  # needs no await: there is no transaction to roll back


@asynccontextmanager
async def open_session(sessions: Sessions, *, reads: bool = False) -> AsyncIterator[AsyncSession]:
    """Yield a session that is already connected; rolled back unless committed.

    Args:
        sessions: session factory of the database.
        reads: only reads, or writes that need not be atomic: no transaction is begun and ended, which saves two
            round trips. Under PostgreSQL's READ COMMITTED each statement sees what is committed in any case.

    Raises:
        UnavailableError: PostgreSQL cannot be reached, now or while the session is open.
    """
    try:
        async with sessions() as session:  # closing it rolls back, which needs the server too
            try:
                await session.connection(execution_options=_EACH_BY_ITSELF if reads else None)
            except (OSError, PoolTimeoutError) as error:
                raise database_unavailable() from error
            yield session
    except DBAPIError as error:
        if is_transient(error):
            raise database_unavailable() from error
        raise
    except (TimeoutError, ConnectionError) as error:  # raised by asyncpg itself; SQLAlchemy does not wrap them
        raise database_unavailable() from error


def is_transient(error: DBAPIError) -> bool:
    """Whether the same statement may succeed later."""
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return is_transient_state(state) or (isinstance(error, OperationalError) and not state)


def is_transient_state(sqlstate: str) -> bool:
    """Whether PostgreSQL says "not now" rather than "wrong"."""
    return sqlstate.startswith(_TRANSIENT_STATES)


def database_unavailable() -> UnavailableError:
    """The error for clients while PostgreSQL is unreachable."""
    return UnavailableError("The database cannot be reached now; try again.", code="database_unavailable")
