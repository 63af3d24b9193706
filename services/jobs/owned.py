"""Jobs of a user: ownership is part of every query."""

from __future__ import annotations

import uuid

from sqlalchemy import BindParameter, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Job
from services.errors import NotFoundError


def owned_jobs(user_id: uuid.UUID | BindParameter[uuid.UUID]) -> Select[Job]:
    """The jobs of a user."""
    return select(Job).where(Job.user_id == user_id, Job.deleted_at.is_(None))


async def find_job(session: AsyncSession, user_id: uuid.UUID, job_id: uuid.UUID, *, keep: bool = False) -> Job:
    """A job of the user; with `keep`, it cannot be deleted until this transaction ends.

    Raises:
        NotFoundError: no such job, or another user's.
    """
    query = owned_jobs(user_id).where(Job.id == job_id)
    job = (await session.scalars(query.with_for_update(read=True) if keep else query)).one_or_none()
    if job is None:
        raise no_such_job()
    return job


def no_such_job() -> NotFoundError:
    """The error for a job that does not exist or belongs to another user."""
    return NotFoundError("There is no such job.", code="job_not_found")
