"""Look up datasets and their versions; ownership is part of every query."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BindParameter, Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.database.models import Dataset, DatasetVersion, Upload
from services.errors import ConflictError, InvalidRequestError, NotFoundError

UNFINISHED: Final = ("pending", "processing")
"""Statuses of a version that is not made yet."""


def owned_datasets(user_id: uuid.UUID | BindParameter[uuid.UUID]) -> Select[Dataset]:
    """The datasets of a user: ownership is part of every query."""
    return select(Dataset).where(Dataset.user_id == user_id, Dataset.deleted_at.is_(None))


async def find_dataset(
    session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, *, lock: bool = False
) -> Dataset:
    """A dataset of the user.

    Raises:
        NotFoundError: no such dataset, or another user's.
    """
    query = owned_datasets(user_id).where(Dataset.id == dataset_id)
    if lock:
        query = query.with_for_update()
    dataset = (await session.scalars(query)).one_or_none()
    if dataset is None:
        raise no_such_dataset()
    return dataset


async def newest_versions(session: AsyncSession, dataset_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, DatasetVersion]:
    """The newest ready version of each dataset that has one."""
    query = (
        select(DatasetVersion)
        .where(
            DatasetVersion.dataset_id.in_(dataset_ids),
            DatasetVersion.status == "ready",
            DatasetVersion.deleted_at.is_(None),
        )
        .ext(distinct_on(DatasetVersion.dataset_id))
        .order_by(DatasetVersion.dataset_id, DatasetVersion.number.desc())
    )
    return {version.dataset_id: version for version in await session.scalars(query)}


async def ready_version(session: AsyncSession, dataset: Dataset, number: int | None = None) -> DatasetVersion:
    """A ready version of a dataset: the newest, or the one with a number.

    Raises:
        ConflictError: the dataset is not ready.
        InvalidRequestError: it has no such version, or that one is not ready.
    """
    query = select(DatasetVersion).where(
        DatasetVersion.dataset_id == dataset.id,
        DatasetVersion.status == "ready",
        DatasetVersion.deleted_at.is_(None),
    )
    ready = (await session.scalars(query.order_by(DatasetVersion.number.desc()))).all()
    if dataset.status != "ready" or not ready:
        raise ConflictError(
            f"The dataset is {dataset.status}, not ready.",
            code="dataset_not_ready",
            faults=[Fault("dataset_id", f"is {dataset.status}, not ready")],
        )
    found = ready[0] if number is None else next((each for each in ready if each.number == number), None)
    if found is None:
        numbers = ", ".join(str(each.number) for each in reversed(ready))
        fault = Fault("dataset_version", f"the dataset has no version {number} that is ready; those are: {numbers}")
        raise InvalidRequestError.of([fault], code="no_such_version")
    return found


async def newest_version_row(session: AsyncSession, dataset_id: uuid.UUID) -> DatasetVersion:
    """The newest version of a dataset, ready or not."""
    query = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.deleted_at.is_(None))
    return (await session.scalars(query.order_by(DatasetVersion.number.desc()).limit(1))).one()


async def uploads_of(session: AsyncSession, dataset_id: uuid.UUID) -> Sequence[Upload]:
    """The files that were declared for a dataset, in their order."""
    return (
        await session.scalars(select(Upload).where(Upload.dataset_id == dataset_id).order_by(Upload.position))
    ).all()


def no_such_dataset() -> NotFoundError:
    """The error for a dataset that does not exist or belongs to another user."""
    return NotFoundError("There is no such dataset.", code="dataset_not_found")


def versions_of(dataset_id: uuid.UUID) -> Select[DatasetVersion]:
    """The versions of a dataset that are not deleted."""
    return select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.deleted_at.is_(None))


async def unfinished_version(session: AsyncSession, dataset_id: uuid.UUID) -> DatasetVersion | None:
    """The version that waits for its upload or is being made, if there is one."""
    unfinished = versions_of(dataset_id).where(DatasetVersion.status.in_(UNFINISHED))
    return (await session.scalars(unfinished.limit(1))).first()


def check_source(dataset: Dataset) -> None:
    """Check that a dataset's source files are still kept.

    Raises:
        ConflictError: they are not.
    """
    if not dataset.source_kept:
        raise ConflictError(
            "The files that this dataset was made of are not kept any more, and a new version is made of them: upload "
            "them again as a new dataset. The operator decides how long they are kept (LIM_KEEP_SOURCES_S); earlier "
            "releases kept none.",
            code="source_gone",
        )
