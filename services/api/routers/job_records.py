"""A job's events, metrics and artifacts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.dependencies import CallerDep, CurrentUser, ServicesDep, SessionDep
from services.api.event_stream import event_data, stream_events
from services.api.job_models import EventOut
from services.api.object_urls import ObjectUrlsDep
from services.api.paging import Cursor, Limit, Page, read_number_cursor, write_cursor
from services.api.problems import problems
from services.api.read_route import ReadRoute
from services.api.streams import EventStream
from services.database.engine import open_session
from services.database.models import EVENT_KINDS, Artifact, JobEvent
from services.jobs.bundle import bundle_of
from services.jobs.owned import find_job
from services.jobs.resources import RESOURCES

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=ReadRoute)

EventLimit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of items in a page")]

# Schema of one event, as OpenAPI 3.2 and FastAPI's own event streams describe it.
_EVENT_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "The event's number; `Last-Event-ID` takes it"},
        "event": {"type": "string", "enum": list(EVENT_KINDS)},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/EventOut"},
        },
        "retry": {"type": "integer", "minimum": 0, "description": "Milliseconds before the next try to connect"},
    },
}


class ArtifactOut(BaseModel):
    """A file from a job."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    kind: str
    """`adapter`, `result`, `config`, `curves`, `predictions`, ..."""
    size: int
    """Size in bytes."""
    sha256: str
    url: str
    """Pre-signed; valid until `expires_at`."""
    expires_at: datetime


class BundleOut(BaseModel):
    """A job's files as one zip."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Suggested file name."""
    size: int
    """Size in bytes."""
    url: str
    """Pre-signed; valid until `expires_at`."""
    expires_at: datetime


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events `status`, `metric`, `log`, `artifact`; `id` counts from 1",
            "content": {"text/event-stream": {"itemSchema": _EVENT_SCHEMA}},
        },
        **problems(401, 404, 422, 429, 503),
    },
)
async def follow_job(
    job_id: uuid.UUID,
    who: CallerDep,
    services: ServicesDep,
    session: SessionDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=40, description="Only events after this number")
    ] = None,
) -> EventStream:
    """Stream a job's events live; ends when the job has ended and all events are sent, or with the login or API key."""
    await find_job(session, who.user.id, job_id)
    messages = stream_events(services, who.credential, job_id, _sequence_number(last_event_id))
    return EventStream(messages, services, who.user.id)


@router.get("/{job_id}/metrics", responses=problems(401, 404, 422, 503))
async def job_metrics(
    job_id: uuid.UUID, user: CurrentUser, session: SessionDep, limit: EventLimit = 500, cursor: Cursor = None
) -> Page[EventOut]:
    """The history of the job's metrics, oldest first."""
    await find_job(session, user.id, job_id)
    return await _history(session, job_id, limit, cursor)


@router.get("/{job_id}/artifacts", responses=problems(401, 404, 422, 503))
async def job_artifacts(
    job_id: uuid.UUID,
    user: CurrentUser,
    services: ServicesDep,
    urls: ObjectUrlsDep,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ArtifactOut]:
    """The job's files by name, each with a download address."""
    start = read_number_cursor(cursor)
    async with open_session(services.sessions) as session:
        await find_job(session, user.id, job_id)
        query = select(Artifact).where(Artifact.job_id == job_id)
        total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = (await session.scalars(query.order_by(Artifact.name).offset(start).limit(limit))).all()
    items = []
    for row in rows:
        signed = await services.objects.sign_get(row.key, services.settings.download_url_s, row.name.rpartition("/")[2])
        items.append(
            ArtifactOut(
                name=row.name,
                kind=row.kind,
                size=row.size,
                sha256=row.sha256,
                url=urls.reachable(signed.url),
                expires_at=signed.expires_at,
            )
        )
    end = start + len(rows)
    return Page(items=items, total=total, next_cursor=write_cursor([end]) if end < total else None)


@router.get("/{job_id}/bundle", responses=problems(401, 403, 404, 409, 413, 422, 503))
async def job_bundle(job_id: uuid.UUID, user: CurrentUser, services: ServicesDep, urls: ObjectUrlsDep) -> BundleOut:
    """All files of a job that has ended as one zip: its results, config, logs, metrics and events.

    The bundle is created on the first request, and then counts toward the user's storage.
    """
    settings = services.settings
    key, name, size = await bundle_of(services.sessions, settings, services.objects, user.id, job_id)
    signed = await services.objects.sign_get(key, settings.download_url_s, name)
    return BundleOut(name=name, size=size, url=urls.reachable(signed.url), expires_at=signed.expires_at)


async def _history(session: AsyncSession, job_id: uuid.UUID, limit: int, cursor: str | None) -> Page[EventOut]:
    is_metric = (JobEvent.kind == "metric", ~JobEvent.data.has_key(RESOURCES))
    mine = select(JobEvent).where(JobEvent.job_id == job_id, *is_metric)
    total = await session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    after = mine.where(JobEvent.seq > read_number_cursor(cursor)).order_by(JobEvent.seq)
    rows = (await session.scalars(after.limit(limit + 1))).all()
    items = [EventOut.model_validate(event_data(row)) for row in rows[:limit]]
    return Page(items=items, total=total, next_cursor=write_cursor([items[-1].seq]) if len(rows) > limit else None)


def _sequence_number(last_event_id: str | None) -> int:
    """The number after which a reader continues; 0, the beginning, if the header is not a number."""
    text = (last_event_id or "").strip()
    return min(int(text), 2**63 - 1) if text.isascii() and text.isdigit() else 0
