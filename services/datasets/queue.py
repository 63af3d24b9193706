"""Dataset versions wait in PostgreSQL; this takes them to the cluster, and takes them again when a process dies."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.errors import ObjectStorageError
from cluster.storage.run_store import S3RunStore
from engine.data.items import read_items
from engine.data.version_files import ITEMS_NAME
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetItem, DatasetVersion, Upload
from services.datasets.item_rows import batched, item_row
from services.datasets.processing import Outcome
from services.datasets.requests import newest_version_row, upload_prefix, uploads_of, version_prefix
from services.datasets.sources import Order, UploadedFile
from services.errors import UnavailableError
from services.jobs.events import storable
from services.notifications.tell import dataset_ended
from services.settings import Settings

T = TypeVar("T")
Process = Callable[[Order], Awaitable[Outcome]]
"""Runs `services.datasets.processing.process` somewhere; raises when that somewhere dies."""
Store = Callable[[str], S3RunStore]
"""The files below a prefix of the platform's bucket."""

_AT_ONCE: Final = 2
_ITEMS_AT_ONCE: Final = 2_000
_EXPIRE_EVERY_S: Final = 60.0
_EXPIRED_AFTER: Final = timedelta(hours=1)
"""After the last address of an upload has ended: a slow file that began in time may still come."""
_log = logging.getLogger(__name__)


class DatasetQueue:
    """Processes dataset versions, a few at a time, and removes what deleted and never completed datasets leave."""

    def __init__(self, settings: Settings, sessions: Sessions, process: Process, store: Store) -> None:
        self._settings = settings
        self._sessions = sessions
        self._process = process
        self._store = store
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._busy: dict[uuid.UUID, uuid.UUID] = {}
        """The dataset of each version that is processed."""
        self._expire_at = 0.0
        self._trouble: dict[uuid.UUID, str] = {}
        """Why the last try of a version broke off."""

    async def round(self) -> None:
        """Start what waits; remove what is deleted."""
        async with open_session(self._sessions) as session:
            waiting = (
                await session.execute(
                    select(DatasetVersion.id, DatasetVersion.dataset_id)
                    .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
                    .where(DatasetVersion.status == "processing", Dataset.deleted_at.is_(None))
                    .order_by(DatasetVersion.created_at)
                )
            ).all()
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRE_EVERY_S
            for dataset_id in [*await self._expired(), *await self._outlived()]:
                await self._remove_uploads(dataset_id)
        for version_id, dataset_id in waiting:
            if len(self._running) >= _AT_ONCE:
                break
            if version_id not in self._running:
                task = asyncio.create_task(self._take(version_id), name=f"dataset version {version_id}")
                self._running[version_id], self._busy[version_id] = task, dataset_id
        await self._purge()

    async def _expired(self) -> Sequence[uuid.UUID]:
        """Datasets whose files never came whole: they end in an error, and what did come is removed."""
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
            for dataset in sorted(found, key=lambda dataset: dataset.user_id):  # counters in one order, whoever else
                version = await newest_version_row(session, dataset.id)
                version.status, version.error, version.finished_at = "error", message, datetime.now(UTC)
                await dataset_ended(session, dataset, version)
            await session.commit()
        return [dataset.id for dataset in found]

    async def _outlived(self) -> Sequence[uuid.UUID]:
        """Datasets whose source was kept as long as the operator keeps it after their newest version."""
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
            # A version that is asked for in this moment touches the dataset.
            Dataset.updated_at <= func.now() - timedelta(seconds=keep_s),
        )
        async with open_session(self._sessions) as session:
            found = (await session.scalars(old.values(source_kept=False).returning(Dataset.id))).all()
            await session.commit()
        return found

    async def close(self) -> None:
        """Give up what runs; it stays in the queue."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _take(self, version_id: uuid.UUID) -> None:
        try:
            await self._process_one(version_id)
        except Exception as error:  # noqa: BLE001  the edge of a background task: the version stays in the queue
            told = {"version_id": version_id, "dataset_id": self._busy[version_id]}
            _log.exception("processing of dataset version %s broke off", version_id, extra=told)
            self._trouble[version_id] = f" The last time: {type(error).__name__}: {error}"[:1000]
            await asyncio.sleep(self._settings.reconcile_s)
        finally:
            self._running.pop(version_id, None)
            self._busy.pop(version_id, None)

    async def _process_one(self, version_id: uuid.UUID) -> None:
        async with open_session(self._sessions) as session:
            found = await session.scalars(
                update(DatasetVersion)
                .where(DatasetVersion.id == version_id, DatasetVersion.status == "processing")
                .values(attempts=DatasetVersion.attempts + 1)
                .returning(DatasetVersion)
            )
            version = found.one_or_none()
            if version is None:
                return
            attempts = version.attempts
            order = await self._order(session, version)
            await session.commit()
        if attempts > self._settings.dataset_attempts:
            message = f"Processing broke off {attempts - 1} times.{self._trouble.pop(version_id, '')}"
            await self._record(version_id, Outcome(version=None, error=message, report=None))
            return
        outcome = await self._process(order)
        items = None
        if outcome.version is not None:
            items = await self._insist(lambda: self._store_items(version_id, order))
        is_ready = await self._insist(lambda: self._record(version_id, outcome, items))
        if is_ready and self._settings.keep_sources_s == 0:
            for dataset_id in await self._insist(self._outlived):
                await self._insist(lambda dataset_id=dataset_id: self._remove_uploads(dataset_id))  # type: ignore[misc]  # bound now, not later

    async def _order(self, session: AsyncSession, version: DatasetVersion) -> Order:
        await session.refresh(version, ["decisions", "item_decisions"])
        dataset_id = version.dataset_id
        source = (await session.scalars(select(Dataset.source).where(Dataset.id == dataset_id))).one()
        files = tuple(
            UploadedFile(upload.name, (upload.sealed_key or upload.key).removeprefix(f"{upload_prefix(dataset_id)}/"))
            for upload in await uploads_of(session, dataset_id)
        )
        record = {
            "parent": version.parent,
            "options": version.options,
            "decisions": version.decisions,
            "item_decisions": version.item_decisions,
        }
        return Order(dataset_id, source, files, version.number, record)

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it once the database and the store are there: what was processed is not processed again for their sake."""
        while True:
            try:
                return await action()
            except (UnavailableError, ObjectStorageError) as error:
                _log.warning("a dataset has been processed, and waits: %s", error)
                await asyncio.sleep(self._settings.reconcile_s)

    async def _store_items(self, version_id: uuid.UUID, order: Order) -> int:
        """Write a version's items into the database, in place of what an earlier try wrote; how many they are."""
        version = self._store(version_prefix(order.dataset_id, order.number))
        with tempfile.TemporaryDirectory(prefix="lim-items-") as folder:
            path = Path(folder) / ITEMS_NAME
            await asyncio.to_thread(version.get, ITEMS_NAME, path)
            async with open_session(self._sessions) as session:
                await session.execute(delete(DatasetItem).where(DatasetItem.version_id == version_id))
                count = 0
                for batch in batched(read_items(path), _ITEMS_AT_ONCE):
                    rows = [item_row(version_id, count + at, item) for at, item in enumerate(batch)]
                    await session.execute(insert(DatasetItem), rows)
                    count += len(rows)
                await session.commit()
        return count

    async def _record(self, version_id: uuid.UUID, outcome: Outcome, items: int | None = None) -> bool:
        """Write down what became of a version; whether it is ready now."""
        async with open_session(self._sessions) as session:
            of_version = select(DatasetVersion.dataset_id).where(DatasetVersion.id == version_id).scalar_subquery()
            dataset = (
                await session.scalars(select(Dataset).where(Dataset.id == of_version).with_for_update())
            ).one_or_none()
            version = await session.get(DatasetVersion, version_id)
            if dataset is None or version is None or version.status != "processing":
                return version is not None and version.status == "ready"  # the answer to the last try was lost
            version.report = storable(outcome.report)
            version.finished_at = datetime.now(UTC)
            if outcome.version is None:
                version.status = "error"
                version.error = str(storable(outcome.error or "no reason given"))[:10_000]
                if dataset.status == "processing":
                    dataset.status, dataset.error = "error", version.error
            else:
                made = outcome.version
                version.status, dataset.status, dataset.error = "ready", "ready", None
                version.items = items
                version.utterances, version.audio_s, version.size = made.utterances, made.audio_s, made.size
                version.statistics, version.sample = storable(made.statistics), storable(made.sample)
            if version.number > 1:
                dataset.life += 1
            await dataset_ended(session, dataset, version)
            await session.commit()
        return version.status == "ready"

    async def _purge(self) -> None:
        """Remove the objects of deleted datasets and versions."""
        async with open_session(self._sessions) as session:
            datasets = (
                await session.scalars(
                    select(Dataset.id).where(Dataset.deleted_at.is_not(None), Dataset.purged.is_(False)).limit(100)
                )
            ).all()
            versions = (
                await session.scalars(
                    select(DatasetVersion)
                    .where(DatasetVersion.deleted_at.is_not(None), DatasetVersion.purged.is_(False))
                    .limit(100)
                )
            ).all()
        busy = set(self._busy.values())
        for dataset_id in datasets:
            if dataset_id not in busy:
                await self._purge_dataset(dataset_id)
        for version in versions:
            await self._purge_version(version)

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
