"""Keeps pipelines going: begins stages whose forerunners have succeeded, tries again what failed, settles what ended.

It remembers nothing: a pipeline and its stages are rows, and each look at one is a transaction that holds its row.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.engine import Sessions, open_session
from services.database.models import Job, Pipeline, PipelineStage
from services.errors import ApiError
from services.jobs.events import storable
from services.notifications.tell import pipeline_ended
from services.pipelines.kind import Done, Failed, Outcome, Running, Stopped, Work
from services.pipelines.kinds import KINDS
from services.pipelines.plan import Plan, RetryPolicy, stage_of
from services.settings import Settings

WAITS: Final = frozenset({"too_many_jobs"})
"""Refusals that pass by themselves."""
_log = logging.getLogger(__name__)


class PipelineRunner:
    """Looks at every pipeline that has not ended."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    async def round(self) -> None:
        """One look at each; one pipeline's trouble is not another's."""
        async with open_session(self._sessions) as session:
            active = (
                await session.scalars(
                    select(Pipeline.id)
                    .where(Pipeline.status.in_(("running", "stopping")))
                    .order_by(Pipeline.created_at, Pipeline.id)
                )
            ).all()
        for pipeline_id in active:
            try:
                await self._look(pipeline_id)
            except ApiError as error:
                _log.warning("pipeline %s: %s; looking again soon", pipeline_id, error)

    async def _look(self, pipeline_id: uuid.UUID) -> None:
        async with open_session(self._sessions) as session:
            found = select(Pipeline).where(Pipeline.id == pipeline_id).with_for_update(skip_locked=True)
            pipeline = (await session.scalars(found)).one_or_none()
            if pipeline is None or pipeline.status not in ("running", "stopping"):
                return  # somebody else is at it, or it has ended
            rows = await stages_of(session, pipeline_id)
            await _advance(session, self._settings, pipeline, rows)
            await session.commit()


async def stages_of(session: AsyncSession, pipeline_id: uuid.UUID) -> Sequence[PipelineStage]:
    """The stages of a pipeline, in the order in which they were declared."""
    query = select(PipelineStage).where(PipelineStage.pipeline_id == pipeline_id).order_by(PipelineStage.position)
    return (await session.scalars(query)).all()


async def _advance(
    session: AsyncSession, settings: Settings, pipeline: Pipeline, rows: Sequence[PipelineStage]
) -> None:
    if pipeline.status == "stopping":
        await _lock_jobs(session, rows)
    by_name = {row.name: row for row in rows}
    plan = Plan(
        {row.name: stage_of(row.type, row.name, row.settings) for row in rows}, {row.name: row.needs for row in rows}
    )
    moved = True
    while moved:
        moved = False
        for row in rows:
            work = Work(session, settings, pipeline, plan, by_name, row)
            if row.status == "running":
                moved |= await _look_at(work)
            elif row.status == "waiting" and pipeline.status == "running" and _may_begin(row, by_name):
                moved |= await _begin(work)
    _settle(pipeline, rows)
    if pipeline.finished_at is not None:
        told = [f"{row.name}: {row.error}" for row in rows if row.status == pipeline.status and row.error]
        await pipeline_ended(session, pipeline, told[0] if told else None)


async def _lock_jobs(session: AsyncSession, rows: Sequence[PipelineStage]) -> None:
    """All jobs that may be stopped, before the first of them is, and its user's counter of notifications with it.

    Whoever ends a job locks it and then the counter; one who held the counter and then wanted a job would wait for ever.
    """
    jobs = [row.job_id for row in rows if row.status == "running" and row.job_id is not None]
    await session.execute(select(Job.id).where(Job.id.in_(jobs)).order_by(Job.id).with_for_update())


def _may_begin(row: PipelineStage, by_name: Mapping[str, PipelineStage]) -> bool:
    if row.next_attempt_at is not None and row.next_attempt_at > datetime.now(UTC):
        return False
    return all(by_name[need].status == "succeeded" for need in row.needs)


async def _begin(work: Work) -> bool:
    row = work.row
    try:
        async with work.session.begin_nested():  # what is refused halfway leaves nothing
            outcome = await KINDS[row.type].begin(work)
    except ApiError as error:
        for each in (work.pipeline, *work.rows.values()):
            await work.session.refresh(each)  # what was rolled back is unknown now
        if error.code in WAITS:
            row.error = error.detail
            return False
        outcome = Failed(_told(error))
    row.status, row.error, row.next_attempt_at = "running", None, None
    row.started_at = row.started_at or datetime.now(UTC)
    row.attempts += 1
    _take(row, outcome)
    return True


async def _look_at(work: Work) -> bool:
    kind = KINDS[work.row.type]
    try:
        if work.pipeline.status == "stopping":
            async with work.session.begin_nested():
                await kind.stop(work)
        outcome = await kind.look(work)
    except ApiError as error:
        outcome = Failed(_told(error))
    if isinstance(outcome, Running):
        if work.pipeline.status == "stopping" and work.row.job_id is None:
            work.row.status = "waiting"  # nothing of ours runs
            work.row.attempts -= 1
        return False
    _take(work.row, outcome)
    return True


def _take(row: PipelineStage, outcome: Outcome) -> None:
    """Lay what came of a look on the stage."""
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
    """Say what the stages together come to, when none of them can go on."""
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
    """The stages that have succeeded, run, or may still begin: nothing that these need has ended otherwise than well."""
    found: set[str] = set()
    for name in TopologicalSorter({name: row.needs for name, row in by_name.items()}).static_order():
        row = by_name[name]
        if row.status in ("succeeded", "running") or (row.status == "waiting" and found.issuperset(row.needs)):
            found.add(name)
    return frozenset(found)


def _told(error: ApiError) -> str:
    return " ".join([error.detail, *(str(fault) for fault in error.faults)])
