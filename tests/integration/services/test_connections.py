"""Connections to PostgreSQL are checked before use, and what only reads begins no transaction."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.database import engine as engines
from services.database.embedded import EmbeddedPostgres
from services.database.engine import create_engine, create_sessions, open_connection, open_session
from services.errors import UnavailableError

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


@pytest.mark.parametrize(("state", "is_told"), [("57P03", True), ("08006", True), ("28P01", False)])
async def test_a_server_that_starts_up_cannot_be_reached_yet(state: str, is_told: bool) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(200)
        fields = f"SFATAL\0VFATAL\0C{state}\0Mnot now\0\0".encode()
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        engine = create_engine(f"postgresql+asyncpg://ada:secret@127.0.0.1:{port}/lim?ssl=disable")
        with pytest.raises(UnavailableError if is_told else engine.dialect.loaded_dbapi.Error):
            async with open_connection(engine):
                pass
        await engine.dispose()
