"""Each process of `lim up` is killed, and some are stopped for a while: it is back, or `lim up` says why and leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest

from cluster.ports import free_port
from tests.integration.services.visitors import PASSWORD

ROOT: Final = Path(__file__).resolve().parents[3]
START_S: Final = 180.0
BACK_S: Final = 60.0  # 6 s on a quiet machine
STOPPED_S: Final = 20.0
pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

Named = Callable[[str, str], bool]
"""Whether a process is meant, by its command line and its name."""
KINDS: Final[dict[str, Named]] = {
    "postgresql": lambda line, name: name == "postgres" and " -D " in line,
    "keeper of postgresql": lambda line, _: "keeper.py" in line and "postgres.users" in line,
    "object store": lambda _, name: name == "rclone",
    "keeper of the object store": lambda line, _: "keeper.py" in line and "s3.users" in line,
    "hub": lambda line, _: line.startswith("ray::Hub"),
    "replica": lambda line, _: line.startswith("ray::ServeReplica"),
    "controller of serve": lambda line, _: line.startswith("ray::ServeController"),
    "haproxy": lambda _, name: name == "haproxy",
    "actor of haproxy": lambda line, _: line.startswith("ray::HAProxyManager"),
    "autoscaler": lambda line, _: "autoscaler/_private/monitor" in line,
    "client server": lambda line, _: "-m ray.util.client.server" in line and "keeper.py" not in line,
    "dashboard": lambda line, _: "dashboard/dashboard.py" in line,
    "raylet": lambda _, name: name == "raylet",
    "gcs": lambda _, name: name == "gcs_server",
    "keeper of ray": lambda line, _: "keeper.py" in line and "--daemons" in line,
}
COME_BACK: Final = (
    "postgresql", "keeper of postgresql", "object store", "keeper of the object store", "hub", "replica",
    "controller of serve", "haproxy", "actor of haproxy", "autoscaler", "client server",
)  # fmt: skip


class Up:
    """A running `lim up`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.log = home.with_suffix(".log")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIM_HOME": str(home)}
        for name in ("DATABASE_URL", "S3_ENDPOINT_URL", "RAY_ADDRESS"):
            environment.pop(name, None)
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "services.cli.main", "up", "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        until(lambda: "Ready" in self.said() or self.process.poll() is not None, START_S, self.said)
        assert "Ready" in self.said(), self.said()
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def said(self) -> str:
        return self.log.read_text()

    def find(self, kind: str) -> psutil.Process:
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if KINDS[kind](" ".join(process.cmdline()), process.name()):
                    found.append(process)
            except psutil.Error:
                continue
        assert found, f"no {kind}"
        return found[0]

    def status(self) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).json()["status"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return type(error).__name__

    def works(self) -> None:
        """Fail unless an account can be made and used, soon."""
        until(lambda: self.status() == "ready", BACK_S, self.status)
        name = f"user{time.time_ns()}"
        account = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}

        def made() -> bool:
            with httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=20) as http:
                try:
                    if http.post("/auth/signup", json=account).status_code not in (201, 409):
                        return False
                    login = http.post("/auth/login", json={"username_or_email": name, "password": PASSWORD})
                    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
                    return http.get("/jobs", headers=bearer).status_code == 200
                except (httpx.HTTPError, KeyError, ValueError):
                    return False

        until(made, BACK_S, self.status)

    def left(self) -> list[psutil.Process]:
        return [each for each in self.family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]

    def is_gone(self) -> None:
        """Fail unless every process goes, and every folder for sockets."""
        until(lambda: not self.left() and not self.sockets(), BACK_S, lambda: f"{self.left()} {self.sockets()}")

    def sockets(self) -> list[Path]:
        return [path for path in (self.home / "run").iterdir() if path.name not in ("lock", "pg")]


@contextmanager
def running() -> Iterator[Up]:
    home = Path(tempfile.mkdtemp(prefix="lim-test-"))
    up = Up(home)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.send_signal(signal.SIGTERM)
        up.process.wait(60)
        up.is_gone()
        shutil.rmtree(home, ignore_errors=True)
        up.log.unlink()


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with running() as up:
        yield up


@pytest.mark.parametrize("kind", COME_BACK)
def test_a_killed_process_is_back_or_not_missed(up: Up, kind: str) -> None:
    victim = up.find(kind)
    victim.kill()
    up.works()
    assert up.process.poll() is None, up.said()


@pytest.mark.parametrize("kind", ["postgresql", "raylet", "gcs", "dashboard"])
def test_a_process_that_was_stopped_for_a_while_goes_on(up: Up, kind: str) -> None:
    victim = up.find(kind)
    victim.suspend()
    try:
        time.sleep(STOPPED_S)
    finally:
        victim.resume()
    up.works()
    assert victim.is_running()
    assert up.process.poll() is None, up.said()


@pytest.mark.parametrize(
    ("kind", "told"),
    [("raylet", "Ray's raylet (process "), ("keeper of ray", "the keeper of the Ray cluster (process ")],
)
def test_a_part_of_ray_that_dies_ends_the_platform_with_its_name(kind: str, told: str) -> None:
    with running() as up:
        up.find(kind).kill()
        assert up.process.wait(BACK_S) == 1, up.said()
        assert told in up.said()
        assert "Start it again" in up.said()
        up.is_gone()


def test_a_killed_platform_leaves_nothing_and_a_second_one_is_told_of_the_first() -> None:
    with running() as up:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIM_HOME": str(up.home)}
        command = [sys.executable, "-m", "services.cli.main", "up", "--port", str(free_port())]
        second = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert second.returncode == 1
        assert f"runs already (process {up.process.pid})" in " ".join(second.stderr.split())
        assert "Traceback" not in second.stderr
        up.works()
        up.process.kill()
        up.process.wait()
        up.is_gone()


def until(check: Callable[[], bool], limit_s: float, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)
