"""Remove the checkpoints of succeeded jobs, which are never resumed."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from engine.errors import EngineError
from services.database.engine import Sessions, open_session
from services.database.models import Job
from services.jobs.reconciler import Runs
from services.settings import Settings

CHECKPOINTS: Final = "checkpoints"
_MOST_AT_ONCE: Final = 50
_log = logging.getLogger(__name__)


async def prune(sessions: Sessions, settings: Settings, runs: Runs) -> int:
    """Remove the checkpoints of jobs that succeeded long enough ago; return the number of those jobs.

    Adapter, figures, curves and logs stay.
    """
    before = datetime.now(UTC) - timedelta(seconds=settings.keep_checkpoints_s)
    query = (
        select(Job.id)
        .where(Job.status == "succeeded", Job.finished_at < before, Job.checkpoints_removed.is_(False))
        .order_by(Job.finished_at)
        .limit(_MOST_AT_ONCE)
    )
    async with open_session(sessions) as session:
        ended = (await session.scalars(query)).all()
    removed = 0
    for job_id in ended:
        try:
            await asyncio.to_thread(runs.of(job_id).delete, CHECKPOINTS)
            stored_bytes = await asyncio.to_thread(runs.of(job_id).size, "")
        except (EngineError, OSError) as error:
            _log.warning("checkpoints of job %s cannot be removed now: %s", job_id, error, extra={"job_id": job_id})
            continue
        removed += 1
        async with open_session(sessions) as session:
            kept = {
                "checkpoints_removed": True,
                "stored_bytes": stored_bytes,
                "updated_at": Job.updated_at,
            }  # for its user nothing has changed
            await session.execute(update(Job).where(Job.id == job_id).values(**kept))
            await session.commit()
    return removed
