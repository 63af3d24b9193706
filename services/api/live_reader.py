"""What has changed of a user's resources since a position, as events.

Triggers keep the newest transaction of each row in the table `changes` (migration 0022). Transactions end in another order
than that of their numbers, so the newest number is no position: an older transaction may still be open. The position is
PostgreSQL's own horizon, `pg_snapshot_xmin`: all transactions before it have ended. What is at or after the horizon is
told when it is seen, remembered so that it is not told twice, and looked at again next time (docs/adr/0059).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.dataset_models import of_newest
from services.api.event_stream import EventRow, encode, event_data
from services.api.live_models import (
    JOB_COLUMNS,
    DatasetState,
    JobState,
    LiveDataset,
    LiveEvent,
    LiveJob,
    LiveNotification,
    LiveNotifications,
    LivePipeline,
    LiveReady,
    LiveReset,
    PipelineState,
)
from services.api.live_position import Position
from services.api.notification_stream import newer_notifications
from services.api.routers.pipelines import PipelineOut, stages_of
from services.database.housekeeping import GONE_S
from services.database.models import Dataset, DatasetVersion, Job, JobEvent, Pipeline, PipelineStage
from services.datasets.find import owned_datasets
from services.jobs.kinds.ingestion import Ingestion
from services.jobs.kinds.sweep import Sweep
from services.jobs.owned import owned_jobs
from services.notifications.requests import standing
from services.notifications.shown import NotificationOut
from services.pipelines.requests import owned_pipelines

MOST_TOLD: Final = 500
"""Changed resources that are told one by one; of more, a reader reads again what it shows."""
_MOST_SEEN: Final = 5000
_MOST_EVENTS: Final = 500
_MOST_NOTIFICATIONS: Final = 200
_NEVER: Final = 2**62
"""A number that no transaction reaches."""

# One statement, and so one snapshot: what it does not see is at or after its horizon.
_CHANGED: Final = text(
    """
    SELECT
        CAST(CAST(pg_snapshot_xmin(now.snapshot) AS text) AS bigint) AS horizon,
        CAST(CAST(pg_snapshot_xmax(now.snapshot) AS text) AS bigint) AS unborn,
        change.row_id, change.kind, change.resource_id, change.transaction_id
    FROM (SELECT pg_current_snapshot() AS snapshot) AS now
    LEFT JOIN changes AS change
        ON change.user_id = :user_id AND change.transaction_id >= :after
        AND change.transaction_id < CAST(CAST(pg_snapshot_xmax(now.snapshot) AS text) AS bigint)
    LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found."""

    messages: Sequence[bytes]
    """Encoded events."""
    more: bool = False
    """Whether there is more to tell now."""


class LiveReader:
    """A reader's place in a user's stream."""

    def __init__(self, user_id: uuid.UUID, position: Position | None, followed: Mapping[uuid.UUID, int | None]) -> None:
        """A reader.

        Args:
            user_id: whose resources.
            position: the last known position; None: a new reader.
            followed: jobs of the user, with the number of the last known event; None: only events from now on.
        """
        self._user_id = user_id
        self._position = position
        self._followed = dict(followed)
        self._seen: Mapping[uuid.UUID, int] = {}
        """Changes at or after the horizon that have been told: their transactions by row."""
        self._unread: frozenset[uuid.UUID] = frozenset()
        """Followed jobs that may have events after those told."""
        self._has_unread_notifications = False
        self._is_open = False

    async def look(self, session: AsyncSession) -> Look:
        """What has changed since the last look; at the first one, a greeting before. A look that fails changes nothing."""
        before = dict(vars(self))
        try:
            return await self._look(session)
        except BaseException:
            vars(self).update(before)
            raise

    async def _look(self, session: AsyncSession) -> Look:
        messages = [] if self._is_open else [await self._open(session)]
        rows = await self._changed(session, self._at.transaction)
        changes = [row for row in rows if row.row_id is not None]
        untold = [row for row in changes if self._seen.get(row.row_id) != row.transaction_id]
        horizon = int(rows[0].horizon)
        messages += await self._events_of_jobs(session, _ids(untold, "job"))
        if untold and (len(changes) >= _MOST_SEEN or len(untold) > MOST_TOLD):
            messages += await self._notifications(session, has_changed=True)
            frames: list[LiveEvent] = [LiveReset()]
        else:
            has_notifications = any(row.kind == "notification" for row in untold)
            messages += await self._notifications(session, has_changed=has_notifications)
            frames = await self._states(session, untold)
            if has_notifications:
                now = await standing(session, self._user_id)
                frames.append(LiveNotifications(unread=now.unread, last_seq=now.last_seq))
        messages += [self._message(frame) for frame in frames[:-1]]
        # The last event has the new position: who has not got it is told again what was told before it.
        self._position = replace(self._at, transaction=horizon)
        messages += [self._message(frame) for frame in frames[-1:]]
        self._seen = {row.row_id: row.transaction_id for row in changes if row.transaction_id >= horizon}
        return Look(messages, more=bool(self._unread) or self._has_unread_notifications)

    @property
    def _at(self) -> Position:
        assert self._position is not None, "the reader is open"
        return self._position

    async def _open(self, session: AsyncSession) -> bytes:
        """Find the place in the stream: after the reader's position, or now."""
        [now] = await self._changed(session, _NEVER)
        given = self._position
        is_known = given is not None and given.transaction <= now.unborn and given.told_s > time.time() - GONE_S
        if given is None or not is_known:
            last = (await standing(session, self._user_id)).last_seq
            given = Position(int(now.horizon), last, 0)
        query = owned_jobs(self._user_id).where(Job.id.in_(self._followed)).with_only_columns(Job.id, Job.last_seq)
        newest = {row.id: int(row.last_seq) for row in await session.execute(query)}
        jobs = {job: newest[job] if seq is None else seq for job, seq in self._followed.items() if job in newest}
        self._position = replace(given, jobs=jobs)
        self._unread = frozenset(jobs)
        self._has_unread_notifications = is_known
        self._is_open = True
        return self._message(LiveReady(resumed=is_known))

    async def _changed(self, session: AsyncSession, after: int) -> Sequence[Row[Any]]:
        values = {"user_id": self._user_id, "after": after, "most": _MOST_SEEN}
        return (await session.execute(_CHANGED, values)).all()

    async def _events_of_jobs(self, session: AsyncSession, changed: Collection[uuid.UUID]) -> list[bytes]:
        """New events of the followed jobs, a batch of each."""
        messages = []
        for job_id in [job for job in self._at.jobs if job in changed or job in self._unread]:
            query = (
                select(JobEvent.seq, JobEvent.kind, JobEvent.key, JobEvent.time, JobEvent.data)
                .join(Job, Job.id == JobEvent.job_id)
                .where(JobEvent.job_id == job_id, JobEvent.seq > self._at.jobs[job_id])
                .where(Job.user_id == self._user_id, Job.deleted_at.is_(None))
                .order_by(JobEvent.seq)
                .limit(_MOST_EVENTS)
            )
            events = [EventRow(*row) for row in await session.execute(query)]
            for event in events:
                self._position = replace(self._at, jobs={**self._at.jobs, job_id: event.seq})
                data = encode({"kind": event.kind, "id": str(job_id), "event": event_data(event)})
                messages.append(self._encoded(event.kind, data))
            self._unread -= {job_id}
            if len(events) == _MOST_EVENTS:
                self._unread |= {job_id}
        return messages

    async def _notifications(self, session: AsyncSession, *, has_changed: bool) -> list[bytes]:
        """New notifications, a batch."""
        if not has_changed and not self._has_unread_notifications:
            return []
        messages = []
        newer = await newer_notifications(session, self._user_id, self._at.notification, _MOST_NOTIFICATIONS)
        for row in newer:
            self._position = replace(self._at, notification=row.seq)
            messages.append(self._message(LiveNotification(id=row.id, notification=NotificationOut.of(row))))
        self._has_unread_notifications = len(newer) == _MOST_NOTIFICATIONS
        return messages

    async def _states(self, session: AsyncSession, changes: Sequence[Row[Any]]) -> list[LiveEvent]:
        """The newest states of the resources that have changed, and of those that show a job that has."""
        frames: list[LiveEvent] = []
        job_ids = _ids(changes, "job")
        jobs = await self._jobs(session, job_ids)
        for job_id in job_ids:
            job = jobs.get(job_id)
            if job is None:
                frames.append(LiveJob(kind="job", id=job_id, deleted=True))
            else:
                frames.append(LiveJob(kind="sweep" if job.type == Sweep.name else "job", id=job_id, job=job))
        self._position = replace(
            self._at, jobs={job: seq for job, seq in self._at.jobs.items() if job not in job_ids or job in jobs}
        )
        dataset_ids = _ids(changes, "dataset")
        shown = dict.fromkeys([*dataset_ids, *(job.dataset_id for job in jobs.values() if job.type == Ingestion.name)])
        datasets = await self._datasets(session, shown)
        for dataset_id in shown:
            if dataset_id in datasets:
                frames.append(LiveDataset(id=dataset_id, dataset=datasets[dataset_id]))
            elif dataset_id in dataset_ids:
                frames.append(LiveDataset(id=dataset_id, deleted=True))
        pipeline_ids = _ids(changes, "pipeline")
        pipelines = await self._pipelines(session, pipeline_ids, jobs)
        frames += [LivePipeline(id=each.id, pipeline=each) for each in pipelines]
        gone = set(pipeline_ids) - {each.id for each in pipelines}
        frames += [LivePipeline(id=each, deleted=True) for each in pipeline_ids if each in gone]
        return frames

    async def _jobs(self, session: AsyncSession, job_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, JobState]:
        if not job_ids:
            return {}
        query = owned_jobs(self._user_id).where(Job.id.in_(job_ids)).with_only_columns(*JOB_COLUMNS)
        return {row.id: JobState.model_validate(row) for row in await session.execute(query)}

    async def _datasets(
        self, session: AsyncSession, dataset_ids: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, DatasetState]:
        if not dataset_ids:
            return {}
        columns = [getattr(Dataset, name) for name in DatasetState.model_fields if hasattr(Dataset, name)]
        query = owned_datasets(self._user_id).where(Dataset.id.in_(dataset_ids))
        query = query.with_only_columns(
            *columns,
            of_newest(DatasetVersion.number).label("version"),
            of_newest(DatasetVersion.job_id, ready=False).label("job_id"),
        )
        rows = (await session.execute(query)).all()
        made_by = select(Job.id, Job.phase, Job.progress).where(Job.id.in_([row.job_id for row in rows if row.job_id]))
        jobs = {row.id: row for row in await session.execute(made_by)}
        return {
            row.id: DatasetState(
                **row._mapping,
                phase=jobs[row.job_id].phase if row.job_id in jobs else None,
                progress=jobs[row.job_id].progress if row.job_id in jobs else None,
            )
            for row in rows
        }

    async def _pipelines(
        self, session: AsyncSession, pipeline_ids: Collection[uuid.UUID], jobs: Collection[uuid.UUID]
    ) -> list[PipelineState]:
        """Pipelines that have changed, and those in progress with a stage whose job has."""
        wanted = set(pipeline_ids)
        if jobs:
            with_jobs = owned_pipelines(self._user_id).join(PipelineStage, PipelineStage.pipeline_id == Pipeline.id)
            with_jobs = with_jobs.where(Pipeline.status.in_(("running", "stopping")), PipelineStage.job_id.in_(jobs))
            wanted |= set(await session.scalars(with_jobs.with_only_columns(Pipeline.id)))
        if not wanted:
            return []
        rows = (await session.scalars(owned_pipelines(self._user_id).where(Pipeline.id.in_(wanted)))).all()
        stages = await stages_of(session, [row.id for row in rows])
        return [PipelineState.of(PipelineOut.of(row, stages[row.id])) for row in rows]

    def _message(self, frame: LiveEvent) -> bytes:
        return self._encoded(frame.kind, frame.model_dump_json())

    def _encoded(self, kind: str, data: str) -> bytes:
        position = replace(self._at, told_s=int(time.time()))
        return f"id: {position}\nevent: {kind}\ndata: {data}\n\n".encode()


def _ids(changes: Sequence[Row[Any]], kind: str) -> list[uuid.UUID]:
    """The resources of a kind among changes, each once, in the order of their last change."""
    mine = sorted((row for row in changes if row.kind == kind), key=lambda row: int(row.transaction_id))
    return list(dict.fromkeys(row.resource_id for row in mine))
