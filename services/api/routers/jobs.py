"""Jobs of every kind: launch, list, change, stop, resume."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from asyncpg import Record
from fastapi import APIRouter, Response
from sqlalchemy import Text, bindparam

from services.api.dependencies import CurrentUser, ServicesDep, SessionDep, SettingsDep
from services.api.job_models import JOB_COLUMNS, EvaluationJobBody, JobBody, JobOut, JobPatch, JobStatus
from services.api.launching import LaunchDep
from services.api.paging import Cursor, Limit, Listing, Page, Search, matches
from services.api.problems import problems
from services.api.read_route import ReadRoute
from services.api.reading import Reading, ReadingDep
from services.api.rendered import as_json, object_response, page_response, with_field
from services.database.models import Job
from services.database.prepared import Prepared
from services.jobs import deletion, requests
from services.jobs.kinds.registry import KindName
from services.jobs.metering import usage_of
from services.jobs.owned import find_job, no_such_job, owned_jobs
from services.jobs.waiting import QueueOut
from services.projects.requests import check_project
from services.settings import Settings

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=ReadRoute)

RENDERED: Final = (
    as_json({name: getattr(Job, name) for name in JOB_COLUMNS}).label("text"),
    Job.metered_s,
    Job.metered_since,
    Job.resources,
    Job.id,
    Job.status,
)
"""A job as the JSON of `JobOut` without its usage and its place, and the columns from which these are found."""

_OWNED: Final = owned_jobs(bindparam("user_id"))
FILTERS: Final = {
    "q": matches(Job.name, bindparam("q", type_=Text)),
    "status": Job.status == bindparam("status"),
    "project_id": Job.project_id == bindparam("project_id"),
}
"""Filters of a list of jobs of any kind."""
_JOBS: Final = Listing(_OWNED, Job, RENDERED, {**FILTERS, "type": Job.type == bindparam("type")})
_JOB: Final = Prepared(_OWNED.where(Job.id == bindparam("job_id")).with_only_columns(*RENDERED))


async def rendered(rows: Sequence[Record], reading: Reading) -> list[str]:
    """Rows of `RENDERED` as the JSON of jobs. The queue is read only if one of them waits in it."""
    places = await reading.places([row["id"] for row in rows if row["status"] == "queued"])
    return [_rendered(row, reading.settings, places.get(row["id"])) for row in rows]


def _rendered(row: Record, settings: Settings, place: QueueOut | None) -> str:
    used = usage_of(row["metered_s"], row["metered_since"], row["resources"], settings)
    return with_field(with_field(row["text"], "usage", used), "queue", place)


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_job(body: JobBody, settings: SettingsDep, launch: LaunchDep) -> JobOut:
    """Launch a job. Reports all faults of the config together, before anything is submitted."""
    return await launch(body, lambda: body.request(settings))


@router.post("/{job_id}/evaluations", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_evaluation(
    job_id: uuid.UUID,
    body: EvaluationJobBody,
    user: CurrentUser,
    session: SessionDep,
    settings: SettingsDep,
    launch: LaunchDep,
) -> JobOut:
    """Launch a job that measures a training's result and its base, on its own test speakers or on other data."""
    await find_job(session, user.id, job_id)
    return await launch(body, lambda: body.request(job_id, settings))


@router.get("", response_model=Page[JobOut], responses=problems(401, 422, 503))
async def list_jobs(
    reading: ReadingDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: JobStatus | None = None,
    type: KindName | None = None,
    project_id: uuid.UUID | None = None,
) -> Response:
    """The caller's jobs, newest first."""
    filters = {"q": q or None, "status": status, "type": type, "project_id": project_id}
    rows, total, next_cursor = await _JOBS.page(reading, filters, limit=limit, cursor=cursor)
    return page_response(await rendered(rows, reading), total, next_cursor)


@router.get("/{job_id}", response_model=JobOut, responses=problems(401, 404, 422, 503))
async def read_job(job_id: uuid.UUID, reading: ReadingDep) -> Response:
    """One job."""
    rows = await reading.rows(_JOB, job_id=job_id)
    if not rows:
        raise no_such_job()
    [text] = await rendered(rows, reading)
    return object_response(text)


@router.patch("/{job_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_job(
    job_id: uuid.UUID, body: JobPatch, user: CurrentUser, session: SessionDep, settings: SettingsDep
) -> JobOut:
    """Change name, project or budget."""
    job = await find_job(session, user.id, job_id)
    if body.name is not None:
        job.name = body.name
    if "project_id" in body.model_fields_set:
        await check_project(session, user.id, body.project_id)
        job.project_id = body.project_id
    if "budget" in body.model_fields_set:
        job.budget = body.budget.checked(settings) if body.budget else None
    await session.commit()
    return JobOut.of(job, settings)


@router.delete("/{job_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a job that has ended, with its events, logs, checkpoints and files; a 409 names what still needs it."""
    await deletion.delete(session, user.id, job_id)


@router.post("/{job_id}/stop", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def stop_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> JobOut:
    """Stop a job after a checkpoint; a queued job stops immediately."""
    return JobOut.of(await requests.request_stop(session, user.id, job_id), settings)


@router.post("/{job_id}/resume", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def resume_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> JobOut:
    """Resume a stopped or failed job from its newest checkpoint; it meets the limits of a new job."""
    job = await requests.request_resume(session, services.settings, user.id, job_id, services.cluster)
    return JobOut.of(job, services.settings)
