"""Submit queued jobs to the cluster as far as it has room, and follow them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy import func, select

from services.database.engine import Sessions, open_session
from services.database.models import Job
from services.jobs.events import append, locked_job, log_event, status_event
from services.jobs.following import AT_ONCE, Follower
from services.jobs.places import Runs as Runs
from services.jobs.queue import SHARE, Labels, Limits, Taken, need_of, places
from services.jobs.room import Capacity as Capacity
from services.jobs.states import SUBMITTED, check_transition
from services.jobs.submission import JobControl
from services.settings import Settings

QUEUE_LOOK: Final = 20
"""Queued jobs per user that are read."""
TASK: Final = "jobs"
"""The name under which the hub records the rounds of `Reconciler.follow`."""
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
        labels: Callable[[], Awaitable[Sequence[Labels]]] | None = None,
    ) -> None:
        """A reconciler that has not started.

        Args:
            settings: the operator's limits.
            sessions: session factory of the database with the jobs.
            runs: where runs keep their files.
            control: controls the drivers.
            capacity: resources of the cluster.
            labels: labels of each node that is alive; None: jobs are not held for labels that no node has.
        """
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
        self._labels = labels

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
        nodes = None if self._labels is None else await self._labels()
        limits = Limits(self._settings.max_running_jobs, self._settings.max_running_jobs_per_user)
        next_ones: list[Job] = []
        for next_one in places(queued, running, served, total, limits, nodes):
            if next_one.reason == "unreadable":
                await self._quarantine.look(
                    next_one.job.id, partial(self._give_up, next_one.job, "its resources cannot be read")
                )
            elif len(next_ones) == AT_ONCE:
                continue  # the next batch sees what has changed meanwhile
            elif next_one.reason == "starting":
                next_ones.append(next_one.job)
            elif next_one.reason in ("platform_limit", "resources"):
                await self._make_way(total, running, next_one.job, next_one.need)
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
        taken = Taken.by(staying)
        if not taken.within_share(total, waiting.user_id, need):
            return
        newest_first = sorted(staying, key=lambda job: job.started_at or now, reverse=True)
        for job in newest_first:
            if total.holds(taken.all + need) and self._has_slot(len(staying)):
                return
            room = need_of(job)
            began = job.metered_since
            over = room is not None and not total.holds(taken.of(job.user_id), SHARE)
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
