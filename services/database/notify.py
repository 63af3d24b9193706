"""PostgreSQL's LISTEN and NOTIFY: wake waiters in any process when something changes.

Waiters also poll, so a lost notification only delays them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

WORK: Final = "lim_work"
"""Something waits for the reconciler: a queued or stopping job, an uploaded or deleted dataset."""
EVENTS: Final = "lim_events"
"""A job has new events; the payload is its id."""
NOTIFICATIONS: Final = "lim_notifications"
"""A user has new notifications; the payload is the user's id."""
CHANGES: Final = "lim_changes"
"""A resource of a user has changed; the payload is the user's id. Triggers send it (migration 0022)."""

_RECONNECT_S: Final = 1.0
# If the server goes away in the middle of an exchange, asyncpg raises client errors of its own.
_BROKEN_OFF: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_log = logging.getLogger(__name__)


async def notify(session: AsyncSession, channel: str, payload: str = "") -> None:
    """Notify the channel when this transaction commits."""
    await session.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})


class Listener:
    """One connection that listens on a channel for all waiters of this process; connects at the first wait."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.told = 0
        """Number of notifications received, of any payload: reads at different counts may see different data."""
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def subscribed(self, payload: str = "") -> Iterator[asyncio.Event]:
        """Yield an event that is set on each notification with this payload; clear it before reading changes."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen(), name=f"listen {self._channel}")
        event = asyncio.Event()
        self._waiting.setdefault(payload, set()).add(event)
        try:
            yield event
        finally:
            waiting = self._waiting[payload]
            waiting.discard(event)
            if not waiting:
                del self._waiting[payload]

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        url = make_url(self._url)
        _, arguments = url.get_dialect()().create_connect_args(url)
        while True:
            try:
                await self._listen_once(dict(arguments))
            except _BROKEN_OFF as error:
                _log.info("listening on %s broke off, again in %.0f s: %s", self._channel, _RECONNECT_S, error)
            await asyncio.sleep(_RECONNECT_S)

    async def _listen_once(self, arguments: dict[str, Any]) -> None:
        connection = await asyncpg.connect(**arguments, timeout=5.0)
        try:
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _: closed.set())
            await connection.add_listener(self._channel, lambda *told: self._wake(str(told[3])))
            self._wake_all()  # what was notified before is not known
            await closed.wait()
        finally:
            if not connection.is_closed():
                connection.terminate()

    def _wake(self, payload: str) -> None:
        self.told += 1
        for event in self._waiting.get(payload, ()):
            event.set()

    def _wake_all(self) -> None:
        for payload in list(self._waiting):
            self._wake(payload)


async def wait_for(event: asyncio.Event, timeout_s: float) -> None:
    """Wait until the event is set or the timeout expires, then clear the event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):  # asyncio.wait_for creates a task each time
            await event.wait()
    event.clear()
