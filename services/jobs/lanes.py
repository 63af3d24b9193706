"""Lanes: queues of jobs that run beside the cluster, in a fixed number of slots each.

Users take turns, and no user gets all of several slots, so that others need not wait.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from services.database.engine import Sessions, open_session
from services.database.models import Job
from services.jobs.following import Follower
from services.jobs.kinds.ingestion import FETCH, INGEST
from services.jobs.places import Runs
from services.jobs.queue import lane_places
from services.jobs.states import SUBMITTED
from services.jobs.submission import JobControl
from services.settings import Settings

TASK: Final = "ingestions"
"""The name under which the hub records the rounds of `Lanes.follow`."""
_QUEUE_LOOK: Final = 20  # queued jobs per lane and user
_LOOK_S: Final = 1800.0  # settling an ingestion writes all its items
_ROUND_S: Final = 1.0
_FETCH_CPU_S: Final = 900


@dataclass(frozen=True, slots=True)
class Lane:
    """Slots of a lane, and limits of each job in it."""

    slots: int
    cpu_s: int
    """Processor time, in seconds."""
    cpu_s_per_mib: int
    """Additional processor time for each MiB that it reads, in seconds."""
    wall_s: float
    """Time, in seconds."""


def lanes_of(settings: Settings) -> Mapping[str, Lane]:
    """The lanes, by name."""
    return {
        FETCH: Lane(settings.import_slots, _FETCH_CPU_S, 0, settings.import_s + 60.0),
        INGEST: Lane(
            settings.dataset_slots, settings.dataset_cpu_s, settings.dataset_cpu_s_per_mib, settings.dataset_wall_s
        ),
    }


def slots_of(lanes: Mapping[str, Lane], name: str) -> int:
    """Slots of a lane; an unknown one, as after a downgrade, has one."""
    return lanes[name].slots if name in lanes else 1


class Lanes(Follower):
    """Starts queued jobs while their lanes have free slots, and follows those that run."""

    def __init__(
        self, settings: Settings, sessions: Sessions, runs: Runs, control_of: Callable[[Job], JobControl]
    ) -> None:
        super().__init__(
            settings,
            sessions,
            runs,
            control_of,
            mine=Job.lane.is_not(None),
            task=TASK,
            attempts=settings.dataset_attempts,
            look_s=_LOOK_S,
            round_s=_ROUND_S,
        )
        self._lanes = lanes_of(settings)

    async def submit(self) -> None:
        """Start queued jobs, users in turn, while there are free slots."""
        place = (
            func.row_number()
            .over(partition_by=(Job.lane, Job.user_id), order_by=(Job.priority.desc(), Job.queued_at, Job.id))
            .label("place")
        )
        firsts = select(Job.id, place).where(Job.status == "queued", self._mine).subquery()
        query = select(Job).join(firsts, firsts.c.id == Job.id).where(firsts.c.place <= _QUEUE_LOOK)
        async with open_session(self._sessions) as session:
            queued = (await session.scalars(query)).all()
            if not queued:
                return
            running = (await session.scalars(select(Job).where(Job.status.in_(SUBMITTED), self._mine))).all()
            begun = select(Job.user_id, func.max(Job.started_at)).where(Job.started_at.is_not(None), self._mine)
            users = {job.user_id for job in queued}
            found = await session.execute(begun.where(Job.user_id.in_(users)).group_by(Job.user_id))
            served = {user_id: at for user_id, at in found if at is not None}
        again = datetime.now(UTC) - timedelta(seconds=self._settings.reconcile_s)
        waiting: dict[str, list[Job]] = defaultdict(list)
        for job in queued:
            if not job.failures or job.updated_at <= again:  # one that was interrupted waits a moment
                waiting[job.lane or ""].append(job)
        next_ones: list[Job] = []
        for name, jobs in waiting.items():
            next_ones += self._next(name, jobs, [job for job in running if job.lane == name], served)
        await self._submit_all(next_ones)

    def _next(
        self, name: str, queued: Sequence[Job], running: Sequence[Job], served: Mapping[uuid.UUID, datetime]
    ) -> Sequence[Job]:
        """The queued jobs of a lane for which there are slots."""
        slots = slots_of(self._lanes, name)
        return [place.job for place in lane_places(queued, running, served, slots) if place.reason == "starting"]
