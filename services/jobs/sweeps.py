"""Sweeps of a user: their trials, and a training by the best one."""

from __future__ import annotations

import uuid

from sqlalchemy import BindParameter, Integer, Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.training import TrainingConfig
from services.database.models import Job, JobEvent
from services.errors import ConflictError, NotFoundError
from services.jobs.kinds.sweep import Sweep
from services.jobs.owned import owned_jobs
from tuning.sweep.best import on_everything
from tuning.sweep.trials import TrialResult


def owned_sweeps(user_id: uuid.UUID | BindParameter[uuid.UUID]) -> Select[Job]:
    """The sweeps of a user."""
    return owned_jobs(user_id).where(Job.type == Sweep.name)


async def find_sweep(session: AsyncSession, user_id: uuid.UUID, sweep_id: uuid.UUID) -> Job:
    """A sweep of the user.

    Raises:
        NotFoundError: no such sweep, or another user's.
    """
    sweep = (await session.scalars(owned_sweeps(user_id).where(Job.id == sweep_id))).one_or_none()
    if sweep is None:
        raise NotFoundError("There is no such sweep.", code="sweep_not_found")
    return sweep


async def trials_of(session: AsyncSession, sweep_id: uuid.UUID) -> list[TrialResult]:
    """The trials that have begun, as the newest event of each tells them, by number."""
    number = JobEvent.data["trial"]["number"].astext.cast(Integer)
    query = (
        select(JobEvent.data["trial"])
        .where(JobEvent.job_id == sweep_id, JobEvent.kind == "metric", JobEvent.data.has_key("trial"))
        .ext(distinct_on(number))
        .order_by(number, JobEvent.seq.desc())
    )
    return [TrialResult.model_validate(trial) for trial in await session.scalars(query)]


def best_training(sweep: Job) -> TrainingConfig:
    """The training of a sweep's best trial, on everything.

    Raises:
        ConflictError: the sweep has not ended, or no trial has a value.
    """
    config = (sweep.result or {}).get("best_config")
    if config is None:
        why = "no trial has a value" if sweep.result is not None else f"it is {sweep.status}"
        raise ConflictError(f"The sweep has no best trial: {why}.", code="no_best_trial")
    return on_everything(TrainingConfig.model_validate(config))
