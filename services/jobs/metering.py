"""Usage of jobs, and whether it exceeds their budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.database.models import Job
from services.jobs.room import room_of
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job's drivers have used so far, over all attempts."""

    wall_s: float
    """Seconds that the drivers ran."""
    cpu_hours: float
    gpu_hours: float
    cost: float | None
    """At the operator's prices; None: no prices are set."""


def usage(job: Job, settings: Settings, now: datetime | None = None) -> Usage:
    """What a job has used until now."""
    return usage_of(job.metered_s, job.metered_since, job.resources, settings, now)


def usage_of(
    metered_s: float,
    metered_since: datetime | None,
    asked: Mapping[str, Any],
    settings: Settings,
    now: datetime | None = None,
) -> Usage:
    """What a job has used until now.

    Args:
        metered_s: seconds of the attempts that have ended.
        metered_since: since when the current driver has run; None: no driver runs.
        asked: the job's resources, as `ResourcesConfig`.
        settings: contains the operator's prices.
        now: end of the time that is counted; None: the current time.
    """
    wall_s = metered_s
    if metered_since is not None:
        wall_s += max(0.0, ((now or datetime.now(UTC)) - metered_since).total_seconds())
    room = room_of(asked)
    cpu_hours, gpu_hours = wall_s / 3600 * room.cpus, wall_s / 3600 * room.gpus
    cost = None
    if has_prices(settings):
        cost = cpu_hours * settings.cpu_hour_price + gpu_hours * settings.gpu_hour_price
    return Usage(wall_s, cpu_hours, gpu_hours, cost)


def has_prices(settings: Settings) -> bool:
    """Whether the operator has set prices."""
    return bool(settings.cpu_hour_price or settings.gpu_hour_price)


def used_up(job: Job, settings: Settings, now: datetime | None = None) -> str | None:
    """Message that says which part of a job's budget is used up; None: none is."""
    budget: dict[str, Any] = job.budget or {}
    used = usage(job, settings, now)
    if budget.get("wall_s") is not None and used.wall_s >= budget["wall_s"]:
        return f"the budget of {budget['wall_s']:g} s is used up: {used.wall_s:.0f} s"
    if budget.get("cost") is not None and used.cost is not None and used.cost >= budget["cost"]:
        return f"the budget of {budget['cost']:g} {settings.currency} is used up: {used.cost:.2f} {settings.currency}"
    return None


def set_running(job: Job) -> None:
    """Mark a job as running and start its meter."""
    now = datetime.now(UTC)
    job.status = "running"
    job.started_at = job.started_at or now
    job.metered_since = job.metered_since or now


def stop_meter(job: Job, until: datetime | None = None) -> None:
    """Stop a job's meter. Idempotent.

    Args:
        job: the job whose driver has ended.
        until: when the driver was last known to run; None: now. Later time is not charged.
    """
    if job.metered_since is not None:
        job.metered_s += max(0.0, ((until or datetime.now(UTC)) - job.metered_since).total_seconds())
        job.metered_since = None
