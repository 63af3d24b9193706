"""The listener outlives what a server that goes away does to it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from services.database import notify


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.CannotConnectNowError("the database system is shutting down"),
    ],
)
def test_the_listener_tries_again_whatever_broke_off(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    calls = 0

    async def connect(**arguments: Any) -> None:
        nonlocal calls
        calls += 1
        raise error

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(notify, "_RECONNECT_S", 0.0)

    async def listen() -> None:
        listener = notify.Listener("postgresql+asyncpg://nobody@localhost/none", notify.EVENTS)
        with listener.subscribed("job"):
            while calls < 3:
                await asyncio.sleep(0)
        await listener.close()

    asyncio.run(asyncio.wait_for(listen(), 10.0))
    assert calls >= 3
