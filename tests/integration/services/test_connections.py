"""Connections to PostgreSQL are checked before use, and what only reads begins no transaction."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.database import engine as engines
from services.database.embedded import EmbeddedPostgres
from services.database.engine import create_engine, create_sessions, open_session

BACKEND = text("SELECT pg_backend_pid()")


async def backend(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(BACKEND) or 0)


@pytest.mark.parametrize("trusted_s", [5.0, -1.0])
async def test_a_connection_that_the_server_has_closed_is_replaced(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, trusted_s: float
) -> None:
    monkeypatch.setattr(engines, "_TRUSTED_S", trusted_s)
    engine, other = create_engine(postgres.url, pool_size=1), create_engine(postgres.url, pool_size=1)
    first = await backend(engine)
    assert await backend(engine) == first
    async with other.connect() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
    assert await backend(engine) != first
    await engine.dispose()
    await other.dispose()


async def test_what_only_reads_begins_no_transaction_and_the_next_one_does(postgres: EmbeddedPostgres) -> None:
    engine = create_engine(postgres.url, pool_size=1)
    sessions = create_sessions(engine)
    number = text("SELECT txid_current()")
    async with open_session(sessions, reads=True) as session:
        pid = await session.scalar(BACKEND)
        assert await session.scalar(number) != await session.scalar(number)
    async with open_session(sessions) as session:
        assert await session.scalar(BACKEND) == pid
        assert await session.scalar(number) == await session.scalar(number)
        await session.execute(text("CREATE TABLE half_done (id int)"))
    async with open_session(sessions, reads=True) as session:
        assert await session.scalar(text("SELECT to_regclass('half_done')")) is None
    await engine.dispose()
