"""User requests for jobs: launch, stop, resume. Only rows change here; the hub does the rest."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Dataset, Job
from services.database.notify import WORK, notify
from services.errors import ConflictError
from services.jobs.admission import admit
from services.jobs.cluster_view import ClusterView
from services.jobs.events import append, locked_job, status_event
from services.jobs.kinds.contract import JobRequest
from services.jobs.kinds.registry import KINDS, tell_end
from services.jobs.metering import used_up
from services.jobs.owned import find_job, no_such_job
from services.jobs.states import RESUMABLE, TERMINAL, check_transition
from services.projects.requests import check_project
from services.settings import Settings

_LONGEST_NAME: Final = 200


async def launch(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    request: JobRequest,
    cluster: ClusterView | None = None,
) -> Job:
    """Queue a job of any kind; does not commit.

    Args:
        session: database session.
        settings: the operator's limits.
        user_id: owner of the job.
        job_id: id of the job.
        request: what is asked for.
        cluster: checks whether any nodes could hold the workers; None: not checked.

    Raises:
        InvalidRequestError: a model that cannot be used, or parts of the request that do not go together.
        NotFoundError: the request names something that does not exist, or is another user's.
        ConflictError: the dataset or the job that is needed is not ready, or the user has too many unfinished jobs.
        ForbiddenError: what the job is expected to keep exceeds the user's storage quota.
    """
    await check_project(session, user_id, request.project_id)
    resolved = await KINDS[request.kind].resolve(session, user_id, request)
    job = Job(
        id=job_id,
        user_id=user_id,
        project_id=request.project_id or resolved.project_id,
        type=request.kind,
        name=request.name or resolved.name[:_LONGEST_NAME],
        model_id=resolved.model_id,
        model=resolved.model,
        dataset_id=resolved.dataset_id,
        dataset_version=resolved.dataset_version,
        spec=resolved.spec.model_dump(mode="json"),
        needs_id=resolved.needs_id,
        lane=resolved.lane,
        resources=request.resources.model_dump(mode="json"),
        priority=request.priority,
        budget=dict(request.budget) if request.budget else None,
        status="queued",
    )
    await admit(session, settings, job, cluster)
    session.add(job)
    await session.flush()
    await append(session, job, [status_event(job)])
    await notify(session, WORK)
    return job


async def request_stop(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Stop a job and commit: immediately if it has not been submitted, else after a checkpoint.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it has ended already.
    """
    job = await stop(session, user_id, job_id)
    await session.commit()
    return job


async def stop(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Like `request_stop`, but does not commit."""
    job = await _lock_owned(session, user_id, job_id)
    if job.status == "stopping":
        job.yields = False
        return job
    wanted = "stopped" if job.status == "queued" else "stopping"
    check_transition(job.status, wanted)
    job.status = wanted
    now = datetime.now(UTC)
    job.stop_requested_at = now
    if wanted in TERMINAL:
        job.finished_at = now
    await append(session, job, [status_event(job, "stop requested")])
    await notify(session, WORK)
    if wanted in TERMINAL:
        await tell_end(session, job)
    return job


async def request_resume(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    cluster: ClusterView | None = None,
) -> Job:
    """Queue a stopped or failed job again and commit; it continues from its newest checkpoint.

    Raises:
        NotFoundError: no such job, or another user's.
        ConflictError: it is neither stopped nor failed, its dataset is gone, its budget is used up, or the user has too
            many jobs that are not finished.
        InvalidRequestError: no node holds its workers any more.
        ForbiddenError: what it is expected to keep exceeds the user's storage quota.
    """
    job = await resume(session, settings, user_id, job_id, cluster)
    await session.commit()
    return job


async def resume(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    cluster: ClusterView | None = None,
) -> Job:
    """Like `request_resume`, but does not commit."""
    job = await _lock_owned(session, user_id, job_id)
    if job.status not in RESUMABLE:
        raise ConflictError(
            f"The job is {job.status}; only one that is {' or '.join(sorted(RESUMABLE))} can be resumed.",
            code="job_state",
        )
    dataset = await session.get(Dataset, job.dataset_id)
    if dataset is None or dataset.deleted_at is not None:
        raise ConflictError("The job's dataset has been deleted; it cannot go on.", code="dataset_deleted")
    reason = used_up(job, settings)
    if reason is not None:
        raise ConflictError(
            f"The job cannot go on: {reason}. Give it a larger one first (PATCH /jobs/{job_id}).", code="budget_used_up"
        )
    await admit(session, settings, job, cluster)
    await KINDS[job.type].resumed(session, settings, job)
    await go_on(session, job)
    return job


async def go_on(session: AsyncSession, job: Job) -> None:
    """Queue a job that has ended again, without checks; it must be locked. Does not commit."""
    requeue(job)
    job.life += 1
    job.failures = 0
    job.queued_at = datetime.now(UTC)
    await append(session, job, [status_event(job, "resumed")])
    await notify(session, WORK)


def requeue(job: Job) -> None:
    """Make a job ready to be submitted again."""
    job.status = "queued"
    job.error = None
    job.refused = False
    job.result = None
    job.phase = None
    job.submission_id = None
    job.stop_requested_at = None
    job.finished_at = None
    job.yields = False


async def _lock_owned(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    await find_job(session, user_id, job_id)
    job = await locked_job(session, job_id)
    if job is None:
        raise no_such_job()
    return job
