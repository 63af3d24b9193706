"""Submit queued jobs to the cluster as far as it has room, and follow them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy import func, select

from services.database.engine import Sessions, open_session
from services.database.models import Job
from services.jobs.events import append, locked_job, log_event, status_event
from services.jobs.fairness import in_turn
from services.jobs.following import AT_ONCE, Follower
from services.jobs.places import Runs as Runs
from services.jobs.room import Capacity as Capacity
from services.jobs.room import room_of
from services.jobs.states import SUBMITTED, check_transition
from services.jobs.submission import JobControl
from services.settings import Settings

QUEUE_LOOK: Final = 20
"""Queued jobs per user that are read."""
TASK: Final = "jobs"
"""The name under which the hub records the rounds of `Reconciler.follow`."""
_SHARE: Final = 0.5
"""Share of the cluster that a user may take while others wait; one job is always allowed."""
_LOOK_S: Final = 60.0
_ROUND_S: Final = 10.0


class Reconciler(Follower):
    """Submits queued jobs to the cluster, and follows those that run there."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        runs: Runs,
        control: JobControl,
        capacity: Callable[[], Awaitable[Capacity]],
    ) -> None:
        super().__init__(
            settings,
            sessions,
            runs,
            lambda _: control,
            mine=Job.lane.is_(None),
            task=TASK,
            attempts=settings.job_attempts,
            look_s=_LOOK_S,
            round_s=_ROUND_S,
        )
        self._capacity = capacity

    async def round(self) -> None:
        """Check every job that has not ended, once."""
        await self.follow()
        await self.submit()

    async def submit(self) -> None:
        """Submit queued jobs, users in turn, as long as the cluster has room.

        Jobs are submitted in small batches, so that jobs queued meanwhile get their turn in the next batch.
        """
        while await self._submit_some():
            pass

    async def _submit_some(self) -> bool:
        """Submit a batch of jobs concurrently; return whether there may be more to submit."""
        place = (
            func.row_number()
            .over(partition_by=Job.user_id, order_by=(Job.priority.desc(), Job.queued_at, Job.id))
            .label("place")
        )
        firsts = select(Job.id, place).where(Job.status == "queued", self._mine).subquery()
        async with open_session(self._sessions) as session:
            queued = (
                await session.scalars(
                    select(Job).join(firsts, firsts.c.id == Job.id).where(firsts.c.place <= QUEUE_LOOK)
                )
            ).all()
            if not queued:
                return False
            running = (await session.scalars(select(Job).where(Job.status.in_(SUBMITTED), self._mine))).all()
            begun = select(Job.user_id, func.max(Job.started_at)).where(Job.started_at.is_not(None))
            users = {job.user_id for job in queued}
            found = await session.execute(begun.where(Job.user_id.in_(users), self._mine).group_by(Job.user_id))
            served = {user_id: at for user_id, at in found if at is not None}
        total = await self._capacity()
        taken = _Taken.by(running)
        count = len(running)
        has = Counter(job.user_id for job in running)
        waiting = Counter(job.user_id for job in queued)
        next_ones: list[Job] = []
        for job in in_turn(queued, has, self._settings.max_running_jobs_per_user, served):
            if (need := _need(job)) is None:
                await self._quarantine.look(job.id, partial(self._give_up, job, "its resources cannot be read"))
                continue
            if not total.holds(need):
                continue  # it waits for nodes to come back; the jobs behind it need not
            if waiting.total() > waiting[job.user_id] and not taken.within_share(total, job.user_id, need):
                continue  # others wait, and this user's share is used up
            limit = self._settings.max_running_jobs
            if (limit is not None and count >= limit) or not total.holds(taken.all + need):
                await self._make_way(total, running, job, need)
                break
            if len(next_ones) == AT_ONCE:
                break
            next_ones.append(job)
            waiting[job.user_id] -= 1
            taken.add(job.user_id, need)
            count += 1
        return await self._submit_all(next_ones) == AT_ONCE

    async def _make_way(self, total: Capacity, running: Sequence[Job], waiting: Job, need: Capacity) -> None:
        """Preempt the newest jobs of users who take more than half of the cluster, after a checkpoint.

        Args:
            total: resources of the cluster.
            running: every job with a driver.
            waiting: the next job, for which there is no room.
            need: resources that it needs.
        """
        after_s = self._settings.yield_after_s
        now = datetime.now(UTC)
        if after_s is None or (now - waiting.queued_at).total_seconds() < after_s:
            return
        staying = [job for job in running if job.status != "stopping"]
        taken = _Taken.by(staying)
        if not taken.within_share(total, waiting.user_id, need):
            return
        newest_first = sorted(staying, key=lambda job: job.started_at or now, reverse=True)
        for job in newest_first:
            if total.holds(taken.all + need) and self._has_slot(len(staying)):
                return
            room = _need(job)
            began = job.metered_since
            over = room is not None and not total.holds(taken.of(job.user_id), _SHARE)
            if room is None or job.user_id == waiting.user_id or job.status != "running" or not over or began is None:
                continue
            if (now - began).total_seconds() < after_s:
                continue  # a stop and a restart would cost more than its work so far is worth
            await self._yield(job, waiting)
            staying.remove(job)
            taken.take_back(job.user_id, room)

    def _has_slot(self, running: int) -> bool:
        limit = self._settings.max_running_jobs
        return limit is None or running < limit

    async def _yield(self, seen: Job, waiting: Job) -> None:
        """Stop a job after a checkpoint; it is then queued again."""
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.status != "running":
                return
            check_transition(job.status, "stopping")
            job.status, job.yields, job.stop_requested_at = "stopping", True, datetime.now(UTC)
            message = (
                "The job is preempted for another user's, which has waited for "
                f"{(datetime.now(UTC) - waiting.queued_at).total_seconds():.0f} s: its user has more than half of the "
                "cluster. It saves a checkpoint, is queued again, and resumes from there."
            )
            await append(
                session,
                job,
                [log_event(message, "warning"), status_event(job, "being preempted for another user's job")],
            )
            await session.commit()


class _Taken:
    """Resources that jobs take, in total and by user."""

    def __init__(self) -> None:
        self.all = Capacity(0.0, 0.0)
        self._by_user: dict[uuid.UUID, Capacity] = {}

    @classmethod
    def by(cls, jobs: Iterable[Job]) -> _Taken:
        """Resources that these jobs take; a job whose row cannot be read counts as nothing."""
        taken = cls()
        for job in jobs:
            if (need := _need(job)) is not None:
                taken.add(job.user_id, need)
        return taken

    def add(self, user_id: uuid.UUID, need: Capacity) -> None:
        """Add a job of a user."""
        self.all += need
        self._by_user[user_id] = self.of(user_id) + need

    def take_back(self, user_id: uuid.UUID, need: Capacity) -> None:
        """Remove a job of a user."""
        self.all -= need
        self._by_user[user_id] = self.of(user_id) - need

    def of(self, user_id: uuid.UUID) -> Capacity:
        """Resources that a user's jobs take."""
        return self._by_user.get(user_id, Capacity(0.0, 0.0))

    def within_share(self, total: Capacity, user_id: uuid.UUID, need: Capacity) -> bool:
        """Whether a user has no job, or stays within the share with this one."""
        return user_id not in self._by_user or total.holds(self.of(user_id) + need, _SHARE)


def _need(job: Job) -> Capacity | None:
    """Resources that a job takes; None: its row cannot be read, as after a downgrade."""
    try:
        return room_of(job.resources)
    except (TypeError, ValueError):
        return None
