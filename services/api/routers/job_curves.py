"""A job's metrics as curves, the resources that it used, and its log."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import Fault
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep
from services.api.event_stream import event_data
from services.api.job_models import EventOut
from services.api.paging import Cursor, Page, read_number_cursor, write_cursor
from services.api.problems import problems
from services.database.engine import open_session
from services.errors import InvalidRequestError
from services.jobs import log_lines
from services.jobs.curves import Axis, Wanted, curves_of
from services.jobs.owned import find_job
from services.jobs.resources import SHOWN, resources_of

router = APIRouter(prefix="/jobs", tags=["jobs"])

Points = Annotated[int, Query(ge=2, le=5000, description="Maximum number of points of a series")]
Names = Annotated[
    list[Annotated[str, Field(max_length=200)]] | None,
    Query(max_length=50, description="Only these series; unset: all that are worth drawing"),
]
StepBound = Annotated[int | None, Query(ge=0, lt=2**53)]
Lines = Annotated[int, Query(ge=1, le=1000, description="Maximum number of lines")]
Sequence = Annotated[int | None, Query(ge=0, lt=2**63)]
Text = Annotated[str | None, Query(max_length=200, description="Only lines with this text, in any case")]
Severity = Annotated[log_lines.Level | None, Query(description="Only lines of this severity or more")]


class SeriesOut(BaseModel):
    """Points of a series by column, in order of their position."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    title: str
    """For people."""
    unit: str | None
    """`bytes`, `s`, `share` (shown in percent), ...; unset: a number."""
    x: Axis
    """What `steps` counts: optimizer steps, or events (`seq`) where the job has no steps."""
    total: int
    """Number of points in the range."""
    sampled: bool
    """Whether these are fewer."""
    steps: list[int]
    values: list[float]
    times: list[float]
    """Seconds since 1970."""


class CurvesOut(BaseModel):
    """Curves of a job."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    job_id: uuid.UUID
    last_seq: int
    """Number of the newest event when this was read: the event stream continues from it (`Last-Event-ID`)."""
    method: Literal["min_max"] = "min_max"
    """How a series is sampled: the smallest and the largest value of equal parts of the range, and its first and last
    point. Values are never averaged; positions are exact to one part."""
    series: list[SeriesOut]


@router.get("/{job_id}/curves", responses=problems(401, 404, 422, 503))
async def job_curves(
    job_id: uuid.UUID,
    user: CurrentUser,
    session: SessionDep,
    points: Points = 1000,
    names: Names = None,
    from_step: StepBound = None,
    to_step: StepBound = None,
) -> CurvesOut:
    """The job's metrics for drawing, with fewer points where there are many; a range of steps shows more of it."""
    job = await find_job(session, user.id, job_id)
    wanted = Wanted(points, frozenset(names) if names else None, from_step, to_step)
    last_seq = job.last_seq
    series = [
        SeriesOut(
            name=curve.name,
            title=curve.title,
            unit=curve.unit,
            x=curve.x,
            total=curve.series.total,
            sampled=curve.series.sampled,
            steps=[int(x) for x, _, _ in curve.series.points],
            values=[value for _, value, _ in curve.series.points],
            times=[at for _, _, at in curve.series.points],
        )
        for curve in await curves_of(session, job_id, wanted)
    ]
    return CurvesOut(job_id=job_id, last_seq=last_seq, series=series)


class UseSeriesOut(BaseModel):
    """Use of one resource over time, by column."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """`cpu_cores`, `rss_bytes`, `gpu_percent`, `gpu_process_bytes`, `gpu_memory_bytes`, `host_cpu_percent`,
    `host_memory_bytes`."""
    title: str
    """For people."""
    unit: str
    """`cores`, `bytes`, `percent`."""
    total: int
    """Number of samples."""
    sampled: bool
    """Whether these are fewer."""
    times: list[float]
    """Seconds since 1970."""
    values: list[float]


class WorkerUseOut(BaseModel):
    """Use of resources by one worker of a job."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    worker: int
    """Counts from 0."""
    host: str
    """Name of its machine; a worker that restarted elsewhere is listed once for each."""
    gpu: str | None
    """Name of its GPU, if it has one."""
    limits: dict[str, float]
    """`host_cores`, `host_memory_total_bytes` and, with a GPU, `gpu_memory_total_bytes`."""
    series: list[UseSeriesOut]


class ResourcesOut(BaseModel):
    """Use of resources by a job's workers."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    job_id: uuid.UUID
    last_seq: int
    """Number of the newest event when this was read; newer samples are `metric` events with `resources`."""
    workers: list[WorkerUseOut]


@router.get("/{job_id}/resources", responses=problems(401, 404, 422, 503))
async def job_resources(
    job_id: uuid.UUID, user: CurrentUser, session: SessionDep, points: Points = 500
) -> ResourcesOut:
    """Processor, memory and GPU of each worker and its host while the job trains; empty for jobs that do not."""
    job = await find_job(session, user.id, job_id)
    last_seq = job.last_seq
    workers = [
        WorkerUseOut(
            worker=worker.number,
            host=worker.host,
            gpu=worker.gpu,
            limits=worker.limits,
            series=[
                UseSeriesOut(
                    name=name,
                    title=SHOWN[name][0],
                    unit=SHOWN[name][1],
                    total=series.total,
                    sampled=series.sampled,
                    times=[at for _, _, at in series.points],
                    values=[value for _, value, _ in series.points],
                )
                for name, series in worker.series.items()
            ],
        )
        for worker in await resources_of(session, job_id, points)
    ]
    return ResourcesOut(job_id=job_id, last_seq=last_seq, workers=workers)


@router.get("/{job_id}/logs", responses=problems(401, 404, 422, 503))
async def job_logs(
    job_id: uuid.UUID,
    user: CurrentUser,
    session: SessionDep,
    limit: Lines = 500,
    cursor: Cursor = None,
    q: Text = None,
    level: Severity = None,
    order: Literal["oldest", "newest"] = "oldest",
    after: Sequence = None,
    before: Sequence = None,
    offset: Annotated[int, Query(ge=0, lt=2**31, description="Skip this many matching lines")] = 0,
    tail: Annotated[int | None, Query(ge=1, le=1000, description="Only the newest lines, in ascending order")] = None,
) -> Page[EventOut]:
    """The log of the job and the platform, oldest first by default.

    `after` and `before` are sequence numbers of lines, which themselves are left out. `total` counts the lines that `q` and
    `level` match.
    """
    others = {"cursor": cursor is not None, "offset": offset > 0, "order": order != "oldest"}
    if tail is not None and any(others.values()):
        faults = [Fault(name, "is not for `tail`; give one of them") for name, given in others.items() if given]
        raise InvalidRequestError.of(faults, code="tail_alone")
    await find_job(session, user.id, job_id)
    wanted = log_lines.Filter(q, level)
    total = await log_lines.count_lines(session, job_id, wanted)
    newest = order == "newest" or tail is not None
    if cursor is not None:
        place = read_number_cursor(cursor)
        after, before = (after, place) if newest else (place, before)
    most = tail or limit
    window = log_lines.Window(most + 1, newest_first=newest, after=after, before=before, offset=offset)
    rows = await log_lines.lines_of(session, job_id, wanted, window)
    items = [EventOut.model_validate(event_data(row)) for row in rows[:most]]
    more = len(rows) > most and tail is None
    next_cursor = write_cursor([items[-1].seq]) if more else None
    return Page(items=items[::-1] if tail is not None else items, total=total, next_cursor=next_cursor)


@router.get(
    "/{job_id}/logs.txt",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The log", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(401, 404, 422, 503),
    },
)
async def job_log_file(
    job_id: uuid.UUID, user: CurrentUser, services: ServicesDep, q: Text = None, level: Severity = None
) -> StreamingResponse:
    """The whole log as a text file: time, level and message of each line."""
    async with open_session(services.sessions, reads=True) as session:
        await find_job(session, user.id, job_id)

    async def pieces() -> AsyncIterator[str]:
        async with open_session(services.sessions, reads=True) as reading:
            async for piece in log_lines.as_text(reading, job_id, log_lines.Filter(q, level)):
                yield piece

    headers = {"Content-Disposition": f'attachment; filename="{job_id}.log"'}
    return StreamingResponse(pieces(), headers=headers, media_type="text/plain")
