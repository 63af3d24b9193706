"""A real PostgreSQL, and the application on it without a server between."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from cluster.storage.embedded import EmbeddedS3
from services.api.app import create_app_on
from services.api.context import Services
from services.database import migrate
from services.database.embedded import EmbeddedPostgres
from services.objects import Objects
from services.settings import Settings, load_settings
from tests.integration.services.documented import Documented
from tests.integration.services.uploads import Ingestions, Store, store_of
from tests.integration.services.visitors import Visitor, known


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """LIM_HOME of these tests: a short path, because a Unix socket's address is."""
    folder = Path(tempfile.mkdtemp(prefix="lim-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    """The embedded server."""
    with EmbeddedPostgres.start(home) as server:
        yield server


@pytest.fixture(scope="session")
def s3(home: Path) -> Iterator[EmbeddedS3]:
    """The embedded object store, with the platform's bucket."""
    with EmbeddedS3.start(home) as server:
        yield server


@pytest.fixture(scope="session")
def settings(home: Path, postgres: EmbeddedPostgres, s3: EmbeddedS3) -> Settings:
    """Settings on a migrated database."""
    migrate.upgrade(postgres.url)
    environ = {
        "LIM_HOME": str(home),
        "LIM_LOGIN_ATTEMPTS_PER_ADDRESS": "100000",
        "LIM_SIGNUPS_PER_ADDRESS": "100000",
        "LIM_REFRESHES_PER_ADDRESS": "100000",
        "LIM_RECONCILE_S": "0.2",
        "LIM_OBJECT_URLS": "store",  # the application has no server in front of it
    }
    return load_settings(environ, database_url=postgres.url, s3=s3.settings)


@pytest.fixture(scope="session")
def objects(settings: Settings) -> Objects:
    """One S3 client for all: it takes longer to make than a test."""
    return Objects.of(settings.s3)


@pytest.fixture
async def services(settings: Settings, objects: Objects) -> AsyncIterator[Services]:
    """Connections of this test."""
    services = Services.of(settings, objects=objects)
    yield services
    await services.close()


@pytest.fixture(scope="session")
def app(settings: Settings, objects: Objects) -> FastAPI:
    """One application for all: each test gives it connections of its own."""
    return create_app_on(Services.of(settings, objects=objects))


@pytest.fixture
async def http(app: FastAPI, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, below /api/v1, logged in as nobody. The document must name each status it gets."""
    app.state.services = services
    documented = Documented()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test/api/v1",
        timeout=30.0,
        event_hooks={"response": [documented]},
    ) as client:
        yield client
    assert not documented.faults


@pytest.fixture
async def ada(services: Services, http: httpx.AsyncClient) -> Visitor:
    """A user."""
    return await known(services, http)


@pytest.fixture
async def bob(services: Services, http: httpx.AsyncClient) -> Visitor:
    """Another user."""
    return await known(services, http)


@pytest.fixture
async def change(app: FastAPI, services: Services) -> AsyncIterator[Any]:
    """Other settings, or a cluster, for this test's application."""

    def to(cluster: Any = None, **settings: Any) -> None:
        changed = services.settings.model_copy(update=settings)
        app.state.services = replace(services, settings=changed, cluster=cluster)

    yield to
    app.state.services = services


@pytest.fixture
def store(services: Services) -> Store:
    """The files below a prefix of the platform's bucket."""
    return store_of(services)


@pytest.fixture
def queue(services: Services, store: Store) -> Ingestions:
    """A hub whose ingestions run here instead of in boxes."""
    return Ingestions(services, store)
