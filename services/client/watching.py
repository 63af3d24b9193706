"""Event streams that survive lost connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .errors import ServerUnreachableError, UnavailableError
from .events import Event
from .generated import models
from .generated.operations import Operations
from .unset import UNSET, Unset

FINAL_STATUSES: Final = frozenset({"stopped", "succeeded", "failed"})
"""Statuses of a job or a pipeline that has ended."""
_PAUSE_S: Final = 0.5
_PATIENCE_S: Final = 300.0


class Watching(Operations):
    """Live streams of job events, notifications, and everything that changes."""

    def watch_job(self, job_id: str, *, after: int = 0, patience_s: float = _PATIENCE_S) -> Iterator[Event]:
        """Yield every event of a job after a number, as it happens, until the job has ended.

        Args:
            job_id: id of the job.
            after: number of the last known event; 0: from the first.
            patience_s: how long to keep reconnecting to an unreachable server.

        Raises:
            ServerUnreachableError: no server for `patience_s` seconds.
        """
        last, has_ended = after, False
        while True:
            arrived = 0
            for event in self._watched(
                lambda last_id: self.follow_job(job_id, last_event_id=last_id), last, patience_s
            ):
                last, arrived = event.sequence, arrived + 1
                yield event
            # The server closes the stream when the job has ended; read once more for events written since.
            if has_ended and not arrived:
                return
            has_ended = self.read_job(job_id).status in FINAL_STATUSES
            if not has_ended:
                time.sleep(_PAUSE_S)

    def wait_for_job(self, job_id: str, *, patience_s: float = _PATIENCE_S) -> models.JobOut:
        """Wait until the job has ended, and return it."""
        for _ in self.watch_job(job_id, patience_s=patience_s):
            pass
        return self.read_job(job_id)

    def watch_notifications(
        self, *, after: int = 0, for_s: float | None = None, patience_s: float = _PATIENCE_S
    ) -> Iterator[models.NotificationOut]:
        """Yield notifications after a number, as they arrive.

        Args:
            after: number of the last known notification; 0: from the oldest that is kept.
            for_s: how long to watch; None: until the caller stops.
            patience_s: how long to keep reconnecting to an unreachable server.

        Raises:
            ServerUnreachableError: no server for `patience_s` seconds.
        """
        last = after
        ends_at_s = None if for_s is None else time.monotonic() + for_s
        while True:
            for event in self._watched(
                lambda last_id: self.follow_notifications(last_event_id=last_id), last, patience_s
            ):
                last = event.sequence
                yield self._parsed(models.NotificationOut, event.data)
            if ends_at_s is not None and time.monotonic() >= ends_at_s:
                return
            time.sleep(_PAUSE_S)

    def watch_all(
        self,
        *,
        jobs: Sequence[str] = (),
        after: str | Unset = UNSET,
        for_s: float | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> Iterator[Event]:
        """Yield what changes of the user's jobs, sweeps, datasets, pipelines and notifications, as it happens.

        The data of an event is a `models.LiveEvent`. After an event `ready` with `resumed: false`, read what you show.

        Args:
            jobs: ids of jobs, or `ID:SEQ`, whose metrics, log lines, statuses and artifacts are included.
            after: id of the last known event; unset: only later changes.
            for_s: how long to watch; None: until the caller stops.
            patience_s: how long to keep reconnecting to an unreachable server.

        Raises:
            ServerUnreachableError: no server for `patience_s` seconds.
        """
        last = after
        ends_at_s = None if for_s is None else time.monotonic() + for_s
        while True:
            for event in self._resumed(
                lambda last_id: self.follow_all(job=list(jobs), last_event_id=last_id), last, patience_s
            ):
                last = event.id
                yield event
            if ends_at_s is not None and time.monotonic() >= ends_at_s:
                return
            time.sleep(_PAUSE_S)

    def _watched(
        self, connect: Callable[[str | Unset], Iterator[Event]], last: int, patience_s: float
    ) -> Iterator[Event]:
        """Yield the events of a numbered stream after a number, each once, until the server closes it."""
        for event in self._resumed(connect, str(last) if last else UNSET, patience_s):
            if event.sequence > last:
                last = event.sequence
                yield event

    def _resumed(
        self, connect: Callable[[str | Unset], Iterator[Event]], last: str | Unset, patience_s: float
    ) -> Iterator[Event]:
        """Yield the events of a stream until the server closes it; resume a broken one after the last event."""
        lost_at_s: float | None = None
        while True:
            try:
                for event in connect(last):
                    lost_at_s = None
                    last = event.id
                    yield event
                return
            except (ServerUnreachableError, UnavailableError):
                now_s = time.monotonic()
                lost_at_s = now_s if lost_at_s is None else lost_at_s
                if not self._has_answered or now_s - lost_at_s > patience_s:
                    raise
                time.sleep(_PAUSE_S)
