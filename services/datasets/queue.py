"""Uploaded datasets wait in PostgreSQL; this takes them to the cluster, and takes them again when a process dies."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import func, select, update

from cluster.errors import ObjectStorageError
from cluster.storage.run_store import S3RunStore
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetVersion, Upload
from services.datasets.processing import Outcome
from services.datasets.requests import upload_prefix, uploads_of, version_prefix
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
_EXPIRE_EVERY_S: Final = 60.0
_EXPIRED_AFTER: Final = timedelta(hours=1)
"""After the last address of an upload has ended: a slow file that began in time may still come."""
_log = logging.getLogger(__name__)


class DatasetQueue:
    """Processes datasets, a few at a time, and removes what deleted and never completed ones leave."""

    def __init__(self, settings: Settings, sessions: Sessions, process: Process, store: Store) -> None:
        self._settings = settings
        self._sessions = sessions
        self._process = process
        self._store = store
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._expire_at = 0.0
        self._trouble: dict[uuid.UUID, str] = {}
        """Why the last try of a dataset broke off."""

    async def round(self) -> None:
        """Start what waits; remove what is deleted."""
        async with open_session(self._sessions) as session:
            waiting = (
                await session.scalars(
                    select(Dataset.id)
                    .where(Dataset.status == "processing", Dataset.deleted_at.is_(None))
                    .order_by(Dataset.updated_at)
                )
            ).all()
            deleted = (
                await session.scalars(
                    select(Dataset.id).where(Dataset.deleted_at.is_not(None), Dataset.purged.is_(False)).limit(100)
                )
            ).all()
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRE_EVERY_S
            for dataset_id in await self._expired():
                await self._remove_uploads(dataset_id)
        for dataset_id in waiting:
            if len(self._running) >= _AT_ONCE:
                break
            if dataset_id not in self._running:
                task = asyncio.create_task(self._take(dataset_id), name=f"dataset {dataset_id}")
                self._running[dataset_id] = task
        for dataset_id in deleted:
            if dataset_id not in self._running:
                await self._purge(dataset_id)

    async def _expired(self) -> Sequence[uuid.UUID]:
        """Datasets whose files never came whole: they end in an error, and what did come is removed."""
        late = (
            select(Upload.dataset_id)
            .group_by(Upload.dataset_id)
            .having(func.max(Upload.expires_at) < datetime.now(UTC) - _EXPIRED_AFTER)
        )
        async with open_session(self._sessions) as session:
            ended = await session.scalars(
                update(Dataset)
                .where(Dataset.status == "pending", Dataset.deleted_at.is_(None), Dataset.id.in_(late))
                .values(status="error", error="The upload was never completed; make a new dataset.")
                .returning(Dataset)
            )
            found = ended.all()
            for dataset in sorted(found, key=lambda dataset: dataset.user_id):  # counters in one order, whoever else
                await dataset_ended(session, dataset)
            await session.commit()
        return [dataset.id for dataset in found]

    async def close(self) -> None:
        """Give up what runs; it stays in the queue."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _take(self, dataset_id: uuid.UUID) -> None:
        try:
            await self._process_one(dataset_id)
        except Exception as error:  # noqa: BLE001  the edge of a background task: the dataset stays in the queue
            _log.exception("processing of dataset %s broke off", dataset_id, extra={"dataset_id": dataset_id})
            self._trouble[dataset_id] = f" The last time: {type(error).__name__}: {error}"[:1000]
            await asyncio.sleep(self._settings.reconcile_s)
        finally:
            self._running.pop(dataset_id, None)

    async def _process_one(self, dataset_id: uuid.UUID) -> None:
        async with open_session(self._sessions) as session:
            found = await session.execute(
                update(Dataset)
                .where(Dataset.id == dataset_id, Dataset.status == "processing")
                .values(attempts=Dataset.attempts + 1, updated_at=Dataset.updated_at)
                .returning(Dataset.attempts, Dataset.source, Dataset.split)
            )
            row = found.one_or_none()
            if row is None:
                return
            attempts, source, split = row
            files = tuple(
                UploadedFile(upload.name, upload.key.removeprefix(f"{upload_prefix(dataset_id)}/"))
                for upload in await uploads_of(session, dataset_id)
            )
            await session.commit()
        if attempts > self._settings.dataset_attempts:
            message = f"Processing broke off {attempts - 1} times.{self._trouble.pop(dataset_id, '')}"
            await self._record(dataset_id, Outcome(version=None, error=message, report=None))
            return
        outcome = await self._process(Order(dataset_id, source, files, split))
        if await self._insist(lambda: self._record(dataset_id, outcome)):
            await self._insist(lambda: self._remove_uploads(dataset_id))

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it once the database and the store are there: what was processed is not processed again for their sake."""
        while True:
            try:
                return await action()
            except (UnavailableError, ObjectStorageError) as error:
                _log.warning("a dataset has been processed, and waits: %s", error)
                await asyncio.sleep(self._settings.reconcile_s)

    async def _record(self, dataset_id: uuid.UUID, outcome: Outcome) -> bool:
        """Write down what became of a dataset; whether it is ready now."""
        async with open_session(self._sessions) as session:
            dataset = (
                await session.scalars(select(Dataset).where(Dataset.id == dataset_id).with_for_update())
            ).one_or_none()
            if dataset is None or dataset.status != "processing":
                return dataset is not None and dataset.status == "ready"  # the answer to the last try was lost
            dataset.report = storable(outcome.report)
            if outcome.version is None:
                dataset.status = "error"
                dataset.error = str(storable(outcome.error or "no reason given"))[:10_000]
            else:
                version = outcome.version
                dataset.status = "ready"
                session.add(
                    DatasetVersion(
                        dataset_id=dataset_id,
                        number=1,
                        prefix=version_prefix(dataset_id, 1),
                        utterances=version.utterances,
                        audio_s=version.audio_s,
                        size=version.size,
                        statistics=storable(version.statistics),
                        sample=storable(version.sample),
                    )
                )
            await dataset_ended(session, dataset)
            await session.commit()
        return dataset.status == "ready"

    async def _purge(self, dataset_id: uuid.UUID) -> None:
        await self._remove_uploads(dataset_id)
        await asyncio.to_thread(self._store(f"datasets/{dataset_id}").delete, "")
        async with open_session(self._sessions) as session:
            await session.execute(update(Dataset).where(Dataset.id == dataset_id).values(purged=True))
            await session.commit()

    async def _remove_uploads(self, dataset_id: uuid.UUID) -> None:
        uploads = self._store(upload_prefix(dataset_id))
        await asyncio.to_thread(uploads.delete, "")
        in_parts = select(Upload.id).where(Upload.dataset_id == dataset_id, Upload.multipart_id.is_not(None)).limit(1)
        async with open_session(self._sessions) as session:
            came_in_parts = await session.scalar(in_parts) is not None
        if came_in_parts:
            await asyncio.to_thread(uploads.abandon_uploads)
