"""Reconcile the jobs' rows with the cluster. It holds no state that matters: another process can take over any time.

Rows are authoritative, and Ray's answers are hints. A row is changed only if it is still what it was when the cluster
was queried, so that two reconcilers at once do no harm.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, func, select

from engine.config.base import Config
from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore
from services.database.engine import Sessions, open_session
from services.database.heartbeats import heartbeats
from services.database.models import Artifact, Job
from services.jobs.artifacts import MadeFile, find_artifacts
from services.jobs.events import append, from_run, locked_job, log_event, parse_lines, status_event, storable
from services.jobs.fairness import in_turn
from services.jobs.kinds.contract import UnreadableSpecError
from services.jobs.kinds.registry import KINDS, read_spec
from services.jobs.metering import set_running, stop_meter, used_up
from services.jobs.outcome import Verdict, judge, newest_error, parse_result
from services.jobs.places import run_address, run_prefix
from services.jobs.requests import requeue
from services.jobs.room import Capacity as Capacity
from services.jobs.room import room_of
from services.jobs.states import SUBMITTED, TERMINAL, check_transition
from services.jobs.submission import Driver, DriverState, JobControl
from services.notifications.tell import job_ended
from services.quarantine import Quarantine
from services.settings import Settings

CONFIG_KEY: Final = "config-request.json"
STOP_KEY: Final = "stop"
RESULT_KEY: Final = "result.json"
EVENTS_PREFIX: Final = "events"
_QUEUE_LOOK: Final = 20  # queued jobs per user
TASK: Final = "jobs"
"""The name under which the hub records the rounds of `Reconciler.follow`."""
_AT_ONCE: Final = 8
_SHARE: Final = 0.5
"""Share of the cluster that a user may take while others wait; one job is always allowed."""
_LOOK_S: Final = 60.0
"""Longest time to check one job, in seconds: settling one reads all that it wrote."""
_BATCH: Final = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runs:
    """Where runs keep their files."""

    bucket: str
    store: Callable[[str], RunStore]
    """The files below a prefix of the bucket."""

    def of(self, job_id: uuid.UUID) -> RunStore:
        """The files of a job's run."""
        return self.store(run_prefix(job_id))


class Reconciler:
    """Submits queued jobs, follows those that run, and settles those that have ended."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        runs: Runs,
        control: JobControl,
        capacity: Callable[[], Awaitable[Capacity]],
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._runs = runs
        self._control = control
        self._capacity = capacity
        self._quarantine = Quarantine("job", _LOOK_S)
        self._seen: dict[uuid.UUID, datetime] = {}
        """When this reconciler last saw each job's driver running."""
        self._seen_before: datetime | None = None
        """When an earlier reconciler last saw the drivers."""

    async def round(self) -> None:
        """Check every job that has not ended, once."""
        await self.follow()
        await self.submit()

    async def follow(self) -> None:
        """Check every job that has a driver, once.

        Raises:
            Exception: an outage prevented some checks; all other jobs have been checked.
        """
        async with open_session(self._sessions) as session:
            submitted = (await session.scalars(select(Job).where(Job.status.in_(SUBMITTED)))).all()
            if self._seen_before is None:
                beats = {last.name: last.at for last in await heartbeats(session)}
                self._seen_before = beats.get(TASK, datetime.now(UTC))
        self._seen = {job.id: self._seen[job.id] for job in submitted if job.id in self._seen}
        slots = asyncio.Semaphore(_AT_ONCE)

        async def mend(job: Job) -> Exception | None:
            async with slots:
                return await self._quarantine.look(job.id, partial(self._mend, job), partial(self._give_up, job))

        for outage in await asyncio.gather(*(mend(job) for job in submitted)):
            if outage is not None:
                raise outage  # the hub's heartbeat records it, and `/readyz` shows it

    # ---- jobs with a driver -----------------------------------------------------------------------------------

    async def _give_up(self, seen: Job, reason: str) -> None:
        """Fail a job that the platform cannot handle, and stop its driver, if it has one."""
        message = f"The platform could not continue this job: {reason}. Resume it, or contact your operator."
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.status in TERMINAL:
                return
            check_transition(job.status, "failed")
            stop_meter(job)
            job.status, job.finished_at, job.error = "failed", datetime.now(UTC), str(storable(message))
            await append(session, job, [status_event(job, message)])
            await job_ended(session, job, job.error)
            await session.commit()
        _log.error("job %s is given up: %s", seen.id, reason, extra={"job_id": seen.id})
        if job.submission_id is not None:
            await self._control.stop(job.submission_id)

    async def _mend(self, job: Job) -> None:
        submission_id = job.submission_id or ""
        driver = await self._control.driver(submission_id)
        match driver.state:
            case DriverState.MISSING if job.status == "starting":
                await self._submit(job)
            case DriverState.RUNNING if job.status == "starting":
                await self._begin(job)
            case DriverState.PENDING | DriverState.RUNNING:
                self._seen[job.id] = datetime.now(UTC)
                if job.status == "stopping":
                    await self._press_stop(job)
                elif (reason := used_up(job, self._settings)) is not None:
                    await self._stop(job, reason)
            case _:
                await self._settle(job, driver)

    async def _stop(self, seen: Job, reason: str) -> None:
        """Stop a job whose budget is used up; as after a stop by its user, it keeps its newest checkpoint."""
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.status != seen.status or used_up(job, self._settings) is None:
                return  # the budget may have been raised
            check_transition(job.status, "stopping")
            job.status = "stopping"
            job.stop_requested_at = datetime.now(UTC)
            message = f"The job is stopped: {reason}. Raise the budget and resume it to go on."
            await append(session, job, [log_event(message, "warning"), status_event(job, reason)])
            await session.commit()

    async def _press_stop(self, job: Job) -> None:
        """Set the stop flag, at which the run saves a checkpoint and ends; after a grace period, signal the driver."""
        await asyncio.to_thread(self._runs.of(job.id).put_bytes, STOP_KEY, b"")
        asked_at = job.stop_requested_at or datetime.now(UTC)
        if datetime.now(UTC) - asked_at > timedelta(seconds=self._settings.stop_grace_s):
            await self._control.stop(job.submission_id or "")

    async def _settle(self, job: Job, driver: Driver) -> None:
        store = self._runs.of(job.id)
        result = await asyncio.to_thread(_read_result, store)
        events = await asyncio.to_thread(_read_events, store)
        verdict = judge(
            status=job.status,
            failures=job.failures,
            attempts=self._settings.job_attempts,
            driver=driver,
            result=result,
            error_log=newest_error(events),
        )
        made: list[MadeFile] = []
        if verdict.status in {"succeeded", "stopped"}:
            kind = KINDS.get(job.type)  # None after a downgrade: what the run itself reported is kept
            made = await asyncio.to_thread(find_artifacts, store, events, kind.folders if kind else ())
        stored_bytes = await asyncio.to_thread(store.size, "")
        await self._write_outcome(job, driver, verdict, result, events, made, stored_bytes)

    async def _write_outcome(
        self,
        seen: Job,
        driver: Driver,
        verdict: Verdict,
        result: dict[str, Any] | None,
        events: list[dict[str, Any]],
        made: list[MadeFile],
        stored_bytes: int,
    ) -> None:
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.submission_id != seen.submission_id or job.status not in SUBMITTED:
                return
            if job.status != seen.status and verdict.status not in {"succeeded", "stopped"}:
                return  # a stop was requested meanwhile; the next check decides again
            for start in range(0, len(events), _BATCH):
                await append(session, job, events[start : start + _BATCH])
            # A driver that the cluster no longer knows ended with the cluster, at an unknown time.
            lost = driver.state is DriverState.MISSING
            stop_meter(job, self._seen.get(job.id, self._seen_before) if lost else None)
            if job.yields and verdict.status == "stopped":
                requeue(job)
                job.queued_at = datetime.now(UTC)  # behind the job that it yielded to
                job.stored_bytes = stored_bytes
                await append(session, job, [status_event(job, "preempted for another user's job")])
                await session.commit()
                return
            check_transition(job.status, verdict.status)
            if verdict.status == "queued":
                failures = job.failures + 1
                requeue(job)
                job.failures = failures
                message = (
                    f"The driver died ({verdict.reason}). It is submitted again and goes on from its newest "
                    f"checkpoint: failure {failures} of at most {self._settings.job_attempts}."
                )
                await append(session, job, [log_event(message, "warning"), status_event(job, verdict.reason)])
            else:
                job.status = verdict.status
                job.finished_at = datetime.now(UTC)
                job.error = str(storable(verdict.reason)) or None
                job.refused = verdict.refused
                job.result = storable(result) if result is not None else None
                job.stored_bytes = stored_bytes
                if verdict.status == "succeeded":
                    job.progress = 1.0
                if verdict.status == "failed" and driver.message:
                    await append(session, job, [log_event(driver.message, "error")])
                await session.execute(delete(Artifact).where(Artifact.job_id == job.id))
                session.add_all(
                    Artifact(
                        job_id=job.id,
                        name=file.name,
                        kind=file.kind,
                        size=file.size,
                        sha256=file.sha256,
                        key=f"{run_prefix(job.id)}/{file.key}",
                    )
                    for file in made
                )
                await append(session, job, [status_event(job, verdict.reason)])
                over = used_up(job, self._settings) if job.status == "stopped" else None
                await job_ended(session, job, job.error or over)
            await session.commit()
        _log.info("job %s: %s %s", seen.id, verdict.status, verdict.reason, extra={"job_id": seen.id})

    async def _begin(self, seen: Job) -> None:
        """Mark a job as running, unless it has changed meanwhile."""
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.status != seen.status or job.submission_id != seen.submission_id:
                return
            check_transition(job.status, "running")
            set_running(job)
            await append(session, job, [status_event(job)])
            await session.commit()

    # ---- queued jobs ------------------------------------------------------------------------------------------

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
        firsts = select(Job.id, place).where(Job.status == "queued").subquery()
        async with open_session(self._sessions) as session:
            queued = (
                await session.scalars(
                    select(Job).join(firsts, firsts.c.id == Job.id).where(firsts.c.place <= _QUEUE_LOOK)
                )
            ).all()
            if not queued:
                return False
            running = (await session.scalars(select(Job).where(Job.status.in_(SUBMITTED)))).all()
            begun = select(Job.user_id, func.max(Job.started_at)).where(Job.started_at.is_not(None))
            users = {job.user_id for job in queued}
            found = await session.execute(begun.where(Job.user_id.in_(users)).group_by(Job.user_id))
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
            if len(next_ones) == _AT_ONCE:
                break
            next_ones.append(job)
            waiting[job.user_id] -= 1
            taken.add(job.user_id, need)
            count += 1
        submitted = await asyncio.gather(*(self._start(job) for job in next_ones))
        started = [job for job in submitted if job is not None]

        async def submit(job: Job) -> None:
            await self._quarantine.look(job.id, partial(self._submit, job), partial(self._give_up, job))

        await asyncio.gather(*(submit(job) for job in started))
        return len(started) == _AT_ONCE

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

    async def _start(self, seen: Job) -> Job | None:
        """Record the submission before making it: a reconciler that finds it missing on the cluster makes it."""
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.status != "queued":
                return None
            check_transition(job.status, "starting")
            job.status = "starting"
            job.attempt += 1
            job.submission_id = f"lim-{job.id}-{job.attempt}"
            await append(session, job, [status_event(job)])
            await session.commit()
        return job

    async def _submit(self, job: Job) -> None:
        try:
            kind, spec = read_spec(job)
        except UnreadableSpecError as error:  # a retry would find the same
            await self._give_up(job, error.detail)
            return
        module, config = kind.driver(job, spec, self._runs.bucket)
        await asyncio.to_thread(_prepare, self._runs.of(job.id), config)
        address = f"{run_address(self._runs.bucket, job.id)}/{CONFIG_KEY}"
        await self._control.submit(job.id, job.submission_id or "", module, address)


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


def _prepare(store: RunStore, config: Config) -> None:
    """Write the config; delete the stop flag and the result of an attempt that was stopped."""
    store.delete(STOP_KEY)
    result = _read_result(store)
    if result is not None and result.get("status") != "succeeded":
        store.delete(RESULT_KEY)
    store.put_bytes(CONFIG_KEY, json.dumps(config.model_dump(mode="json")).encode())


def _read_result(store: RunStore) -> dict[str, Any] | None:
    try:
        return parse_result(store.get_bytes(RESULT_KEY))
    except ObjectNotFoundError:
        return None


def _read_events(store: RunStore) -> list[dict[str, Any]]:
    """All events in the run's own files, including those that the hub missed."""
    return [dict(event) for key in store.list(EVENTS_PREFIX) for event in from_run(parse_lines(store.get_bytes(key)))]
