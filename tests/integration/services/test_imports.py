"""Datasets that are not uploaded: from an address, from a bucket. A real HTTP server, a real object store."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from cluster.storage.client import ensure_bucket, make_client
from cluster.storage.run_store import S3RunStore
from services.api.context import Services
from tests.integration.services.recordings import archive, good, tone
from tests.integration.services.uploads import Ingestions, store_of
from tests.integration.services.visitors import Visitor, paths_of

BUCKET = "recordings"


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder."""

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address, and the folder whose files it has."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def importing(services: Services, app: FastAPI, ada: Visitor) -> Services:
    """The services of an operator who allows this machine and a bucket."""
    allowed = {"import_networks": ("127.0.0.0/8",), "import_buckets": (BUCKET, services.settings.s3.bucket)}
    changed = dataclasses.replace(services, settings=services.settings.model_copy(update=allowed))
    app.state.services = changed
    return changed


def queue_of(services: Services) -> Ingestions:
    """Ingests in this process."""
    return Ingestions(services, store_of(services))


async def made(services: Services, visitor: Visitor, source: dict[str, Any]) -> dict[str, Any]:
    """The dataset when it is ready or in error."""
    answer = await visitor.post("/datasets", json={"name": "speech", "source": source})
    assert answer.status_code == 201, answer.text
    assert answer.json()["uploads"] == []
    dataset: dict[str, Any] = answer.json()["dataset"]
    assert dataset["status"] == "processing"
    queue = queue_of(services)
    for _ in range(1000):
        await queue.round()
        dataset = (await visitor.get(f"/datasets/{dataset['id']}")).json()
        if dataset["status"] != "processing":
            await queue.close()
            return dataset
        await asyncio.sleep(0.02)
    raise AssertionError(dataset)


async def test_an_archive_at_an_address(importing: Services, ada: Visitor, site: tuple[str, Path]) -> None:
    url, folder = site
    (folder / "speech.zip").write_bytes(archive(good(4)))
    dataset = await made(importing, ada, {"type": "url", "url": f"{url}/speech.zip"})
    assert (dataset["status"], dataset["statistics"]["utterances"]) == ("ready", 4)
    assert dataset["source"] == {"type": "url", "url": f"{url}/speech.zip"}


async def test_what_was_fetched_is_kept_for_the_versions_that_follow(
    importing: Services, ada: Visitor, site: tuple[str, Path]
) -> None:
    url, folder = site
    (folder / "speech.zip").write_bytes(archive(good(4)))
    dataset = await made(importing, ada, {"type": "url", "url": f"{url}/speech.zip"})
    (folder / "speech.zip").write_bytes(archive(good(2)))  # another file by now
    versions = f"/datasets/{dataset['id']}/versions"
    asked = {"decisions": [{"do": "reject", "paths": ["take0.wav"]}]}
    assert (await ada.post(versions, json=asked)).status_code == 202
    queue = queue_of(importing)
    while (version := (await ada.get(f"{versions}/2")).json())["status"] == "processing":
        await queue.round()
        await asyncio.sleep(0.02)
    assert (version["status"], version["statistics"]["utterances"], version["items"]) == ("ready", 3, 4)


async def test_an_address_with_nothing_ends_in_an_error_that_says_so(
    importing: Services, ada: Visitor, site: tuple[str, Path]
) -> None:
    url, folder = site
    dataset = await made(importing, ada, {"type": "url", "url": f"{url}/none.zip"})
    assert dataset["status"] == "error"
    assert "answers 404" in dataset["error"]
    # Put there after all, it is asked for again.
    (folder / "none.zip").write_bytes(archive(good(2)))
    assert (await ada.post(f"/datasets/{dataset['id']}/complete")).status_code == 202
    queue = queue_of(importing)
    while (found := (await ada.get(f"/datasets/{dataset['id']}")).json())["status"] == "processing":
        await queue.round()
        await asyncio.sleep(0.02)
    assert found["status"] == "ready"


async def test_what_is_too_large_is_not_fetched(importing: Services, ada: Visitor, site: tuple[str, Path]) -> None:
    url, folder = site
    (folder / "speech.zip").write_bytes(archive(good(4)))
    small = dataclasses.replace(importing, settings=importing.settings.model_copy(update={"max_upload_bytes": 1000}))
    dataset = await made(small, ada, {"type": "url", "url": f"{url}/speech.zip"})
    assert dataset["status"] == "error"
    assert "at most 1000 are allowed" in dataset["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "localhost", "[::1]"])
async def test_nobody_fetches_from_inside(services: Services, ada: Visitor, host: str) -> None:
    dataset = await made(services, ada, {"type": "url", "url": f"http://{host}/speech.zip"})
    assert dataset["status"] == "error"
    assert "not a public address" in dataset["error"]


async def test_an_object_and_a_prefix_of_a_bucket(importing: Services, ada: Visitor) -> None:
    client = make_client(importing.settings.s3)
    ensure_bucket(client, BUCKET)
    store = S3RunStore(client, BUCKET, "mine")
    store.put_bytes("speech.zip", archive(good(3)))
    store.put_bytes("folder/metadata.csv", b"file_name,text\na/1.wav,one\na/2.wav,two\n")
    store.put_bytes("folder/a/1.wav", tone(0.5, 300))
    store.put_bytes("folder/a/2.wav", tone(0.5, 400))
    one = await made(importing, ada, {"type": "s3", "uri": f"s3://{BUCKET}/mine/speech.zip"})
    assert (one["status"], one["statistics"]["utterances"]) == ("ready", 3)
    for uri in (f"s3://{BUCKET}/mine/folder", f"s3://{BUCKET}/mine/folder/"):
        several = await made(importing, ada, {"type": "s3", "uri": uri})
        assert (several["status"], several["statistics"]["utterances"]) == ("ready", 2)
    none = await made(importing, ada, {"type": "s3", "uri": f"s3://{BUCKET}/nothing/here"})
    assert (none["status"], "holds nothing" in none["error"]) == ("error", True)


async def test_buckets_that_nobody_allowed_are_not_read(importing: Services, services: Services, ada: Visitor) -> None:
    """Least of all the platform's own, which holds what everybody uploaded: not even if the operator lists it."""
    for bucket in ("elsewhere", importing.settings.s3.bucket):
        source = {"type": "s3", "uri": f"s3://{bucket}/datasets"}
        answer = await ada.post("/datasets", json={"name": "theirs", "source": source})
        assert (answer.status_code, answer.json()["code"]) == (422, "bucket_not_allowed")
        assert paths_of(answer) == ["source.uri"]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "url", "url": "ftp://a.example/a.zip"},
        {"type": "url", "url": "http://user:pass@a.example/a.zip"},
        {"type": "url", "url": "file:///etc/passwd"},
        {"type": "url"},
        {"type": "s3", "uri": "http://bucket/key"},
        {"type": "s3", "uri": "s3://../key"},
        {"type": "upload", "url": "http://a.example/a.zip"},
        {"type": "ftp"},
        {},
    ],
)
async def test_sources_that_are_none(ada: Visitor, source: dict[str, Any]) -> None:
    answer = await ada.post("/datasets", json={"name": "x", "source": source})
    assert answer.status_code == 422
    assert all(path.startswith("source") for path in paths_of(answer))
    assert "pass" not in str(answer.json()["errors"][0].get("input", ""))
