"""The caller's usage of the platform, and its limits."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.problems import problems
from services.database.models import Job
from services.jobs.states import ACTIVE, SUBMITTED
from services.storage_quota import stored

router = APIRouter(prefix="/users/me", tags=["users"])


class StorageOut(BaseModel):
    """Object storage in bytes, including announced data that has not arrived."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    used_bytes: int
    datasets_bytes: int
    """Of these: dataset versions, their source files, uploads in progress."""
    jobs_bytes: int
    """Of these: checkpoints, adapters, models, bundles; for unfinished jobs, what they are expected to keep."""
    allowed_bytes: int | None
    """Quota; unset: no limit."""


class AccountJobsOut(BaseModel):
    """Unfinished jobs that run on the cluster; ingestions have slots of their own and are not limited."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    unfinished: int
    most_unfinished: int
    """Limit; further jobs are rejected."""
    running: int
    most_running: int | None
    """Limit; further jobs wait. Unset: as many as fit, but at most half of the cluster while other users wait."""


class AccountUsageOut(BaseModel):
    """The caller's usage and limits."""

    storage: StorageOut
    jobs: AccountJobsOut


@router.get("/usage", responses=problems(401, 503))
async def read_usage(user: CurrentUser, session: SessionDep, settings: SettingsDep) -> AccountUsageOut:
    """The caller's usage of the platform, and its limits."""
    kept = await stored(session, user.id)
    mine = select(func.count()).where(Job.user_id == user.id, Job.lane.is_(None))
    unfinished = await session.scalar(mine.where(Job.status.in_(ACTIVE))) or 0
    running = await session.scalar(mine.where(Job.status.in_(SUBMITTED))) or 0
    return AccountUsageOut(
        storage=StorageOut(
            used_bytes=kept.total,
            datasets_bytes=kept.datasets,
            jobs_bytes=kept.jobs,
            allowed_bytes=settings.storage_bytes_per_user,
        ),
        jobs=AccountJobsOut(
            unfinished=unfinished,
            most_unfinished=settings.max_unfinished_jobs_per_user,
            running=running,
            most_running=settings.max_running_jobs_per_user,
        ),
    )
