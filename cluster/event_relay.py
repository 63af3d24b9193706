"""Deliver a run's events to the run's own files, and to the hub if the platform started the run.

Training never waits for either. Events are buffered; two threads deliver them, one per destination, and retry if a
destination does not answer. The files are the record; the hub serves live viewers.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final, Protocol

from engine.errors import StorageError
from engine.run.events import Event
from engine.run.store import RunStore

EVENTS_PREFIX: Final = "events"
HUB_NAME: Final = "lim-hub"
HUB_NAMESPACE: Final = "less-is-more"

_CAPACITY: Final = 20_000
_PART_EVENTS: Final = 2_000
_PART_S: Final = 2.0
_LATER_PART_S: Final = 10.0
_EARLY_PARTS: Final = 150  # five minutes; after that, larger parts spare a long run thousands of small files
_HUB_S: Final = 0.3
_HUB_EVENTS: Final = 200
_HUB_ANSWER_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 15.0
_log = logging.getLogger(__name__)

Batch = Sequence[Mapping[str, Any]]


class Destination(Protocol):
    """Receiver of batches. Raises `DeliveryError` if a batch must be retried."""

    def deliver(self, batch: Batch) -> None:
        """Accept a whole batch; a failed batch may be delivered again."""


class DeliveryError(Exception):
    """A destination did not accept a batch."""


class EventRelay:
    """An `EventSink` into a run store and, with a job's id, to the hub; use as a context manager or call `close`."""

    def __init__(self, store: RunStore, job_id: str | None = None, *, hub: Destination | None = None) -> None:
        """A relay whose threads run until it is closed.

        Args:
            store: of the run's files; numbered parts are added under `events/`.
            job_id: the platform's job; None: deliver to the files only.
            hub: replaces the hub in tests.
        """
        self._parts = Parts(store)
        self._carriers = [_Carrier("events-store", self._parts, self._parts.pause_s, _PART_EVENTS)]
        if job_id is not None:
            self._carriers.append(_Carrier("events-hub", hub or Hub(job_id), lambda: _HUB_S, _HUB_EVENTS))

    def emit(self, event: Event) -> None:
        """Buffer one event; does not block."""
        fields = event.to_json()
        for carrier in self._carriers:
            carrier.add(fields)

    def flush(self, timeout_s: float = 20.0) -> None:
        """Wait until everything emitted so far is in the run's files, not for the hub; never raises."""
        store = self._carriers[0]
        for carrier in self._carriers:
            carrier.hurry()
        if not store.wait_until_empty(timeout_s):
            _log.warning("%d events are not in the run's files yet; retrying", store.waiting())

    def close(self, timeout_s: float = 20.0) -> None:
        """Flush, wait a moment for the hub, and end the threads. Idempotent."""
        self.flush(timeout_s)
        for carrier in self._carriers[1:]:
            carrier.wait_until_empty(min(timeout_s, 3.0))
        for carrier in self._carriers:
            carrier.stop()

    def __enter__(self) -> EventRelay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Carrier:
    """A bounded buffer and the thread that empties it into a destination."""

    def __init__(self, name: str, destination: Destination, pause_s: Callable[[], float], batch_events: int) -> None:
        self._name = name
        self._destination = destination
        self._pause_s = pause_s
        self._batch_events = batch_events
        self._buffer: deque[Mapping[str, Any]] = deque()
        self._dropped = 0
        self._stopped = False
        self._hurried = False
        self._changed = threading.Condition()
        # A daemon: a hanging destination must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, fields: Mapping[str, Any]) -> None:
        with self._changed:
            if self._stopped:
                return
            if len(self._buffer) >= _CAPACITY:
                self._buffer.popleft()
                self._dropped += 1
            self._buffer.append(fields)
            if len(self._buffer) == 1:
                self._changed.notify_all()

    def hurry(self) -> None:
        """Deliver now, without waiting to gather a batch."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def waiting(self) -> int:
        with self._changed:
            return len(self._buffer)

    def wait_until_empty(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._buffer, timeout_s)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        failures = 0
        while (taken := self._take(failures)) is not None:
            batch, dropped = taken
            if dropped:
                _log.warning("%s: %d events were dropped, because they could not be delivered", self._name, dropped)
            try:
                self._destination.deliver(batch)
            except DeliveryError as error:
                failures += 1
                if failures in (1, 10, 100):
                    _log.warning("%s: %s; trying again", self._name, error)
                with self._changed:
                    self._hurried = False  # back off before the next attempt, even during a flush
                continue
            failures = 0
            self._remove(len(batch))

    def _take(self, failures: int) -> tuple[Batch, int] | None:
        """The next batch, after a pause to gather it, and the number of events lost before it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._stopped)
            pause_s = min(0.25 * 2**failures, _LONGEST_PAUSE_S) if failures else self._pause_s()
            self._changed.wait_for(lambda: self._hurried or self._stopped, pause_s)
            if self._stopped:
                return None
            batch = list(islice(self._buffer, self._batch_events))
            self._hurried = self._hurried and len(self._buffer) > len(batch)
            dropped, self._dropped = self._dropped, 0
            return batch, dropped

    def _remove(self, count: int) -> None:
        """Drop a delivered batch."""
        with self._changed:
            # Events dropped meanwhile were at the front, so they were part of the batch.
            for _ in range(max(0, count - self._dropped)):
                self._buffer.popleft()
            self._dropped = max(0, self._dropped - count)
            self._changed.notify_all()


class Parts:
    """Numbered JSONL files under `events/`; a new writer continues after the last number."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._next: int | None = None
        self._written = 0

    def deliver(self, batch: Batch) -> None:
        """Write a part."""
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in batch)
        try:
            if self._next is None:
                self._next = 1 + max((number_of(key) for key in self._store.list(EVENTS_PREFIX)), default=-1)
            self._store.put_bytes(f"{EVENTS_PREFIX}/{self._next:08d}.jsonl", lines.encode("utf-8", "replace"))
        except StorageError as error:
            raise DeliveryError(str(error)) from error
        self._next += 1
        self._written += 1

    def pause_s(self) -> float:
        """How long to gather events for the next part."""
        return _PART_S if self._written < _EARLY_PARTS else _LATER_PART_S


def number_of(key: str) -> int:
    """The number of a part; -1 for other keys."""
    name = key.rpartition("/")[2].removesuffix(".jsonl")
    return int(name) if name.isdecimal() else -1


class Hub:
    """The platform's hub actor; looked up again after a failure."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._actor: Any = None

    def deliver(self, batch: Batch) -> None:
        """Push a batch; the hub drops events that it already has."""
        import ray
        from ray.exceptions import GetTimeoutError, RayError

        if not ray.is_initialized():
            raise DeliveryError("this process is not connected to Ray")
        try:
            if self._actor is None:
                self._actor = ray.get_actor(HUB_NAME, HUB_NAMESPACE)
            ray.get(self._actor.push.remote(self._job_id, list(batch)), timeout=_HUB_ANSWER_S)
        except (ValueError, GetTimeoutError, RayError) as error:  # ValueError: no actor of that name
            self._actor = None
            raise DeliveryError(f"the hub does not take events: {error}") from error
