"""Usage and quotas of object storage.

Announced data counts until it has arrived: uploads by their declared size, imports as the largest upload, jobs by what
they are expected to keep. Concurrent requests therefore cannot exceed a quota together.
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

_DEPLOYMENT_LOCK: Final = 0x6C696D  # advisory lock; any number that nothing else in this database locks
_UNFINISHED: Final = ("pending", "processing")


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes in object storage, including announced data that has not arrived."""

    datasets: int
    """Versions of datasets and their source files."""
    jobs: int
    """Checkpoints, adapters, models, logs, bundles."""

    @property
    def total(self) -> int:
        """Total bytes."""
        return self.datasets + self.jobs


async def stored(session: AsyncSession, user_id: uuid.UUID | None = None) -> Stored:
    """Storage used by a user; None: by all users. Deleted data does not count."""
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
    # The size of an imported source is unknown: it counts as much as the largest version made from it.
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
    """Block the admission of the user's other requests until this transaction ends."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def import_bytes(session: AsyncSession, settings: Settings, user_id: uuid.UUID) -> int:
    """Bytes that an import counts until it is processed: the largest upload, or the user's remaining quota if less."""
    await lock_user(session, user_id)
    left = settings.max_upload_bytes
    if settings.storage_bytes_per_user is not None:
        left = min(left, settings.storage_bytes_per_user - (await stored(session, user_id)).total)
    return max(1, left)


async def admit_bytes(session: AsyncSession, settings: Settings, user_id: uuid.UUID, asked: int) -> None:
    """Check a request against the user's and the deployment's quota; blocks others until this transaction ends.

    Args:
        session: database session; the caller must record the requested bytes in the same transaction.
        settings: settings with both quotas.
        user_id: the user who asks.
        asked: requested bytes.

    Raises:
        ForbiddenError: a quota would be exceeded; says what is used, requested and allowed.
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
    """Human-readable size; exact below 10,000 bytes."""
    if size < 10_000:
        return f"{size} bytes"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.2f} {unit}"
    return f"{size} bytes"
