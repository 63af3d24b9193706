"""Large files come in parts, straight to a real object store; what never comes whole is removed."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from services.api.app import create_app_on
from services.api.context import Services
from services.client import Client, models
from services.database.engine import open_session
from services.database.models import Upload
from services.datasets.find import uploads_of
from tests.integration.services.recordings import archive, good
from tests.integration.services.uploads import Ingestions, Store, settle
from tests.integration.services.visitors import Visitor

PART = 50_000


@pytest.fixture
async def small_parts(services: Services, ada: Visitor) -> Visitor:
    """The same user, of a platform that takes parts of 50 kB."""
    settings = services.settings.model_copy(update={"upload_part_bytes": PART})
    app = create_app_on(dataclasses.replace(services, settings=settings))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1")
    return Visitor(http, ada.username, ada.tokens)


async def announced(visitor: Visitor, size: int, **headers: str) -> dict[str, Any]:
    body = {"name": "large", "source": {"type": "upload", "files": [{"name": "speech.zip", "size": size}]}}
    answer = await visitor.post("/datasets", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    new: dict[str, Any] = answer.json()
    return new


async def test_parts_in_any_order_make_the_file(queue: Ingestions, small_parts: Visitor) -> None:
    data = archive(good(16))
    assert len(data) > 3 * PART
    new = await announced(small_parts, len(data), **{"Idempotency-Key": "large"})
    (upload,) = new["uploads"]
    assert upload["url"] is None
    parts = upload["parts"]
    assert [part["number"] for part in parts] == list(range(1, -(-len(data) // PART) + 1))
    assert sum(part["size"] for part in parts) == len(data)
    again = await announced(small_parts, len(data), **{"Idempotency-Key": "large"})
    assert [part["size"] for part in again["uploads"][0]["parts"]] == [part["size"] for part in parts]

    path = f"/datasets/{new['dataset']['id']}"
    refused = await small_parts.post(f"{path}/complete")
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_incomplete")
    assert refused.json()["errors"][0]["message"].startswith(
        f"speech.zip lacks {len(parts)} of {len(parts)} parts: 1, 2"
    )
    random.Random(0).shuffle(parts)
    async with httpx.AsyncClient() as outside:
        for part in [*parts[1:], parts[-1]]:  # one of them twice, and one not yet
            content = data[part["start"] : part["start"] + part["size"]]
            assert (await outside.put(part["url"], content=content)).status_code == 200
        refused = await small_parts.post(f"{path}/complete")
        assert refused.json()["errors"] == [
            {
                "path": "source.files.0",
                "message": f"speech.zip lacks 1 of {len(parts)} parts: {parts[0]['number']}",
            }
        ]
        first = parts[0]
        content = data[first["start"] : first["start"] + first["size"]]
        assert (await outside.put(first["url"], content=content)).status_code == 200
    assert (await small_parts.post(f"{path}/complete")).status_code == 202
    assert (await small_parts.post(f"{path}/complete")).status_code == 202  # said twice
    dataset = await settle(queue, small_parts, new["dataset"]["id"])
    assert (dataset["status"], dataset["statistics"]["utterances"]) == ("ready", 16), dataset


async def test_parts_of_another_size_are_refused_by_the_store_and_by_the_platform(
    services: Services, small_parts: Visitor
) -> None:
    new = await announced(small_parts, 2 * PART)
    async with httpx.AsyncClient() as outside:
        for part in new["uploads"][0]["parts"]:
            assert (await outside.put(part["url"], content=b"x" * (PART - 1))).status_code == 403
    async with open_session(services.sessions) as session:
        [upload] = await uploads_of(session, new["dataset"]["id"])
    place = {"Bucket": services.objects.bucket, "Key": upload.key, "UploadId": upload.multipart_id}
    for number, size in ((1, PART), (2, PART + 1)):  # as a store would let it pass that does not look at lengths
        services.objects._client.upload_part(**place, PartNumber=number, Body=b"x" * size)
    refused = await small_parts.post(f"/datasets/{new['dataset']['id']}/complete")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["message"] == "speech.zip lacks 1 of 2 parts: 2"


async def test_parts_that_never_become_a_file_are_removed(
    services: Services, queue: Ingestions, store: Store, small_parts: Visitor
) -> None:
    new = await announced(small_parts, 3 * PART)
    dataset_id = new["dataset"]["id"]
    async with httpx.AsyncClient() as outside:
        assert (await outside.put(new["uploads"][0]["parts"][0]["url"], content=b"x" * PART)).status_code == 200
    client, bucket = services.objects._client, services.objects.bucket
    prefix = f"uploads/{dataset_id}/"
    assert len(client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)["Uploads"]) == 1
    async with open_session(services.sessions) as session:
        long_ago = datetime.now(UTC) - timedelta(days=1)
        await session.execute(update(Upload).where(Upload.dataset_id == dataset_id).values(expires_at=long_ago))
        await session.commit()
    await queue.round()
    assert (await small_parts.get(f"/datasets/{dataset_id}")).json()["status"] == "error"
    assert not client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")


async def test_the_client_uploads_in_parts(queue: Ingestions, small_parts: Visitor, tmp_path: Path) -> None:
    data = archive(good(16))
    file = tmp_path / "speech.zip"
    file.write_bytes(data)
    new = await announced(small_parts, len(data))
    moved: list[int] = []
    with Client("http://unused.test") as client:
        upload = models.UploadOut.model_validate(new["uploads"][0])
        await asyncio.to_thread(client.upload_file, upload, file, moved.append)
    assert sum(moved) == len(data)
    assert (await small_parts.post(f"/datasets/{new['dataset']['id']}/complete")).status_code == 202
    dataset = await settle(queue, small_parts, new["dataset"]["id"])
    assert dataset["status"] == "ready", dataset


async def test_a_file_of_one_part_comes_as_a_whole(small_parts: Visitor) -> None:
    new = await announced(small_parts, PART)
    assert new["uploads"][0]["url"]
    assert new["uploads"][0]["parts"] == []
