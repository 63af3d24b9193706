"""A dependency that is down: requests are answered 503 with Retry-After, and all is well when it is back."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cluster.ingestion.config import IngestionRunConfig
from cluster.storage.embedded import EmbeddedS3
from services.api.app import create_app_on
from services.api.context import Services
from services.api.event_stream import stream_events
from services.database import migrate
from services.database.embedded import EmbeddedPostgres
from services.datasets.prefixes import upload_prefix
from services.errors import UnavailableError
from services.jobs.intake import take_events
from services.jobs.submission import Driver
from services.objects import Objects
from services.settings import Settings, load_settings
from tests.integration.services import rows
from tests.integration.services.uploads import Ingestions, leave_version, store_of
from tests.integration.services.visitors import PASSWORD, Visitor, sign_up

pytestmark = pytest.mark.faults


@pytest.fixture
def own_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lim-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def refused(answer: httpx.Response, code: str) -> None:
    """The answer to a request that has to come again."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


async def test_postgresql_goes_and_comes_back(own_home: Path, s3: EmbeddedS3) -> None:
    server = EmbeddedPostgres.start(own_home)
    await migrate.upgrade_async(server.url)
    settings = load_settings({"LIM_HOME": str(own_home)}, database_url=server.url, s3=s3.settings)
    services = Services.of(settings)
    app = create_app_on(services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
        ada = await sign_up(http)
        job_id = await rows.job(services, ada)
        stream = stream_events(services, ada.login_id, job_id, 0)
        await rows.say(services, job_id, rows.metric(1))
        assert (await anext(stream)).startswith(b"retry")
        assert (await anext(stream)).startswith(b"id: 1\n")

        server.stop()
        refused(await ada.get("/users/me"), "database_unavailable")
        refused(await ada.get("/jobs"), "database_unavailable")
        refused(await ada.post("/datasets", json=_NEW_DATASET), "database_unavailable")
        login = {"username_or_email": ada.username, "password": PASSWORD}
        refused(await http.post("/auth/login", json=login), "database_unavailable")
        ready = await http.get("http://test/readyz")
        assert ready.status_code == 503
        assert ready.json()["dependencies"] == {
            "postgresql": "not_ready",
            "object_storage": "ready",
            "hub": "not_ready",
        }
        assert (await http.get("http://test/healthz")).status_code == 200
        with pytest.raises(UnavailableError):  # the run brings them again
            await take_events(services.sessions, job_id, [rows.metric(2)])

        server = EmbeddedPostgres.start(own_home)
        assert (await ada.get("/users/me")).status_code == 200
        assert (await ada.post("/datasets", json=_NEW_DATASET)).status_code == 201
        await take_events(services.sessions, job_id, [rows.metric(2)])
        async with asyncio.timeout(60):  # the stream was open all the time
            message = await anext(stream)
            while message.startswith(b":"):
                message = await anext(stream)
        assert message.startswith(b"id: 2\n")
        await stream.aclose()
    await services.close()
    server.stop()


async def test_what_was_processed_waits_for_the_database(own_home: Path, s3: EmbeddedS3) -> None:
    server = EmbeddedPostgres.start(own_home)
    await migrate.upgrade_async(server.url)
    settings = load_settings(
        {"LIM_HOME": str(own_home), "LIM_RECONCILE_S": "0.2", "LIM_KEEP_SOURCES_S": "0"},
        database_url=server.url,
        s3=s3.settings,
    )
    services = Services.of(settings)
    store = store_of(services)
    orders: list[IngestionRunConfig] = []

    async def ingest(config: IngestionRunConfig) -> Driver:
        orders.append(config)
        driver = leave_version(store, config)
        server.stop()
        return driver

    queue = Ingestions(services, store, run=ingest)
    app = create_app_on(services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
        ada = await sign_up(http)
        new = (await ada.post("/datasets", json=_NEW_DATASET)).json()
        assert (await http.put(new["uploads"][0]["url"], content=b"x")).status_code == 200
        path = f"/datasets/{new['dataset']['id']}"
        assert (await ada.post(f"{path}/complete")).status_code == 202
        with suppress(UnavailableError):  # it goes away in this round
            await queue.round()
        while not orders or (await http.get("http://test/readyz")).json()["dependencies"]["postgresql"] == "ready":
            await asyncio.sleep(0.05)
        server = EmbeddedPostgres.start(own_home)
        async with asyncio.timeout(60):
            while (dataset := (await ada.get(path)).json())["status"] == "processing":
                with suppress(UnavailableError):
                    await queue.round()
                await asyncio.sleep(0.05)
        assert dataset["status"] == "ready"
        assert len(orders) == 1
        while store(upload_prefix(uuid.UUID(new["dataset"]["id"]))).list(""):
            await queue.round()  # what was uploaded is not kept
    await queue.close()
    await services.close()
    server.stop()


async def test_a_database_that_was_never_there(settings: Settings, tmp_path: Path) -> None:
    for url in (f"postgresql+asyncpg://u@/b?host={tmp_path}", "postgresql+asyncpg://u:p@127.0.0.1:9/b"):
        services = Services.of(settings.model_copy(update={"database_url": url}))
        app = create_app_on(services)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
            body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
            refused(await http.post("/auth/signup", json=body), "database_unavailable")
        await services.close()


async def test_object_storage_is_away(services: Services, ada: Visitor) -> None:
    gone = replace(services.settings.s3, endpoint_url="http://127.0.0.1:9")
    app = create_app_on(replace(services, objects=Objects.of(gone)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
        there = Visitor(http, ada.username, ada.tokens)
        new = await there.post("/datasets", json=_NEW_DATASET)
        assert new.status_code == 201  # nothing is asked of the store yet
        path = f"/datasets/{new.json()['dataset']['id']}"
        refused(await there.post(f"{path}/complete"), "storage_unavailable")
        assert (await there.get(path)).json()["status"] == "pending"
        ready = await rows.ready_dataset(services, ada)
        refused(await there.get(f"/datasets/{ready}/items/one/audio"), "storage_unavailable")
        readiness = await http.get("http://test/readyz")
        dependencies = readiness.json()["dependencies"]
        assert (dependencies["postgresql"], dependencies["object_storage"]) == ("ready", "not_ready")


_NEW_DATASET = {"name": "x", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
