"""What the caller uses of the platform, and how much is allowed."""

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
    """Object storage, in bytes; what was announced and is not there yet counts too."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    used_bytes: int
    datasets_bytes: int
    """Of those: versions of datasets, the files that they were made of, uploads that are under way."""
    jobs_bytes: int
    """Of those: checkpoints, adapters, models, bundles; of jobs that have not ended, what they are expected to keep."""
    allowed_bytes: int | None
    """Unset: there is no limit."""


class AccountJobsOut(BaseModel):
    """Jobs that have not ended."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    unfinished: int
    most_unfinished: int
    """More are refused."""
    running: int
    most_running: int | None
    """More wait. Unset: as many as there is room for, and half of the room while others wait."""


class AccountUsageOut(BaseModel):
    """What the caller uses."""

    storage: StorageOut
    jobs: AccountJobsOut


@router.get("/usage", responses=problems(401, 503))
async def read_usage(user: CurrentUser, session: SessionDep, settings: SettingsDep) -> AccountUsageOut:
    """What the caller uses of the platform, and how much is allowed."""
    kept = await stored(session, user.id)
    mine = select(func.count()).where(Job.user_id == user.id)
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
