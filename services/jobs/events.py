"""Job events in PostgreSQL: one ordered stream per job, without gaps or duplicates."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from engine.run.earlier import todays_event
from engine.run.events import now_rfc3339
from services.database.models import EVENT_KINDS, Job, JobEvent
from services.database.notify import EVENTS, notify

_LONGEST_KEY: Final = 300
_LONGEST_TEXT: Final = 100_000

# The job's row is locked before this runs: sequence numbers are assigned, and become visible, in order.
_INSERT = text(
    """
    INSERT INTO job_events (job_id, seq, kind, key, time, data)
    SELECT :job_id, :last_seq + row_number() OVER (ORDER BY fresh.place), fresh.kind, fresh.key, fresh.time, fresh.data
    FROM (
        SELECT DISTINCT ON (event.key)
            given.place, event.kind, event.key, event.time, event.data
        FROM jsonb_array_elements(:events) WITH ORDINALITY AS given (value, place),
             jsonb_to_record(given.value) AS event (kind text, key text, time timestamptz, data jsonb)
        WHERE NOT EXISTS (SELECT FROM job_events known WHERE known.job_id = :job_id AND known.key = event.key)
        ORDER BY event.key, given.place
    ) AS fresh
    RETURNING seq, kind, key, data
    """
).bindparams(bindparam("events", type_=JSONB))


async def append(session: AsyncSession, job: Job, events: Iterable[Mapping[str, Any]]) -> list[JobEvent]:
    """Insert new events with sequence numbers and update the job's row from them; drop those whose key is known.

    `job` must be locked by this transaction (`locked_job`). Returns the new events, in order.
    """
    given = [event for event in map(_clean, events) if event is not None]
    if not given:
        return []
    result = await session.execute(_INSERT, {"job_id": job.id, "last_seq": job.last_seq, "events": given})
    fresh = [
        JobEvent(job_id=job.id, seq=row.seq, kind=row.kind, key=row.key, data=row.data)
        for row in sorted(result.all(), key=lambda row: int(row.seq))
    ]
    if fresh:
        job.last_seq = fresh[-1].seq
        for event in fresh:
            _lay_on(job, event.kind, event.data)
        await session.flush()
        await notify(session, EVENTS, str(job.id))
    return fresh


def from_run(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A run's own events as events of its job, in today's form, with the run's `status` renamed to `outcome`.

    Readers take `status` in a status event for the job's, which changes only when the run's files are recorded.
    """
    return [_without_status(todays_event(event)) for event in events]


def _without_status(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    if event.get("kind") != "status" or not isinstance(data, Mapping) or "status" not in data:
        return event
    rest = {name: value for name, value in data.items() if name != "status"}
    return {**event, "data": {**rest, "outcome": data["status"]}}


async def locked_job(session: AsyncSession, job_id: uuid.UUID) -> Job | None:
    """The job, locked and reloaded; nothing else changes it until this transaction ends."""
    statement = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(statement)).one_or_none()


def status_event(job: Job, message: str = "") -> dict[str, Any]:
    """The event that announces a job's new status."""
    data: dict[str, Any] = {"status": job.status, "attempt": job.attempt}
    if message:
        data["message"] = message
    return {"kind": "status", "key": f"job/{uuid.uuid4().hex}", "time": now_rfc3339(), "data": data}


def log_event(message: str, level: str = "info") -> dict[str, Any]:
    """A log line of the platform itself."""
    return {
        "kind": "log",
        "key": f"platform/{uuid.uuid4().hex}",
        "time": now_rfc3339(),
        "data": {"level": level, "message": message, "source": "platform"},
    }


def _lay_on(job: Job, kind: str, data: Mapping[str, Any]) -> None:
    """Update the job's row from an event."""
    if kind == "status" and isinstance(data.get("phase"), str):
        job.phase = str(data["phase"])[:40]
    if kind != "metric":
        return
    step = data.get("step")
    if isinstance(step, int) and 0 <= step < 2**63:
        job.step = max(step, job.step or 0)
    if (epoch := _number(data.get("epoch"))) is not None:
        job.epoch = epoch
    if (progress := _number(data.get("progress"))) is not None:
        job.progress = max(job.progress, min(1.0, max(0.0, progress)))
    job.metrics = {**job.metrics, **_newest_metrics(data)}


def _newest_metrics(data: Mapping[str, Any]) -> dict[str, Any]:
    """Training metrics by their names; those of an evaluation under `base`, `tuned` or `validation`."""
    if "split" not in data:
        return {
            name: value
            for name, value in data.items()
            if name not in {"step", "epoch", "progress"} and _is_plain(value)
        }
    metrics = data.get("metrics")
    if not isinstance(metrics, Mapping):
        return {}
    side = str(data.get("which", "tuned") if data["split"] == "test" else data["split"])
    values = {str(name): value for name, value in metrics.items() if _number(value) is not None}
    return {side: values, "primary": str(data.get("primary", ""))}


def _clean(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """An event that PostgreSQL can store; None if it is no valid event."""
    kind, key, data = event.get("kind"), event.get("key"), event.get("data")
    if kind not in EVENT_KINDS or not isinstance(key, str) or not key or not isinstance(data, Mapping):
        return None
    return {"kind": kind, "key": storable(key)[:_LONGEST_KEY], "time": _time(event.get("time")), "data": storable(data)}


def storable(value: Any) -> Any:
    """A JSON value without what JSONB rejects: NUL characters, lone surrogates, NaN and infinities."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:_LONGEST_TEXT]
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(storable(str(key))): storable(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [storable(item) for item in value]
    return str(value)


def parse_lines(part: bytes) -> list[dict[str, Any]]:
    """The events in a JSONL part; a line truncated by a crash is skipped."""
    events = []
    for line in part.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def _time(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return now_rfc3339()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
