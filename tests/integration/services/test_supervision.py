"""PostgreSQL and the object store of `lim up`, really killed: they come back by themselves, with address and data."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services import platform
from services.api.app import create_app_on
from services.api.context import Services
from services.platform import Platform
from services.supervision import RECORD, Supervisor, pause_s, read_standings
from tests.integration.services.visitors import PASSWORD, Visitor, sign_up

pytestmark = pytest.mark.faults

BACK_S = 60.0  # some seconds; many on a machine with much else to do


@dataclass
class NoRay:
    """In the place of a cluster."""

    dashboard_url: str | None = None
    address: str = "nowhere"

    def fault(self) -> None:
        """It does not end."""


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform of a home of its own, but for Ray and what runs on it."""
    home = Path(tempfile.mkdtemp(prefix="lim-test-"))
    for variable in ("DATABASE_URL", "S3_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LIM_HOME", str(home))
    monkeypatch.setattr(platform, "_start_ray", lambda _: NoRay())
    monkeypatch.setattr(platform, "_start_api", lambda *_: "http://nowhere")
    with Platform.start(port=0) as started:
        yield started
    assert not (home / RECORD).exists()
    deadline = time.monotonic() + 20
    while left := _processes(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    shutil.rmtree(home, ignore_errors=True)


def _processes(home: Path) -> list[psutil.Process]:
    """The servers of a home, and who keeps one of them."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(home) in part for part in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def _store(home: Path, name: str) -> psutil.Process:
    [found] = [
        process
        for process in _processes(home)
        if process.name().startswith(name) and str(home / "postgres.users") not in process.cmdline()
    ]
    return found


async def through(call: Callable[[], Any], code: str) -> None:
    """Call until it is done again; in between it is told when to come again."""
    async with asyncio.timeout(BACK_S):
        while (answer := await call()).status_code != 200:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == code
            await asyncio.sleep(0.05)


async def test_both_come_back_by_themselves(running: Platform, caplog: pytest.LogCaptureFixture) -> None:
    home = running.settings.home
    services = Services.of(running.settings)
    app = create_app_on(services)
    async with (
        aclosing_services(services),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1", timeout=60) as http,
    ):
        ada = await sign_up(http)
        readiness = (await http.get("http://test/readyz")).json()
        assert {name: each["restarts"] for name, each in readiness["supervised"].items()} == {
            "postgresql": 0,
            "object_storage": 0,
        }

        killed = _postmaster(home)
        killed.kill()  # the first process alone: its children find out by themselves, and may answer until they do
        async with asyncio.timeout(BACK_S):
            while await _restarts(http, "postgresql") == 0:
                await through(lambda: ada.get("/users/me"), "database_unavailable")
                await asyncio.sleep(0.05)
        await through(lambda: ada.get("/users/me"), "database_unavailable")
        assert _postmaster(home).pid != killed.pid
        login = {"username_or_email": ada.username, "password": PASSWORD}
        assert (await http.post("/auth/login", json=login)).status_code == 200

        new = {"name": "x", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 3}]}}
        made = (await ada.post("/datasets", json=new)).json()
        address = made["uploads"][0]["url"]
        assert (await http.put(address, content=b"abc")).status_code == 200
        for name in ("rclone", "python"):  # the server, and who keeps it
            _store(home, name).kill()
            await _until_restarted(http, "object_storage", 1 if name == "rclone" else 2)
        assert (await http.put(address, content=b"abc")).status_code == 200  # signed before
        await _completed(ada, made["dataset"]["id"])

        readiness = (await http.get("http://test/readyz")).json()
        assert readiness["dependencies"]["postgresql"] == readiness["dependencies"]["object_storage"] == "ready"
        restarted = readiness["supervised"]
        assert (restarted["postgresql"]["restarts"], restarted["object_storage"]["restarts"]) == (1, 2)
        for each in restarted.values():
            assert (each["state"], each["error"]) == ("running", None)
            assert each["died_at"] <= each["back_at"]
    messages = [record.message for record in caplog.records if record.name == "services.supervision"]
    assert messages[0] == "postgresql has died; restarting it"
    assert "postgresql is running again" in messages


@asynccontextmanager
async def aclosing_services(services: Services) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await services.close()


async def _until_restarted(http: httpx.AsyncClient, server: str, times: int) -> None:
    async with asyncio.timeout(BACK_S):
        while await _restarts(http, server) < times:
            await asyncio.sleep(0.05)


async def _restarts(http: httpx.AsyncClient, server: str) -> int:
    restarts: int = (await http.get("http://test/readyz")).json()["supervised"][server]["restarts"]
    return restarts


async def _completed(visitor: Visitor, dataset_id: str) -> None:
    answer = await visitor.post(f"/datasets/{dataset_id}/complete")
    assert answer.status_code == 202, answer.text  # the file is there


class Broken:
    """A server that dies and is there at the third try; it looks alive before, as one that recovers."""

    def __init__(self) -> None:
        self.lives = True
        self.tries = 0
        self.back = threading.Event()

    def is_running(self) -> bool:
        return self.lives

    def revive(self) -> None:
        self.tries += 1
        self.lives = self.tries == 2
        if self.tries < 3:
            raise OSError("its port is taken")
        self.lives = True
        self.back.set()


def test_one_that_does_not_start_is_tried_ever_more_rarely(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Broken()
    with Supervisor({"it": server}, tmp_path):
        assert read_standings(tmp_path)["it"].state == "running"
        server.lives = False
        deadline = time.monotonic() + 20
        while (standing := read_standings(tmp_path)["it"]).error is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert (standing.state, standing.error, standing.restarts) == ("restarting", "OSError", 0)
        assert server.back.wait(20)
    assert read_standings(tmp_path) == {}
    assert server.tries == 3
    assert sum("it does not start" in record.message for record in caplog.records) == 2
    assert [pause_s(starts) for starts in (0, 1, 2, 3, 50)] == [0.0, 0.5, 1.0, 2.0, 30.0]
