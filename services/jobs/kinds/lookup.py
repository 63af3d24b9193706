"""What several kinds look up to resolve a request."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Dataset, DatasetVersion
from services.datasets.find import ready_version
from services.errors import NotFoundError
from services.jobs.checks import check_task


async def usable_dataset(
    session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int | None, task: str
) -> tuple[Dataset, DatasetVersion]:
    """A user's dataset for a task, and a ready version; neither can be deleted until this transaction ends.

    Args:
        session: database session.
        user_id: owner of the dataset.
        dataset_id: its id.
        number: number of the version; None: the newest that is ready.
        task: what is trained or measured on it.

    Raises:
        NotFoundError: no such dataset or version, or another user's.
        InvalidRequestError: the dataset is for another task.
        ConflictError: the version is not ready.
    """
    dataset = (
        await session.scalars(
            select(Dataset)
            .where(Dataset.id == dataset_id, Dataset.user_id == user_id, Dataset.deleted_at.is_(None))
            .with_for_update(read=True)  # not deleted before the job is visible
        )
    ).one_or_none()
    if dataset is None:
        raise NotFoundError("There is no such dataset.", code="dataset_not_found")
    check_task(dataset, task)
    return dataset, await ready_version(session, dataset, number)
