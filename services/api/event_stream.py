"""A job's events as server-sent events, from PostgreSQL: any replica can serve any stream from any point."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, select

from services.api.context import Services
from services.database.engine import open_connection
from services.database.models import Job, JobEvent
from services.database.notify import wait_for
from services.database.prepared import Prepared
from services.errors import UnavailableError
from services.jobs.states import TERMINAL

encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_BATCH: Final = 500
_POLL_S: Final = 1.0
_HEARTBEAT_POLLS: Final = 10


# One statement, so that the job and its events are consistent; a job without newer events also yields a row.
_NEWER: Final = Prepared(
    select(Job.status, Job.last_seq, JobEvent.seq, JobEvent.kind, JobEvent.key, JobEvent.time, JobEvent.data)
    .outerjoin(JobEvent, and_(JobEvent.job_id == Job.id, JobEvent.seq > bindparam("after")))
    .where(Job.id == bindparam("job"))
    .order_by(JobEvent.seq)
    .limit(_BATCH)
)


@dataclass(frozen=True, slots=True)
class _Look:
    messages: Sequence[bytes]
    """Encoded events after a position."""
    told: int
    """Number of the last of these events, or the position if there are none."""
    ended: bool
    """Whether no further events will follow."""


class EventRow(NamedTuple):
    """An event as stored in PostgreSQL."""

    seq: int
    kind: str
    key: str
    time: datetime
    data: Mapping[str, Any]


def event_data(event: EventRow | JobEvent) -> dict[str, Any]:
    """An event as clients see it, in the stream and in the history."""
    time = event.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**event.data, "seq": event.seq, "event_key": event.key, "time": time}


async def stream_events(
    services: Services, credential: uuid.UUID, job_id: uuid.UUID, after: int
) -> AsyncIterator[bytes]:
    """Stream every event after a sequence number live, until the job has ended and all events are sent.

    Ends early with the login or the API key whose id is `credential`. A slow reader does not affect other readers:
    unread events wait in PostgreSQL. Streams of this process that are at the same position share a query. While the database is
    unreachable, the stream stays open.
    """
    yield b"retry: 1000\n\n"
    polls = 0
    with (
        services.events.subscribed(str(job_id)) as changed,
        services.open_streams.watched(credential, changed) as stream,
    ):
        while True:
            changed.clear()
            if stream.ended:
                return
            # A query that began before the newest notification may have missed its event, so it is not shared.
            place = (job_id, after, services.events.told)
            look: _Look = await services.looks.of(place, partial(_look, services, job_id, after))
            for message in look.messages:
                yield message
            after = look.told
            if look.ended:
                return
            if look.messages:
                polls = 0
            if len(look.messages) < _BATCH:
                polls += 1
                if polls % _HEARTBEAT_POLLS == 0:
                    yield b": still here\n\n"
                await wait_for(changed, _POLL_S)


async def _look(services: Services, job_id: uuid.UUID, after: int) -> _Look:
    try:
        async with open_connection(services.engine) as connection:
            rows = await _NEWER.rows(connection, {"job": job_id, "after": after})
    except UnavailableError:
        return _Look([], after, ended=False)
    if not rows:
        return _Look([], after, ended=True)  # the job has been deleted
    status, last_seq, newer = rows[0][:3]
    events = [] if newer is None else [EventRow(*row[2:]) for row in rows]
    told = events[-1].seq if events else after
    return _Look([_message(event) for event in events], told, ended=status in TERMINAL and told >= last_seq)


def _message(event: EventRow) -> bytes:
    data = encode(event_data(event))
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n".encode()
