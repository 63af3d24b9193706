"""Datasets over HTTP, from upload to ready; ingestions run in the process of the test."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from cluster.errors import RefusedError
from cluster.event_relay import Batch
from cluster.ingest import OUTCOME_KEY, Host, run
from cluster.ingestion.config import IngestionRunConfig
from cluster.storage.client import make_client, parse_s3_uri
from cluster.storage.run_store import S3RunStore
from engine.data.version_files import ITEMS_NAME
from services.api.context import Services
from services.datasets.housekeeping import DatasetHousekeeping
from services.jobs.following import RESULT_KEY
from services.jobs.lanes import Lanes
from services.jobs.places import Runs
from services.jobs.submission import Driver, DriverState, JobControl
from services.settings import Settings
from tests.integration.services.visitors import Visitor

Store = Callable[[str], S3RunStore]
Run = Callable[[IngestionRunConfig], Awaitable[Driver]]
DONE = Driver(DriverState.SUCCEEDED, exit_code=0)


def store_of(services: Services) -> Store:
    """The files below a prefix of the platform's bucket."""
    settings = services.settings.s3
    client = make_client(settings)
    return lambda prefix: S3RunStore(client, settings.bucket, prefix)


def failed(message: str) -> Driver:
    """A driver that another one would not outdo."""
    return Driver(DriverState.FAILED, message, refused=True)


def leave_version(store: Store, config: IngestionRunConfig) -> Driver:
    """What a driver leaves that has found one utterance."""
    files, version = (store(parse_s3_uri(address or "")[1]) for address in (config.storage, config.version))
    version.put_bytes(ITEMS_NAME, b"")
    counts = {"utterances": 1, "audio_s": 1.0, "size": 1, "items": 0}
    outcome = {"version": {**counts, "statistics": {}, "sample": []}, "error": None, "report": None}
    files.put_bytes(OUTCOME_KEY, json.dumps(outcome).encode())
    files.put_bytes(RESULT_KEY, json.dumps({"status": "succeeded", **counts}).encode())
    return DONE


class Here:
    """Runs drivers of ingestions in this process instead of in boxes."""

    def __init__(self, services: Services, store: Store, run: Run | None = None) -> None:
        """By default they run as in a box."""
        self._services, self._store, self._run = services, store, run or self._ingest
        self._tasks: dict[str, asyncio.Task[Driver]] = {}

    async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
        assert module == "cluster.ingest"
        folder, _, name = parse_s3_uri(config)[1].rpartition("/")
        asked = IngestionRunConfig.model_validate_json(await asyncio.to_thread(self._store(folder).get_bytes, name))
        if submission_id not in self._tasks:
            self._tasks[submission_id] = asyncio.create_task(self._edge(asked))

    async def driver(self, submission_id: str) -> Driver:
        task = self._tasks.get(submission_id)
        if task is None:
            return Driver(DriverState.MISSING)
        if not task.done():
            return Driver(DriverState.RUNNING)
        return Driver(DriverState.STOPPED) if task.cancelled() else task.result()

    async def stop(self, submission_id: str) -> None:
        if submission_id in self._tasks:
            self._tasks[submission_id].cancel()
            await asyncio.gather(self._tasks[submission_id], return_exceptions=True)

    async def close(self) -> None:
        for submission_id in list(self._tasks):
            await self.stop(submission_id)

    async def _edge(self, config: IngestionRunConfig) -> Driver:
        try:
            return await self._run(config)
        except RefusedError:
            return Driver(DriverState.FAILED, exit_code=2)
        except Exception:  # noqa: BLE001  as in a box
            return Driver(DriverState.FAILED, "an internal error", exit_code=1)

    async def _ingest(self, config: IngestionRunConfig) -> Driver:
        host = Host(job_id=config.name, storage=self._services.settings.s3, events=_Nowhere())
        await asyncio.to_thread(run, config, host)
        return DONE


class _Nowhere:
    """A hub that listens to nobody; events are read from the run's files."""

    def deliver(self, batch: Batch) -> None:
        """Forget them."""


class Ingestions:
    """What the hub does for datasets."""

    def __init__(
        self,
        services: Services,
        store: Store,
        settings: Settings | None = None,
        control: JobControl | None = None,
        run: Run | None = None,
    ) -> None:
        settings = settings or services.settings
        self._here = Here(services, store, run)
        runs = Runs(settings.s3.bucket, store)
        self.lanes = Lanes(settings, services.sessions, runs, lambda _: control or self._here)
        self._housekeeping = DatasetHousekeeping(settings, services.sessions, store)

    async def round(self) -> None:
        """One round of each task."""
        await self.lanes.follow()
        await self.lanes.submit()
        await self._housekeeping.round()

    async def purge_late(self) -> None:
        """Remove what came to deleted datasets later."""
        await self._housekeeping.purge_late()

    async def close(self) -> None:
        """End all work, as the death of a hub does."""
        await self.lanes.close()
        await self._here.close()


async def announce(
    visitor: Visitor, files: Mapping[str, bytes], options: Mapping[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """A dataset that waits for its files."""
    declared = [{"name": name, "size": len(data)} for name, data in files.items()]
    body = {"name": "speech", "source": {"type": "upload", "files": declared}, **(options or {})}
    answer = await visitor.post("/datasets", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def put(uploads: list[dict[str, Any]], files: dict[str, bytes]) -> None:
    """Put files where the answer says."""
    async with httpx.AsyncClient() as outside:
        for upload in uploads:
            answer = await outside.request(
                upload["method"], upload["url"], headers=upload["headers"], content=files[upload["name"]]
            )
            assert answer.status_code == 200, answer.text


async def settle(queue: Ingestions, visitor: Visitor, dataset_id: str) -> dict[str, Any]:
    """The dataset when it is ready or in error."""
    while True:
        await queue.round()
        answer = await visitor.get(f"/datasets/{dataset_id}")
        assert answer.status_code == 200, answer.text
        dataset: dict[str, Any] = answer.json()
        if dataset["status"] in {"ready", "error"}:
            return dataset
        await asyncio.sleep(0.02)


async def upload(
    queue: Ingestions, visitor: Visitor, data: bytes, name: str = "speech.zip", **options: Any
) -> dict[str, Any]:
    """The dataset that comes of a file."""
    new = await announce(visitor, {name: data}, options)
    await put(new["uploads"], {name: data})
    completed = await visitor.post(f"/datasets/{new['dataset']['id']}/complete")
    assert completed.status_code == 202, completed.text
    assert completed.json()["status"] == "processing"
    return await settle(queue, visitor, new["dataset"]["id"])
