"""Record the events that runs send."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from services.database.engine import Sessions, open_session
from services.jobs.events import append, from_run, locked_job, status_event
from services.jobs.metering import set_running
from services.jobs.states import TERMINAL


async def take_events(sessions: Sessions, job_id: uuid.UUID, events: Sequence[Mapping[str, Any]]) -> None:
    """Record a batch of a job's events, in order; known ones are dropped.

    Raises:
        UnavailableError: the database is unreachable; nothing was written, and the caller must send the batch again.
    """
    async with open_session(sessions) as session:
        job = await locked_job(session, job_id)
        if job is None or job.status in TERMINAL:
            return  # no such job, or all its events were read from the run's files when it ended
        if await append(session, job, from_run(events)) and job.status == "starting":
            set_running(job)
            await append(session, job, [status_event(job)])
        await session.commit()
