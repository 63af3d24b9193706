"""What users keep in object storage, and how much they may.

Counted is what was announced until it is there, and then what is: uploads by their declared size, imports by the largest
upload, jobs by what they are expected to keep. So two requests at the same time cannot pass what one could not.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import Dataset, DatasetVersion, Job, User
from services.errors import ForbiddenError
from services.settings import Settings

_DEPLOYMENT_LOCK: Final = 0x6C696D  # any number that nothing else in this database locks
_UNFINISHED: Final = ("pending", "processing")


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes in object storage, those included that were announced and are not there yet."""

    datasets: int
    """Versions of datasets, and the files that they were made of."""
    jobs: int
    """Checkpoints, adapters, models, logs, bundles."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.datasets + self.jobs


async def stored(session: AsyncSession, user_id: uuid.UUID | None = None) -> Stored:
    """What is kept for a user; None: for all of them. What is deleted does not count."""
    versions = (
        select(
            DatasetVersion.dataset_id,
            func.sum(DatasetVersion.size).label("size"),
            func.max(DatasetVersion.size).filter(DatasetVersion.status == "ready").label("largest"),
        )
        .where(DatasetVersion.deleted_at.is_(None), DatasetVersion.status != "error")
        .group_by(DatasetVersion.dataset_id)
        .subquery()
    )
    # What an import fetched was not measured: it counts as much as what was made of it.
    imported = func.coalesce(versions.c.largest, Dataset.source_bytes)
    source = case((Dataset.source["type"].astext == "upload", Dataset.source_bytes), else_=imported)
    has_source = Dataset.source_kept | Dataset.status.in_(_UNFINISHED)
    of_datasets = (
        select(func.coalesce(func.sum(func.coalesce(versions.c.size, 0) + case((has_source, source), else_=0)), 0))
        .select_from(Dataset)
        .outerjoin(versions, versions.c.dataset_id == Dataset.id)
        .where(Dataset.deleted_at.is_(None))
    )
    of_jobs = select(func.coalesce(func.sum(Job.stored_bytes), 0)).where(Job.deleted_at.is_(None))
    if user_id is not None:
        of_datasets = of_datasets.where(Dataset.user_id == user_id)
        of_jobs = of_jobs.where(Job.user_id == user_id)
    return Stored(int(await session.scalar(of_datasets) or 0), int(await session.scalar(of_jobs) or 0))


async def lock_user(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Let nobody else be admitted in this user's name until this transaction ends."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def import_bytes(session: AsyncSession, settings: Settings, user_id: uuid.UUID) -> int:
    """What an import counts as until it has been processed: the largest upload, or all that is left if that is less."""
    await lock_user(session, user_id)
    left = settings.max_upload_bytes
    if settings.storage_bytes_per_user is not None:
        left = min(left, settings.storage_bytes_per_user - (await stored(session, user_id)).total)
    return max(1, left)


async def admit_bytes(session: AsyncSession, settings: Settings, user_id: uuid.UUID, asked: int) -> None:
    """Let pass what fits the user's and the deployment's storage; others wait until this transaction ends.

    Args:
        session: of the database; the caller writes down what it asks for in the same transaction.
        settings: with both quotas.
        user_id: who asks.
        asked: bytes.

    Raises:
        ForbiddenError: it does not fit; says what is used, asked and allowed.
    """
    await lock_user(session, user_id)
    allowed = settings.storage_bytes_per_user
    if allowed is not None and (used := (await stored(session, user_id)).total) + asked > allowed:
        raise ForbiddenError(
            f"Your storage holds {_shown(used)} of the {_shown(allowed)} that are allowed, and this asks for "
            f"{_shown(asked)} more. Delete datasets, versions or jobs, or ask the operator for more "
            "(LIM_STORAGE_BYTES_PER_USER).",
            code="storage_quota",
        )
    allowed = settings.storage_bytes
    if allowed is None:
        return
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DEPLOYMENT_LOCK})
    if (used := (await stored(session)).total) + asked > allowed:
        raise ForbiddenError(
            f"The storage of all users holds {_shown(used)} of the {_shown(allowed)} that are allowed, and this asks for "
            f"{_shown(asked)} more. Delete what is not needed, or ask the operator for more (LIM_STORAGE_BYTES).",
            code="deployment_storage_quota",
        )


def _shown(size: int) -> str:
    """A size for people, with its exact bytes where it is small."""
    if size < 10_000:
        return f"{size} bytes"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.2f} {unit}"
    return f"{size} bytes"
