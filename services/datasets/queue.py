"""Process the dataset versions that are queued in PostgreSQL, and retry them when a process dies."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Text, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.errors import ObjectStorageError
from cluster.storage.run_store import S3RunStore
from engine.data.items import ItemRecord, read_items
from engine.data.version_files import ITEMS_NAME
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetItem, DatasetVersion, Upload
from services.datasets.download import DownloadInterruptedError
from services.datasets.item_rows import batched, item_row
from services.datasets.prefixes import upload_prefix, version_prefix
from services.datasets.processing import Outcome
from services.datasets.requests import newest_version_row, uploads_of
from services.datasets.sources import Order, UploadedFile, is_fetched
from services.errors import UnavailableError
from services.jobs.events import storable
from services.notifications.tell import dataset_ended
from services.quarantine import Quarantine
from services.settings import Settings
from services.turns import Turns

T = TypeVar("T")
Process = Callable[[Order], Awaitable[Outcome]]
"""Runs `services.datasets.processing.process`; raises if the process that runs it dies."""
Bring = Callable[[Order], Awaitable[str | None]]
"""Runs `services.datasets.processing.bring`; raises if a retry may succeed."""
Store = Callable[[str], S3RunStore]
"""The files below a prefix of the platform's bucket."""

_ITEMS_AT_ONCE: Final = 500
_EXPIRE_EVERY_S: Final = 60.0
_EXPIRED_AFTER: Final = timedelta(hours=1)
"""Grace after an upload's last presigned URL has expired: a slow transfer that began in time may still finish."""
_PURGE_S: Final = 60.0
"""Longest time to remove the files of one dataset, in seconds; the rest is removed later."""
_LATE_S: Final = 3600.0
"""How long deleted datasets are checked again after their presigned URLs have expired: an upload may be slow."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A version that waits to be processed."""

    user_id: uuid.UUID
    dataset_id: uuid.UUID
    version_id: uuid.UUID


class _Slots:
    """Concurrent work for users in turn; no user gets all of several slots, so that others need not wait."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._most_per_user = max(1, count - 1)
        self._turns = Turns()
        self.running: dict[uuid.UUID, tuple[_Waiting, asyncio.Task[None]]] = {}
        """Running work by version."""

    def fill(self, waiting: Iterable[_Waiting], work: Callable[[_Waiting], Coroutine[Any, Any, None]]) -> None:
        """Start waiting work while there are free slots."""
        by_version = {each.version_id: each for each in waiting if each.version_id not in self.running}
        for user_id, version_id in self._turns.order((each.user_id, each.version_id) for each in by_version.values()):
            if len(self.running) >= self._count:
                return
            if sum(each.user_id == user_id for each, _ in self.running.values()) >= self._most_per_user:
                continue
            self._turns.serve(user_id, version_id)
            each = by_version[version_id]
            task = asyncio.create_task(self._run(each, work), name=f"dataset version {version_id}")
            self.running[version_id] = each, task

    async def _run(self, each: _Waiting, work: Callable[[_Waiting], Coroutine[Any, Any, None]]) -> None:
        try:
            await work(each)
        finally:
            self.running.pop(each.version_id, None)

    async def cancel(self, versions: Iterable[uuid.UUID]) -> None:
        """Cancel the work on these versions, and wait until it has ended."""
        tasks = [self.running[version_id][1] for version_id in versions if version_id in self.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class DatasetQueue:
    """Processes dataset versions, a few at a time, and removes the files of deleted and never completed datasets.

    Recordings that are not uploaded are fetched first, in separate slots: a slow server does not delay other datasets.
    """

    def __init__(
        self, settings: Settings, sessions: Sessions, process: Process, store: Store, bring: Bring | None = None
    ) -> None:
        """A queue that has not started.

        Args:
            settings: numbers of slots and attempts.
            sessions: session factory of the database with the versions.
            process: makes a version.
            store: gives the files below a prefix of the object store.
            bring: fetches recordings that are not uploaded; None: `process` does.
        """
        self._settings = settings
        self._sessions = sessions
        self._process = process
        self._bring = bring
        self._store = store
        self._fetching = _Slots(settings.import_slots)
        self._processing = _Slots(settings.dataset_slots)
        self._fetched: set[uuid.UUID] = set()
        """Versions whose recordings have been fetched."""
        self._purging = Quarantine("purge of dataset", _PURGE_S)
        self._expire_at = 0.0
        self._trouble: dict[uuid.UUID, str] = {}
        """Why the last attempt at a version was interrupted."""

    async def round(self) -> None:
        """Cancel the work on deleted versions, start waiting work, and remove leftover files."""
        await self._cancel_deleted()
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRE_EVERY_S
            for dataset_id in [*await self._expired(), *await self._outlived()]:
                await self._purging.look(dataset_id, partial(self._remove_uploads, dataset_id))
        async with open_session(self._sessions) as session:
            query = (
                select(
                    Dataset.user_id,
                    Dataset.id.label("dataset_id"),
                    DatasetVersion.id.label("version_id"),
                    DatasetVersion.number,
                    Dataset.source["type"].astext.label("type"),
                )
                .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
                .where(DatasetVersion.status == "processing", Dataset.deleted_at.is_(None))
                .order_by(DatasetVersion.created_at)
            )
            found = (await session.execute(query)).all()
        waiting = [_Waiting(row.user_id, row.dataset_id, row.version_id) for row in found]
        self._fetched &= {each.version_id for each in waiting}
        away = {
            row.version_id
            for row in found
            if self._bring is not None
            and row.number == 1  # later versions are made from what was fetched for the first one
            and row.version_id not in self._fetched
            and is_fetched({"type": row.type})
        }
        self._fetching.fill((each for each in waiting if each.version_id in away), partial(self._take, self._fetch_one))
        here = (each for each in waiting if each.version_id not in away | self._fetching.running.keys())
        self._processing.fill(here, partial(self._take, self._process_one))
        await self._purge()

    def _running(self) -> dict[uuid.UUID, _Waiting]:
        """What is being fetched or processed, by version."""
        running = {**self._fetching.running, **self._processing.running}
        return {version_id: each for version_id, (each, _) in running.items()}

    async def _cancel_deleted(self) -> None:
        running = self._running()
        if not running:
            return
        alive = (
            select(DatasetVersion.id)
            .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
            .where(DatasetVersion.id.in_(running), DatasetVersion.deleted_at.is_(None), Dataset.deleted_at.is_(None))
        )
        async with open_session(self._sessions) as session:
            gone = running.keys() - set((await session.scalars(alive)).all())
        for slots in (self._fetching, self._processing):
            await slots.cancel(gone)

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

    async def close(self) -> None:
        """Cancel running work; it stays in the queue."""
        for slots in (self._fetching, self._processing):
            await slots.cancel(list(slots.running))

    async def _take(self, work: Callable[[uuid.UUID], Awaitable[None]], each: _Waiting) -> None:
        """The edge of a background task: interrupted work stays in the queue."""
        try:
            await work(each.version_id)
        except Exception as error:  # noqa: BLE001
            told = {"version_id": each.version_id, "dataset_id": each.dataset_id}
            _log.exception("processing of dataset version %s broke off", each.version_id, extra=told)
            self._trouble[each.version_id] = _reason(error)
            await asyncio.sleep(self._settings.reconcile_s)

    async def _begin(self, version_id: uuid.UUID) -> Order | None:
        """Count an attempt; None: the version no longer waits, or its attempts are used up."""
        async with open_session(self._sessions) as session:
            found = await session.scalars(
                update(DatasetVersion)
                .where(DatasetVersion.id == version_id, DatasetVersion.status == "processing")
                .values(attempts=DatasetVersion.attempts + 1)
                .returning(DatasetVersion)
            )
            version = found.one_or_none()
            if version is None:
                return None
            attempts = version.attempts
            order = await self._order(session, version)
            await session.commit()
        if attempts > self._settings.dataset_attempts:
            message = f"Processing was interrupted {attempts - 1} times.{self._trouble.pop(version_id, '')}"
            await self._record(version_id, Outcome(version=None, error=message, report=None))
            return None
        return order

    async def _fetch_one(self, version_id: uuid.UUID) -> None:
        order = await self._begin(version_id)
        if order is None or self._bring is None:
            return
        error = await self._bring(order)
        if error is not None:
            outcome = Outcome(version=None, error=error, report=None)
            await self._insist(lambda: self._record(version_id, outcome))
            return
        this_try = update(DatasetVersion).where(DatasetVersion.id == version_id, DatasetVersion.attempts > 0)

        async def goes_on() -> None:
            async with open_session(self._sessions) as session:  # processing is the second half of the same attempt
                await session.execute(this_try.values(attempts=DatasetVersion.attempts - 1))
                await session.commit()

        await self._insist(goes_on)
        self._fetched.add(version_id)

    async def _process_one(self, version_id: uuid.UUID) -> None:
        order = await self._begin(version_id)
        if order is None:
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
        chosen = select(Dataset.source, Dataset.task).where(Dataset.id == dataset_id)
        source, task = (await session.execute(chosen)).one()
        files = tuple(
            UploadedFile(upload.name, (upload.sealed_key or upload.key).removeprefix(f"{upload_prefix(dataset_id)}/"))
            for upload in await uploads_of(session, dataset_id)
        )
        record = {
            "parent": version.parent,
            "task": task,
            "options": version.options,
            "decisions": version.decisions,
            "item_decisions": version.item_decisions,
        }
        return Order(dataset_id, source, files, version.number, record)

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Retry until the database and the object store are available: an outage must not repeat the processing."""
        while True:
            try:
                return await action()
            except (UnavailableError, ObjectStorageError) as error:
                _log.warning("a dataset has been processed, and waits: %s", error)
                await asyncio.sleep(self._settings.reconcile_s)

    async def _store_items(self, version_id: uuid.UUID, order: Order) -> int:
        """Write a version's items to the database, replacing those of an earlier attempt; return their number."""
        version = self._store(version_prefix(order.dataset_id, order.number))
        with tempfile.TemporaryDirectory(prefix="lim-items-") as folder:
            path = Path(folder) / ITEMS_NAME
            await asyncio.to_thread(version.get, ITEMS_NAME, path)
            async with open_session(self._sessions) as session:
                await session.execute(delete(DatasetItem).where(DatasetItem.version_id == version_id))
                await session.commit()
            # One transaction per batch: none is open while the next batch is read. Items of a version that is not ready
            # are invisible.
            count, batches = 0, batched(read_items(path), _ITEMS_AT_ONCE)
            while rows := await asyncio.to_thread(_next_rows, batches, version_id, count):
                async with open_session(self._sessions) as session:
                    await session.execute(insert(DatasetItem), rows)
                    await session.commit()
                count += len(rows)
        return count

    async def _record(self, version_id: uuid.UUID, outcome: Outcome, items: int | None = None) -> bool:
        """Record the outcome of a version; return whether it is ready."""
        # A report may be large: it is serialized off the event loop.
        report = await asyncio.to_thread(_as_json, outcome.report)
        async with open_session(self._sessions) as session:
            of_version = select(DatasetVersion.dataset_id).where(DatasetVersion.id == version_id).scalar_subquery()
            dataset = (
                await session.scalars(select(Dataset).where(Dataset.id == of_version).with_for_update())
            ).one_or_none()
            version = await session.get(DatasetVersion, version_id)
            if dataset is None or version is None or version.status != "processing":
                return version is not None and version.status == "ready"  # the last call's answer was lost
            if report is not None:
                of_this = update(DatasetVersion).where(DatasetVersion.id == version_id)
                of_this = of_this.values(report=cast(literal(report, Text), JSONB))
                await session.execute(of_this, execution_options={"synchronize_session": False})
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
                    select(Dataset.id)
                    .where(Dataset.deleted_at.is_not(None), Dataset.purged.is_(False))
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
        busy = {each.dataset_id for each in self._running().values()}
        for dataset_id in datasets:
            if dataset_id not in busy:
                await self._purging.look(dataset_id, partial(self._purge_dataset, dataset_id))
        for version in versions:
            if version.dataset_id not in busy:
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


def _reason(error: Exception) -> str:
    """Why processing was interrupted, for the dataset's owner: faults of their URL or bucket; others are in the log."""
    told = str(error) if isinstance(error, DownloadInterruptedError) else "an internal error; the platform's log has it"
    return f" The last time: {told}"[:1000]


def _next_rows(batches: Iterator[Sequence[ItemRecord]], version_id: uuid.UUID, position: int) -> list[dict[str, Any]]:
    return [item_row(version_id, position + at, item) for at, item in enumerate(next(batches, ()))]


def _as_json(report: dict[str, Any] | None) -> str | None:
    return None if report is None else json.dumps(storable(report))
