"""What a job has used, and whether that is more than its budget."""

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
    """What a job's drivers have used so far, of all its attempts."""

    wall_s: float
    """Seconds that they ran."""
    cpu_hours: float
    gpu_hours: float
    cost: float | None
    """At the operator's prices; None: there are none."""


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
        metered_since: when the driver that runs was started.
        asked: the job's resources, as `ResourcesConfig`.
        settings: with the operator's prices.
        now: the moment until which is counted; None: this one.
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
    """Whether the operator tells what anything costs."""
    return bool(settings.cpu_hour_price or settings.gpu_hour_price)


def used_up(job: Job, settings: Settings, now: datetime | None = None) -> str | None:
    """What of a job's budget is used up, for people; None: nothing is."""
    budget: dict[str, Any] = job.budget or {}
    used = usage(job, settings, now)
    if budget.get("wall_s") is not None and used.wall_s >= budget["wall_s"]:
        return f"the budget of {budget['wall_s']:g} s is used up: {used.wall_s:.0f} s"
    if budget.get("cost") is not None and used.cost is not None and used.cost >= budget["cost"]:
        return f"the budget of {budget['cost']:g} {settings.currency} is used up: {used.cost:.2f} {settings.currency}"
    return None


def set_running(job: Job) -> None:
    """A driver runs: its time counts from now on."""
    now = datetime.now(UTC)
    job.status = "running"
    job.started_at = job.started_at or now
    job.metered_since = job.metered_since or now


def stop_meter(job: Job, until: datetime | None = None) -> None:
    """No driver runs any more; said twice, it changes nothing.

    Args:
        job: whose time has been counted since its driver began.
        until: when the driver was last known to run; None: now. What passed after it is not charged.
    """
    if job.metered_since is not None:
        job.metered_s += max(0.0, ((until or datetime.now(UTC)) - job.metered_since).total_seconds())
        job.metered_since = None
