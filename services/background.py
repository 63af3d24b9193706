"""Background tasks of the hub: each runs in its own loop with a time limit per round, so none delays another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.database.engine import Sessions, open_session
from services.database.heartbeats import beat, forget_others
from services.database.notify import Listener, wait_for
from services.observability import metrics

ROUND_LIMIT_S: Final = 120.0
"""Default time limit of a round, in seconds; a round that exceeds it is cancelled, and the next one follows."""
_BEAT_S: Final = 5.0
"""Minimum interval, in seconds, between two heartbeats of a task that succeeds, and between two counts of rows."""
_WATCH_S: Final = 1.0
_PAUSE_S: Final = 0.02
"""Minimum pause between two rounds, in seconds, however often the task is woken."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """Work that is done in repeated rounds."""

    name: str
    round: Callable[[], Awaitable[None]]
    """One pass over all pending work. Must not block the event loop with long computations."""
    period_s: float
    """Longest pause between two rounds, in seconds; a notification ends it early."""
    limit_s: float = ROUND_LIMIT_S
    """Time limit of one round, in seconds."""


class Background:
    """Runs tasks, records their heartbeats in PostgreSQL, and exports how late each task is."""

    def __init__(self, sessions: Sessions, work: Listener, tasks: Sequence[BackgroundTask]) -> None:
        """Register tasks; `start` starts them.

        Args:
            sessions: sessions of the database that holds the heartbeats.
            work: wakes every task when there is something to do.
            tasks: tasks with unique names.
        """
        self._sessions = sessions
        self._work = work
        self._tasks = tasks
        self._beat_at: dict[str, float] = {}
        self._finished_at: dict[str, float] = {}
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start one loop for each task, and one that monitors them."""
        now_s = time.monotonic()
        self._finished_at = {task.name: now_s for task in self._tasks}
        self._loops = [asyncio.create_task(self._keep_going(task), name=task.name) for task in self._tasks]
        self._loops.append(asyncio.create_task(self._watch(), name="watch"))

    async def close(self) -> None:
        """Cancel all loops, and wait until they have ended."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    def late_s(self) -> dict[str, float]:
        """Seconds since the last successful round of each task."""
        now_s = time.monotonic()
        return {name: now_s - finished_s for name, finished_s in self._finished_at.items()}

    async def _keep_going(self, task: BackgroundTask) -> None:
        with self._work.subscribed() as changed:
            while True:
                changed.clear()
                await self._run(task)
                await asyncio.sleep(_PAUSE_S)
                await wait_for(changed, task.period_s)

    async def _run(self, task: BackgroundTask) -> None:
        """Run one round. Errors and timeouts are logged and recorded, not raised, so that the loop continues."""
        fault: BaseException | None = None
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(task.limit_s):
                await task.round()
        except TimeoutError as error:
            fault = TimeoutError(str(error) or f"the round took more than {task.limit_s:.0f} s and was cancelled")
            _log.error("a round of %s took too long and was cancelled; the next one follows", task.name)
        except Exception as error:  # noqa: BLE001  outermost frame of a task: the loop must continue
            fault = error
            _log.exception("a round of %s failed; the next one follows", task.name)
        ended_s = time.monotonic()
        metrics.round_ended(task.name, ended_s - started_s, fault is not None)
        if fault is None:
            self._finished_at[task.name] = ended_s
            if ended_s < self._beat_at.get(task.name, 0.0):
                return
        try:
            async with open_session(self._sessions) as session:
                await beat(session, task.name, ended_s - started_s, fault, task.period_s)
                await session.commit()
            self._beat_at[task.name] = ended_s + _BEAT_S
        except Exception as error:  # noqa: BLE001  readiness reports an unreachable database by itself
            _log.warning("the hub cannot record a round of %s: %s", task.name, error)

    async def _watch(self) -> None:
        """Export the lateness of the tasks and of the event loop, and count rows periodically."""
        count_at, is_first = 0.0, True
        while True:
            asked_s = time.monotonic()
            await asyncio.sleep(_WATCH_S)
            now_s = time.monotonic()
            metrics.background_late(self.late_s(), now_s - asked_s - _WATCH_S)
            if now_s < count_at:
                continue
            count_at = now_s + _BEAT_S
            try:
                async with open_session(self._sessions) as session:
                    if is_first:
                        await forget_others(session, [task.name for task in self._tasks])
                    await metrics.count_rows(session)
                    await session.commit()
                is_first = False
            except Exception as error:  # noqa: BLE001  counts may be missing for a while
                _log.warning("jobs and datasets cannot be counted now: %s", error)
