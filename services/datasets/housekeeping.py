"""Remove what datasets leave behind: expired uploads, sources that are no longer kept, deleted datasets."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import delete, exists, func, or_, select, update

from cluster.storage.run_store import S3RunStore
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetItem, DatasetVersion, Job, Upload
from services.datasets.find import newest_version_row
from services.datasets.prefixes import upload_prefix, version_prefix
from services.jobs.kinds.ingestion import Ingestion
from services.jobs.states import ACTIVE
from services.notifications.tell import dataset_ended
from services.quarantine import Quarantine
from services.settings import Settings

Store = Callable[[str], S3RunStore]
"""The files below a prefix of the platform's bucket."""

_EXPIRE_EVERY_S: Final = 60.0
_EXPIRED_AFTER: Final = timedelta(hours=1)
"""Grace after an upload's last presigned URL has expired: a slow transfer that began in time may still finish."""
_PURGE_S: Final = 60.0
"""Longest time to remove the files of one dataset, in seconds; the rest is removed later."""
_LATE_S: Final = 3600.0
"""How long deleted datasets are checked again after their presigned URLs have expired: an upload may be slow."""


class DatasetHousekeeping:
    """Removes the files of deleted and never completed datasets, and sources whose retention is over."""

    def __init__(self, settings: Settings, sessions: Sessions, store: Store) -> None:
        """Housekeeping that has not started.

        Args:
            settings: how long sources are kept.
            sessions: session factory of the database with the datasets.
            store: gives the files below a prefix of the object store.
        """
        self._settings = settings
        self._sessions = sessions
        self._store = store
        self._purging = Quarantine("purge of dataset", _PURGE_S)
        self._expire_at = 0.0

    async def round(self) -> None:
        """Expire uploads and sources from time to time, and remove the files of what is deleted."""
        gone: list[uuid.UUID] = []
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRE_EVERY_S
            gone += [*await self._expired(), *await self._outlived()]
        elif self._settings.keep_sources_s == 0:
            gone += await self._outlived()
        for dataset_id in gone:
            await self._purging.look(dataset_id, partial(self._remove_uploads, dataset_id))
        await self._purge()

    async def _expired(self) -> Sequence[uuid.UUID]:
        """Fail the datasets whose upload was never completed; return them, so that their files are removed."""
        late = (
            select(Upload.dataset_id)
            .group_by(Upload.dataset_id)
            .having(func.max(Upload.expires_at) < datetime.now(UTC) - _EXPIRED_AFTER)
        )
        message = "The upload was never completed; make a new dataset."
        async with open_session(self._sessions) as session:
            ended = await session.scalars(
                update(Dataset)
                .where(Dataset.status == "pending", Dataset.deleted_at.is_(None), Dataset.id.in_(late))
                .values(status="error", error=message)
                .returning(Dataset)
            )
            found = ended.all()
            for dataset in sorted(found, key=lambda dataset: dataset.user_id):  # one order of locks: no deadlock
                version = await newest_version_row(session, dataset.id)
                version.status, version.error, version.finished_at = "error", message, datetime.now(UTC)
                await dataset_ended(session, dataset, version)
            await session.commit()
        return [dataset.id for dataset in found]

    async def _outlived(self) -> Sequence[uuid.UUID]:
        """Give up the sources whose retention after the newest version is over; return their datasets."""
        keep_s = self._settings.keep_sources_s
        if keep_s is None:
            return []
        recent = select(DatasetVersion.dataset_id).where(
            or_(
                DatasetVersion.status.in_(("pending", "processing")),
                DatasetVersion.finished_at > func.now() - timedelta(seconds=keep_s),
            )
        )
        old = update(Dataset).where(
            Dataset.source_kept,
            Dataset.status == "ready",
            Dataset.id.not_in(recent),
            # A version that is requested at this moment updates the dataset.
            Dataset.updated_at <= func.now() - timedelta(seconds=keep_s),
        )
        async with open_session(self._sessions) as session:
            found = (await session.scalars(old.values(source_kept=False).returning(Dataset.id))).all()
            await session.commit()
        return found

    async def _purge(self) -> None:
        """Remove the objects of deleted datasets and versions, unless something still writes there."""
        busy = exists().where(Job.dataset_id == Dataset.id, Job.type == Ingestion.name, Job.status.in_(ACTIVE))
        async with open_session(self._sessions) as session:
            datasets = (
                await session.scalars(
                    select(Dataset.id)
                    .where(Dataset.deleted_at.is_not(None), Dataset.purged.is_(False), ~busy)
                    .order_by(func.random())  # those that cannot be removed do not block the rest
                    .limit(100)
                )
            ).all()
            versions = (
                await session.scalars(
                    select(DatasetVersion)
                    .where(DatasetVersion.deleted_at.is_not(None), DatasetVersion.purged.is_(False))
                    .order_by(func.random())
                    .limit(100)
                )
            ).all()
        for dataset_id in datasets:
            await self._purging.look(dataset_id, partial(self._purge_dataset, dataset_id))
        for version in versions:
            await self._purging.look(version.id, partial(self._purge_version, version))

    async def purge_late(self) -> None:
        """Remove what was uploaded to deleted datasets after their purge: presigned URLs stay valid for a while."""
        since = datetime.now(UTC) - timedelta(seconds=self._settings.upload_url_s + _LATE_S)
        async with open_session(self._sessions) as session:
            found = select(Dataset.id).where(Dataset.deleted_at > since, Dataset.purged.is_(True))
            purged = (await session.scalars(found)).all()
        for dataset_id in purged:
            await self._purging.look(dataset_id, partial(self._remove_uploads, dataset_id))

    async def _purge_dataset(self, dataset_id: uuid.UUID) -> None:
        await self._remove_uploads(dataset_id)
        await asyncio.to_thread(self._store(f"datasets/{dataset_id}").delete, "")
        of_dataset = select(DatasetVersion.id).where(DatasetVersion.dataset_id == dataset_id)
        async with open_session(self._sessions) as session:
            await session.execute(delete(DatasetItem).where(DatasetItem.version_id.in_(of_dataset)))
            await session.execute(update(Dataset).where(Dataset.id == dataset_id).values(purged=True))
            await session.commit()

    async def _purge_version(self, version: DatasetVersion) -> None:
        await asyncio.to_thread(self._store(version_prefix(version.dataset_id, version.number)).delete, "")
        async with open_session(self._sessions) as session:
            await session.execute(delete(DatasetItem).where(DatasetItem.version_id == version.id))
            await session.execute(update(DatasetVersion).where(DatasetVersion.id == version.id).values(purged=True))
            await session.commit()

    async def _remove_uploads(self, dataset_id: uuid.UUID) -> None:
        uploads = self._store(upload_prefix(dataset_id))
        await asyncio.to_thread(uploads.delete, "")
        in_parts = select(Upload.id).where(Upload.dataset_id == dataset_id, Upload.multipart_id.is_not(None)).limit(1)
        async with open_session(self._sessions) as session:
            came_in_parts = await session.scalar(in_parts) is not None
        if came_in_parts:
            await asyncio.to_thread(uploads.abandon_uploads)
