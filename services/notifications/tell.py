"""Write notifications in the transaction that ends a resource, so that none is lost or duplicated."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Dataset, DatasetVersion, Job, Notification, NotificationSettings, Pipeline
from services.database.notify import NOTIFICATIONS, WORK, notify

_LONGEST_DETAIL: Final = 2000


async def job_ended(session: AsyncSession, job: Job, detail: str | None = None) -> None:
    """Notify the user that a job has reached a final status; does not commit.

    The user's counter stays locked until the transaction ends: take all other locks first.
    """
    await _tell(session, job.user_id, f"job_{job.status}", job.id, job.life, job.name, detail)


async def dataset_ended(session: AsyncSession, dataset: Dataset, version: DatasetVersion) -> None:
    """Like `job_ended`, for a version of a dataset that is ready or in an error."""
    detail = version.error
    if version.number > 1:
        detail = f"version {version.number}" + (f": {detail}" if detail else "")
    kind = f"dataset_{version.status}"
    await _tell(session, dataset.user_id, kind, dataset.id, dataset.life, dataset.name, detail)


async def pipeline_ended(session: AsyncSession, pipeline: Pipeline, detail: str | None = None) -> None:
    """Like `job_ended`, for a pipeline in a final status."""
    kind = f"pipeline_{pipeline.status}"
    await _tell(session, pipeline.user_id, kind, pipeline.id, pipeline.life, pipeline.name, detail)


async def _tell(
    session: AsyncSession,
    user_id: uuid.UUID,
    kind: str,
    resource_id: uuid.UUID,
    life: int,
    name: str,
    detail: str | None,
) -> None:
    wanted = await _counted(session, user_id)
    if wanted.kinds is not None and kind not in wanted.kinds:
        return
    row = {
        "id": uuid.uuid4(),
        "user_id": user_id,
        "seq": wanted.last_seq,
        "kind": kind,
        "resource_id": resource_id,
        "life": life,
        "name": name,
        "detail": detail[:_LONGEST_DETAIL] if detail else None,
    }
    if wanted.webhook_url is not None:
        row |= {"webhook_status": "pending", "next_attempt_at": datetime.now(UTC)}
    fresh = insert(Notification).values(**row).on_conflict_do_nothing().returning(Notification.id)
    if await session.scalar(fresh) is None:
        return  # the user was already notified of this end
    await notify(session, NOTIFICATIONS, str(user_id))
    if wanted.webhook_url is not None:
        await notify(session, WORK)


async def _counted(session: AsyncSession, user_id: uuid.UUID) -> Row[Any]:
    """The user's settings with the next sequence number; their row stays locked until this transaction has ended.

    Numbers therefore become visible in order, and a reader that continues after a number misses none. An unused number
    leaves a gap, which has no meaning.
    """
    counted = insert(NotificationSettings).values(user_id=user_id, last_seq=1)
    counted = counted.on_conflict_do_update(
        index_elements=[NotificationSettings.user_id], set_={"last_seq": NotificationSettings.last_seq + 1}
    )
    columns = (NotificationSettings.last_seq, NotificationSettings.kinds, NotificationSettings.webhook_url)
    return (await session.execute(counted.returning(*columns))).one()
