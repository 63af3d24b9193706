"""Run pipelines: begin stages whose dependencies have succeeded, retry failed stages, settle ended pipelines.

It holds no state that matters: a pipeline and its stages are rows, and each check of one is a transaction that locks
its row.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from graphlib import TopologicalSorter
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.engine import Sessions, open_session
from services.database.models import Job, Pipeline, PipelineStage
from services.errors import ApiError
from services.jobs.events import storable
from services.jobs.requests import stop as stop_job
from services.notifications.tell import pipeline_ended
from services.pipelines.contract import Done, Failed, Outcome, Running, Stopped, Work
from services.pipelines.declaration import stage_of
from services.pipelines.plan import Plan
from services.pipelines.registry import STAGES
from services.pipelines.stage import RetryPolicy
from services.quarantine import Quarantine
from services.settings import Settings
from services.turns import Turns

WAITS: Final = frozenset({"too_many_jobs"})
"""Codes of errors that pass by themselves; the stage keeps waiting."""
_AT_ONCE: Final = 4
_ROUND_S: Final = 1.0
"""After this time a round begins no more checks, so that the next one sees new pipelines; it continues the turns."""
_LOOK_S: Final = 20.0
"""Longest time to check one pipeline, in seconds."""
_MOST_PLANS: Final = 500
_log = logging.getLogger(__name__)


class PipelineRunner:
    """Advances every pipeline that has not ended; users take turns."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._turns = Turns()
        self._quarantine = Quarantine("pipeline", _LOOK_S)
        self._plans: dict[uuid.UUID, Plan] = {}
        """Cached plans of active pipelines, whose stages never change."""

    async def round(self) -> None:
        """Check each pipeline once, or as many as the time allows; a failure of one does not affect the others."""
        async with open_session(self._sessions) as session:
            query = (
                select(Pipeline.user_id, Pipeline.id)
                .where(Pipeline.status.in_(("running", "stopping")))
                .order_by(Pipeline.created_at, Pipeline.id)
            )
            active = [(user_id, pipeline_id) for user_id, pipeline_id in (await session.execute(query)).all()]
        self._plans = {pipeline_id: self._plans[pipeline_id] for _, pipeline_id in active if pipeline_id in self._plans}
        waiting = iter(self._turns.order(active))
        until_s = time.monotonic() + _ROUND_S

        async def serve() -> None:
            for user_id, pipeline_id in waiting:
                self._turns.serve(user_id, pipeline_id)
                await self._quarantine.look(
                    pipeline_id, partial(self._look, pipeline_id), partial(self._give_up, pipeline_id)
                )
                if time.monotonic() > until_s:
                    return

        await asyncio.gather(*(serve() for _ in range(_AT_ONCE)))

    async def _look(self, pipeline_id: uuid.UUID) -> None:
        plan = await self._plan(pipeline_id)
        async with open_session(self._sessions) as session:
            found = select(Pipeline).where(Pipeline.id == pipeline_id).with_for_update(skip_locked=True)
            pipeline = (await session.scalars(found)).one_or_none()
            if pipeline is None or pipeline.status not in ("running", "stopping"):
                return  # another process holds it, or it has ended
            rows = await stages_of(session, pipeline_id)
            await _advance(session, self._settings, pipeline, plan, rows)
            await session.commit()

    async def _plan(self, pipeline_id: uuid.UUID) -> Plan:
        """The plan of a pipeline, read before its row is locked; stages are checked again, off the event loop."""
        plan = self._plans.get(pipeline_id)
        if plan is None:
            async with open_session(self._sessions) as session:
                rows = await stages_of(session, pipeline_id)
            plan = await asyncio.to_thread(_plan_of, rows)
            if len(self._plans) < _MOST_PLANS:
                self._plans[pipeline_id] = plan
        return plan

    async def _give_up(self, pipeline_id: uuid.UUID, reason: str) -> None:
        """Fail a pipeline that the platform cannot handle, and stop the jobs of its stages."""
        message = f"The platform could not continue this pipeline: {reason}. Resume it, or contact your operator."
        async with open_session(self._sessions) as session:
            found = select(Pipeline).where(Pipeline.id == pipeline_id).with_for_update()
            pipeline = (await session.scalars(found)).one_or_none()
            if pipeline is None or pipeline.status not in ("running", "stopping"):
                return
            rows = await stages_of(session, pipeline_id)
            await _lock_jobs(session, rows)
            now = datetime.now(UTC)
            going_on = [row for row in rows if row.status == "running"] or [r for r in rows if r.status == "waiting"][
                :1
            ]
            for row in going_on:
                if row.job_id is not None:
                    with suppress(ApiError):
                        await stop_job(session, pipeline.user_id, row.job_id)
                row.status, row.error, row.finished_at = "failed", str(storable(message)), now
            pipeline.status, pipeline.finished_at = "failed", now
            await pipeline_ended(session, pipeline, str(storable(message)))
            await session.commit()
        _log.error("pipeline %s is given up: %s", pipeline_id, reason)


def _plan_of(rows: Sequence[PipelineStage]) -> Plan:
    """A plan with its stages in topological order."""
    by_name = {row.name: row for row in rows}
    order = TopologicalSorter({row.name: row.needs for row in rows}).static_order()
    stages = {name: stage_of(by_name[name].type, name, by_name[name].settings) for name in order}
    return Plan(stages, {row.name: row.needs for row in rows})


async def stages_of(session: AsyncSession, pipeline_id: uuid.UUID) -> Sequence[PipelineStage]:
    """The stages of a pipeline, in the order in which they were declared."""
    query = select(PipelineStage).where(PipelineStage.pipeline_id == pipeline_id).order_by(PipelineStage.position)
    return (await session.scalars(query)).all()


async def _advance(
    session: AsyncSession, settings: Settings, pipeline: Pipeline, plan: Plan, rows: Sequence[PipelineStage]
) -> None:
    if pipeline.status == "stopping":
        await _lock_jobs(session, rows)
    by_name = {row.name: row for row in rows}
    for name in plan.stages:  # in topological order: one pass is enough
        row = by_name[name]
        work = Work(session, settings, pipeline, plan, by_name, row)
        if row.status == "waiting" and pipeline.status == "running" and _may_begin(row, by_name):
            await _begin(work)
        elif row.status == "running":
            await _look_at(work)
    _settle(pipeline, rows)
    if pipeline.finished_at is not None:
        told = [f"{row.name}: {row.error}" for row in rows if row.status == pipeline.status and row.error]
        await pipeline_ended(session, pipeline, told[0] if told else None)


async def _lock_jobs(session: AsyncSession, rows: Sequence[PipelineStage]) -> None:
    """Lock all jobs that may be stopped before stopping the first, which locks the user's notification counter.

    Every transaction that ends a job locks the job first and the counter second; the reverse order could deadlock.
    """
    jobs = [row.job_id for row in rows if row.status == "running" and row.job_id is not None]
    await session.execute(select(Job.id).where(Job.id.in_(jobs)).order_by(Job.id).with_for_update())


def _may_begin(row: PipelineStage, by_name: Mapping[str, PipelineStage]) -> bool:
    if row.next_attempt_at is not None and row.next_attempt_at > datetime.now(UTC):
        return False
    return all(by_name[need].status == "succeeded" for need in row.needs)


async def _begin(work: Work) -> None:
    row = work.row
    try:
        async with work.session.begin_nested():  # a rejection halfway leaves nothing behind
            outcome = await STAGES[row.type].begin(work)
    except ApiError as error:
        for each in (work.pipeline, *work.rows.values()):
            await work.session.refresh(each)  # the rollback made their state unknown
        if error.code in WAITS:
            row.error = error.detail
            return
        outcome = Failed(_told(error))
    row.status, row.error, row.next_attempt_at = "running", None, None
    row.started_at = row.started_at or datetime.now(UTC)
    row.attempts += 1
    _take(row, outcome)


async def _look_at(work: Work) -> None:
    kind = STAGES[work.row.type]
    try:
        if work.pipeline.status == "stopping":
            async with work.session.begin_nested():
                await kind.stop(work)
        outcome = await kind.look(work)
    except ApiError as error:
        outcome = Failed(_told(error))
    if isinstance(outcome, Running):
        if work.pipeline.status == "stopping" and work.row.job_id is None:
            work.row.status = "waiting"  # this stage has no running job
            work.row.attempts -= 1
        return
    _take(work.row, outcome)


def _take(row: PipelineStage, outcome: Outcome) -> None:
    """Apply an outcome to the stage's row."""
    match outcome:
        case Running():
            return
        case Done(result):
            row.status, row.result = "succeeded", storable(result)
        case Stopped(reason):
            row.status, row.error = "stopped", reason
        case Failed(reason, again):
            row.error = str(storable(reason))
            retry = RetryPolicy.model_validate(row.retry)
            if again and row.attempts < retry.attempts:
                row.status = "waiting"
                row.next_attempt_at = datetime.now(UTC) + timedelta(seconds=retry.wait_s(row.attempts))
                return
            row.status = "failed"
    row.finished_at = datetime.now(UTC)


def _settle(pipeline: Pipeline, rows: Sequence[PipelineStage]) -> None:
    """Set the pipeline's final status when no stage can continue."""
    states = {row.status for row in rows}
    if states == {"succeeded"}:
        pipeline.status = "succeeded"
    elif "running" in states:
        return
    elif pipeline.status == "stopping":
        pipeline.status = "stopped"
    else:
        still_open = open_stages({row.name: row for row in rows})
        if any(row.status == "waiting" and row.name in still_open for row in rows):
            return
        pipeline.status = "failed" if "failed" in states else "stopped"
    pipeline.finished_at = datetime.now(UTC)
    _log.info("pipeline %s: %s", pipeline.id, pipeline.status)


def open_stages(by_name: Mapping[str, PipelineStage]) -> frozenset[str]:
    """The stages that have succeeded, run, or may still begin: none of their dependencies has failed or stopped."""
    found: set[str] = set()
    for name in TopologicalSorter({name: row.needs for name, row in by_name.items()}).static_order():
        row = by_name[name]
        if row.status in ("succeeded", "running") or (row.status == "waiting" and found.issuperset(row.needs)):
            found.add(name)
    return frozenset(found)


def _told(error: ApiError) -> str:
    return " ".join([error.detail, *(str(fault) for fault in error.faults)])
