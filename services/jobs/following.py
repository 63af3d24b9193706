"""Follow the drivers of jobs: start them, stop them, settle those that have ended.

Rows are authoritative, and answers about drivers are hints. A row is changed only if it is still what it was when its
driver was queried, so that two followers can run at once. No state that matters is held here: another process can
take over any time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select

from engine.config.base import Config
from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore
from services.database.engine import Sessions, open_session
from services.database.heartbeats import heartbeats
from services.database.models import Artifact, Job
from services.database.notify import WORK, notify
from services.jobs.artifacts import MadeFile, find_artifacts
from services.jobs.events import append, from_run, locked_job, log_event, parse_lines, status_event, storable
from services.jobs.kinds.contract import JobKind, Platform, UnreadableSpecError
from services.jobs.kinds.registry import KINDS, read_spec, tell_end
from services.jobs.metering import set_running, stop_meter, used_up
from services.jobs.outcome import Verdict, judge, newest_error, parse_result
from services.jobs.places import Runs, run_address, run_prefix
from services.jobs.requests import requeue
from services.jobs.states import SUBMITTED, TERMINAL, check_transition
from services.jobs.submission import Driver, DriverState, JobControl
from services.quarantine import Quarantine
from services.settings import Settings

CONFIG_KEY: Final = "config-request.json"
STOP_KEY: Final = "stop"
RESULT_KEY: Final = "result.json"
EVENTS_PREFIX: Final = "events"
AT_ONCE: Final = 8
"""Jobs that are checked or submitted concurrently."""
_BATCH: Final = 1000
_log = logging.getLogger(__name__)


class Follower:
    """Follows the drivers of some jobs."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        runs: Runs,
        control_of: Callable[[Job], JobControl],
        *,
        mine: ColumnElement[bool],
        task: str,
        attempts: int,
        look_s: float,
        round_s: float,
    ) -> None:
        """A follower that has not started.

        Args:
            settings: the operator's limits.
            sessions: session factory of the database with the jobs.
            runs: where runs keep their files.
            control_of: controls the driver of a job.
            mine: condition on the jobs that it follows.
            task: name under which the hub records the rounds of `follow`.
            attempts: drivers of a job that may die before it fails.
            look_s: longest time to check one job, in seconds: settling one reads all that it wrote.
            round_s: after this time a round ends, and leaves checks that take longer to go on, in seconds.
        """
        self._settings = settings
        self._sessions = sessions
        self._runs = runs
        self._control_of = control_of
        self._mine = mine
        self._task = task
        self._attempts = attempts
        self._round_s = round_s
        self._quarantine = Quarantine("job", look_s)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._looks: dict[uuid.UUID, asyncio.Task[Exception | None]] = {}
        """Checks that have begun, by job."""
        self._seen: dict[uuid.UUID, datetime] = {}
        """When this follower last saw each job's driver running."""
        self._seen_before: datetime | None = None
        """When an earlier follower last saw the drivers."""

    async def follow(self) -> None:
        """Check every job that has a driver, once.

        Raises:
            Exception: an outage prevented some checks; all other jobs have been checked.
        """
        async with open_session(self._sessions) as session:
            submitted = (await session.scalars(select(Job).where(Job.status.in_(SUBMITTED), self._mine))).all()
            if self._seen_before is None:
                beats = {last.name: last.at for last in await heartbeats(session)}
                self._seen_before = beats.get(self._task, datetime.now(UTC))
        self._seen = {job.id: self._seen[job.id] for job in submitted if job.id in self._seen}
        for job in submitted:
            if job.id not in self._looks:
                self._looks[job.id] = asyncio.create_task(self._look(job), name=f"job {job.id}")
        if not self._looks:
            return
        done, _ = await asyncio.wait(self._looks.values(), timeout=self._round_s)
        self._looks = {job_id: look for job_id, look in self._looks.items() if look not in done}
        for look in done:
            if (outage := look.result()) is not None:
                raise outage  # the hub's heartbeat records it, and `/readyz` shows it

    async def close(self) -> None:
        """Cancel the checks that go on; another follower repeats them."""
        for look in self._looks.values():
            look.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)
        self._looks = {}

    async def _look(self, job: Job) -> Exception | None:
        async with self._slots:
            return await self._quarantine.look(job.id, partial(self._mend, job), partial(self._give_up, job))

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
            await tell_end(session, job, job.error)
            await session.commit()
        _log.error("job %s is given up: %s", seen.id, reason, extra={"job_id": seen.id})
        if job.submission_id is not None:
            await self._control_of(job).stop(job.submission_id)

    async def _mend(self, job: Job) -> None:
        submission_id = job.submission_id or ""
        driver = await self._control_of(job).driver(submission_id)
        if job.deleted_at is not None and driver.state in {DriverState.PENDING, DriverState.RUNNING}:
            await self._control_of(job).stop(submission_id)  # nobody needs what it makes
            driver = await self._control_of(job).driver(submission_id)
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
            await self._control_of(job).stop(job.submission_id or "")

    async def _settle(self, job: Job, driver: Driver) -> None:
        store = self._runs.of(job.id)
        result = await asyncio.to_thread(_read_result, store)
        events = await asyncio.to_thread(_read_events, store)
        kind = KINDS.get(job.type)  # None after a downgrade: what the run itself reported is kept
        verdict = judge(
            status=job.status,
            failures=job.failures,
            attempts=self._attempts,
            driver=driver,
            result=result,
            error_log=newest_error(events),
            interrupted=(kind or JobKind).interrupted,
        )
        if verdict.status == "succeeded" and kind is not None and (lane := _next_lane(kind, job)) is not None:
            await asyncio.to_thread(store.delete, RESULT_KEY)  # of this part of the work
            await self._go_on(job, lane, events)
            return
        made: list[MadeFile] = []
        if verdict.status in {"succeeded", "stopped"} or verdict.refused:
            made = await asyncio.to_thread(find_artifacts, store, events, kind.folders if kind else ())
        if verdict.status in {"succeeded", "failed"} and kind is not None:
            await kind.collect(self._sessions, self._runs, job)
        stored_bytes = await asyncio.to_thread(store.size, "")
        await self._write_outcome(job, driver, verdict, result, events, made, stored_bytes)

    async def _go_on(self, seen: Job, lane: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Queue a job in the next lane of its kind, unless it is to stop."""
        async with open_session(self._sessions) as session:
            job = await locked_job(session, seen.id)
            if job is None or job.submission_id != seen.submission_id or job.status not in SUBMITTED:
                return
            await append(session, job, events)
            stop_meter(job)
            if job.status == "stopping":
                job.status, job.finished_at = "stopped", datetime.now(UTC)
                await append(session, job, [status_event(job)])
                await tell_end(session, job)
            else:
                requeue(job)
                job.lane = lane
                await append(session, job, [status_event(job, f"waits for its turn: {lane}")])
                await notify(session, WORK)
            await session.commit()

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
                retried = (KINDS.get(job.type) or JobKind).retried.format(reason=verdict.reason)
                message = f"{retried}: failure {failures} of at most {self._attempts}."
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
                await tell_end(session, job, job.error or over)
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

    async def _submit_all(self, jobs: Iterable[Job]) -> int:
        """Submit queued jobs concurrently; return how many still waited."""
        submitted = await asyncio.gather(*(self._start(job) for job in jobs))
        started = [job for job in submitted if job is not None]

        async def submit(job: Job) -> None:
            await self._quarantine.look(job.id, partial(self._submit, job), partial(self._give_up, job))

        await asyncio.gather(*(submit(job) for job in started))
        return len(started)

    async def _submit(self, job: Job) -> None:
        try:
            kind, spec = read_spec(job)
        except UnreadableSpecError as error:  # a retry would find the same
            await self._give_up(job, error.detail)
            return
        async with open_session(self._sessions) as session:
            module, config = await kind.driver(job, spec, Platform(session, self._settings, self._runs.bucket))
        await asyncio.to_thread(_prepare, self._runs.of(job.id), config)
        address = f"{run_address(self._runs.bucket, job.id)}/{CONFIG_KEY}"
        await self._control_of(job).submit(job.id, job.submission_id or "", module, address)


def _next_lane(kind: JobKind[Any], job: Job) -> str | None:
    """The lane after a job's; None: it is in the last one, or its kind has none."""
    places = [at for at, lane in enumerate(kind.lanes) if lane == job.lane]
    return kind.lanes[places[0] + 1] if places and places[0] + 1 < len(kind.lanes) else None


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
