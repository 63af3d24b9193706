"""Datasets over HTTP, from upload to ready; processing runs in the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from cluster.storage.client import make_client
from cluster.storage.run_store import S3RunStore
from services.api.context import Services
from services.datasets.prefixes import upload_prefix, version_prefix
from services.datasets.processing import Outcome, process
from services.datasets.queue import DatasetQueue
from services.datasets.sources import Imports, Order
from services.settings import Settings
from tests.integration.services.visitors import Visitor

Store = Callable[[str], S3RunStore]


def store_of(services: Services) -> Store:
    """The files below a prefix of the platform's bucket."""
    settings = services.settings.s3
    client = make_client(settings)
    return lambda prefix: S3RunStore(client, settings.bucket, prefix)


def queue_of(services: Services, store: Store, settings: Settings | None = None) -> DatasetQueue:
    """A queue whose processing runs here instead of on a cluster."""

    async def here(order: Order) -> Outcome:
        uploads, version = store(upload_prefix(order.dataset_id)), store(version_prefix(order.dataset_id, order.number))
        return await asyncio.to_thread(process, order, uploads, version, Imports.of(services.settings))

    return DatasetQueue(settings or services.settings, services.sessions, here, store)


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


async def settle(queue: DatasetQueue, visitor: Visitor, dataset_id: str) -> dict[str, Any]:
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
    queue: DatasetQueue, visitor: Visitor, data: bytes, name: str = "speech.zip", **options: Any
) -> dict[str, Any]:
    """The dataset that comes of a file."""
    new = await announce(visitor, {name: data}, options)
    await put(new["uploads"], {name: data})
    completed = await visitor.post(f"/datasets/{new['dataset']['id']}/complete")
    assert completed.status_code == 202, completed.text
    assert completed.json()["status"] == "processing"
    return await settle(queue, visitor, new["dataset"]["id"])
