"""Uploads of people who do not do as they declared, against the real embedded object store."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any, Final

import httpx
import pytest

from services.api.app import create_app_on
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Upload
from services.datasets.find import uploads_of
from services.datasets.prefixes import upload_prefix
from services.settings import MIB
from tests.integration.services.recordings import archive
from tests.integration.services.recordings import good as recordings
from tests.integration.services.uploads import Ingestions, announce, put, settle
from tests.integration.services.visitors import Visitor

PART: Final = 5 * MIB


async def keys_of(services: Services, dataset_id: Any) -> list[str]:
    """What lies in the object store for a dataset's upload."""
    client = services.objects._client
    found = await asyncio.to_thread(
        client.list_objects_v2, Bucket=services.objects.bucket, Prefix=f"{upload_prefix(dataset_id)}/"
    )
    return [each["Key"] for each in found.get("Contents", ())]


async def send(url: str, data: Any, **headers: str) -> int:
    """The status that a PUT gets; 403, too, when the store hangs up on a body before it has read it."""
    async with httpx.AsyncClient(timeout=60) as outside:
        try:
            return (await outside.put(url, content=data, headers=headers)).status_code
        except (httpx.ReadError, httpx.WriteError):
            return 403


async def in_chunks(data: bytes) -> Any:
    """A body of a length that is not told."""
    for start in range(0, len(data), 4096):
        yield data[start : start + 4096]


@pytest.mark.parametrize("declared", [10, 10_000])
async def test_no_more_than_was_declared_can_be_put(services: Services, ada: Visitor, declared: int) -> None:
    new = await announce(ada, {"a.zip": b"x" * declared})
    url = new["uploads"][0]["url"]
    for data in (b"x" * (declared + 1), b"x" * (declared - 1), b"", b"x" * (2 * MIB)):
        assert await send(url, data) == 403, len(data)
    assert await send(url, in_chunks(b"x" * (2 * MIB))) == 403
    assert await send(url, in_chunks(b"x" * declared)) == 403  # nor without a length
    assert await send(url, b"x" * declared, **{"x-amz-copy-source": f"/{services.objects.bucket}/datasets"}) == 403
    for query in ("&acl", "&uploads", "&partNumber=1&uploadId=x", "&tagging"):
        assert await send(url + query, b"x" * declared) == 403
    assert await keys_of(services, new["dataset"]["id"]) == []
    incomplete = await ada.post(f"/datasets/{new['dataset']['id']}/complete")
    assert (incomplete.status_code, incomplete.json()["code"]) == (409, "upload_incomplete")
    assert await send(url, b"x" * declared) == 200


async def test_what_is_put_again_after_completion_changes_nothing(
    services: Services, queue: Ingestions, ada: Visitor
) -> None:
    good = archive(recordings(4))
    new = await announce(ada, {"a.zip": good})
    dataset_id = new["dataset"]["id"]
    await put(new["uploads"], {"a.zip": good})
    assert (await ada.post(f"/datasets/{dataset_id}/complete")).status_code == 202
    evil = b"\0" * len(good)
    assert await send(new["uploads"][0]["url"], evil) == 200  # the address is good for an hour; nobody reads there
    dataset = await settle(queue, ada, dataset_id)
    assert dataset["status"] == "ready", dataset
    assert await send(new["uploads"][0]["url"], evil) == 200
    revised = await ada.post(f"/datasets/{dataset_id}/versions", json={"limits": {"max_item_s": 20}})
    assert revised.status_code in {200, 201, 202}, revised.text
    while (version := (await ada.get(f"/datasets/{dataset_id}/versions/2")).json())["status"] == "processing":
        await queue.round()
        await asyncio.sleep(0.02)
    assert version["status"] == "ready", version  # made of the same files


async def test_a_put_at_the_moment_of_completion_is_in_or_out(
    services: Services, queue: Ingestions, ada: Visitor
) -> None:
    good = archive(recordings(4))
    for _ in range(3):
        new = await announce(ada, {"a.zip": good})
        dataset_id = new["dataset"]["id"]
        await put(new["uploads"], {"a.zip": good})
        statuses = await asyncio.gather(
            *(ada.post(f"/datasets/{dataset_id}/complete") for _ in range(3)),
            *(send(new["uploads"][0]["url"], good) for _ in range(3)),
        )
        assert [answer.status_code for answer in statuses[:3] if answer.status_code not in {202, 409}] == []
        if all(answer.status_code == 409 for answer in statuses[:3]):
            assert (await ada.post(f"/datasets/{dataset_id}/complete")).status_code == 202
        assert (await settle(queue, ada, dataset_id))["status"] == "ready"


async def test_a_store_that_does_not_check_lengths_is_checked_by_the_platform(services: Services, ada: Visitor) -> None:
    new = await announce(ada, {"a.zip": b"x" * 10})
    async with open_session(services.sessions) as session:
        [upload] = await uploads_of(session, new["dataset"]["id"])
    client = services.objects._client
    await asyncio.to_thread(client.put_object, Bucket=services.objects.bucket, Key=upload.key, Body=b"x" * 11)
    answer = await ada.post(f"/datasets/{new['dataset']['id']}/complete")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")
    assert "has 11 bytes; 10 were declared" in answer.text


async def test_parts_are_as_declared_and_cannot_be_put_after_completion(services: Services, ada: Visitor) -> None:
    settings = services.settings.model_copy(update={"upload_part_bytes": PART})
    app = create_app_on(dataclasses.replace(services, settings=settings))
    ada = Visitor(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1"), "", ada.tokens)
    data = bytes(PART + 1000)
    new = await announce(ada, {"a.zip": data})
    parts = new["uploads"][0]["parts"]
    assert [part["size"] for part in parts] == [PART, 1000]
    assert await send(parts[0]["url"], data) == 403
    assert await send(parts[1]["url"], bytes(PART)) == 403
    for part in parts:
        assert await send(part["url"], data[part["start"] : part["start"] + part["size"]]) == 200
    assert (await ada.post(f"/datasets/{new['dataset']['id']}/complete")).status_code == 202
    assert await send(parts[1]["url"], b"\1" * 1000) == 404
    async with open_session(services.sessions) as session:
        [upload] = await uploads_of(session, new["dataset"]["id"])
    assert isinstance(upload, Upload)
    assert await services.objects.read(upload.sealed_key or "", PART, 1000) == bytes(1000)
