"""Deletion of jobs: the user marks them, and the hub removes them; a restarted hub resumes the removal."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete as delete_rows
from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from engine.errors import EngineError, Fault
from services.database.engine import Sessions, open_session
from services.database.models import Adapter, AdapterVersion, Job, JobEvent, Pipeline, PipelineStage
from services.database.notify import WORK, notify
from services.errors import ConflictError
from services.jobs.events import locked_job
from services.jobs.kinds.contract import JobKind
from services.jobs.kinds.registry import KINDS
from services.jobs.owned import find_job, no_such_job
from services.jobs.reconciler import Runs
from services.jobs.states import TERMINAL

_MOST_AT_ONCE: Final = 20
_EVENTS_AT_ONCE: Final = 10_000
_MOST_NAMED: Final = 20
_log = logging.getLogger(__name__)


async def delete(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """Delete a job that has ended and commit; row, events, logs, checkpoints and artifacts are removed soon after.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it has not ended, or something still needs it; names each.
    """
    await find_job(session, user_id, job_id)
    job = await locked_job(session, job_id)
    if job is None or job.deleted_at is not None:
        raise no_such_job()
    if job.status not in TERMINAL:
        raise ConflictError(
            f"The job is {job.status}; stop it first (POST /jobs/{job_id}/stop) and delete it when it has stopped.",
            code="job_state",
        )
    faults = await _needed_by(session, job_id)
    if faults:
        raise ConflictError("Something still needs this job; see errors.", code="job_in_use", faults=faults)
    job.deleted_at = datetime.now(UTC)
    await notify(session, WORK)
    await session.commit()


async def purge(sessions: Sessions, runs: Runs) -> None:
    """Remove the files and rows of deleted jobs. Failures are retried in the next round."""
    other = aliased(Job)
    is_needed = exists().where(other.needs_id == Job.id)
    query = (
        select(Job.id)
        .where(Job.deleted_at.is_not(None), Job.status.in_(TERMINAL), ~is_needed)
        .order_by(Job.deleted_at)
        .limit(_MOST_AT_ONCE)
    )
    async with open_session(sessions) as session:
        deleted = (await session.scalars(query)).all()
    for job_id in deleted:
        try:
            await asyncio.to_thread(runs.of(job_id).delete, "")
        except (EngineError, OSError) as error:
            _log.warning("files of deleted job %s cannot be removed now: %s", job_id, error, extra={"job_id": job_id})
            continue
        await _remove_rows(sessions, job_id)


async def _remove_rows(sessions: Sessions, job_id: uuid.UUID) -> None:
    """Delete events in batches: a job may have hundreds of thousands, and one transaction would block others long."""
    while True:
        some = select(JobEvent.seq).where(JobEvent.job_id == job_id).limit(_EVENTS_AT_ONCE)
        async with open_session(sessions) as session:
            gone = await session.scalars(
                delete_rows(JobEvent)
                .where(JobEvent.job_id == job_id, JobEvent.seq.in_(some.scalar_subquery()))
                .returning(JobEvent.seq)
            )
            count = len(gone.all())
            await session.commit()
        if count < _EVENTS_AT_ONCE:
            break
    async with open_session(sessions) as session:
        await session.execute(update(PipelineStage).where(PipelineStage.job_id == job_id).values(job_id=None))
        await session.execute(delete_rows(Job).where(Job.id == job_id))
        await session.commit()


async def _needed_by(session: AsyncSession, job_id: uuid.UUID) -> list[Fault]:
    """What still needs a job: each by name, with what to do."""
    faults: list[Fault] = []
    versions = await session.execute(
        select(Adapter.id, Adapter.name, func.array_agg(AdapterVersion.number))
        .join(AdapterVersion, AdapterVersion.adapter_id == Adapter.id)
        .where(AdapterVersion.job_id == job_id)
        .group_by(Adapter.id)
        .limit(_MOST_NAMED)
    )
    for adapter_id, name, numbers in versions:
        told = ", ".join(str(number) for number in sorted(numbers))
        faults.append(Fault("adapters", f"{name!r} ({adapter_id}) has it as version {told}; delete the adapter first"))
    pipelines = await session.execute(
        select(Pipeline.id, Pipeline.name, Pipeline.status)
        .join(PipelineStage, PipelineStage.pipeline_id == Pipeline.id)
        .where(PipelineStage.job_id == job_id, Pipeline.status != "succeeded")
        .distinct()
        .limit(_MOST_NAMED)
    )
    for pipeline_id, name, status in pipelines:
        what = "can be resumed, and would go on with it" if status in ("stopped", "failed") else f"is {status}"
        faults.append(Fault("pipelines", f"{name!r} ({pipeline_id}) {what}; delete the pipeline first"))
    jobs = await session.scalars(
        select(Job).where(Job.needs_id == job_id, Job.deleted_at.is_(None)).order_by(Job.created_at).limit(_MOST_NAMED)
    )
    for job in jobs:
        kind = KINDS.get(job.type)
        what = kind.need if kind else JobKind.need
        faults.append(Fault("jobs", f"{job.name!r} ({job.id}) {what}; delete that first"))
    return faults
