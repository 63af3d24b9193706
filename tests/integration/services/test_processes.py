"""Each process of `lim up` is killed, or stopped for a while, while a job trains.

Either everything recovers and the job continues with nothing lost, or `lim up` says why it ends and leaves nothing, and
its next start continues the job. `make test-faults ALL=1` kills and stops every kind, also without a job.

Tests that end their platform come first, when no other one runs. Stops come before kills: the autoscaler and the client
server are not restarted, because nothing uses them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest
from _pytest.mark import ParameterSet

from cluster.ports import free_port
from services.client import Client, ClientError
from services.client.generated.models import JobOut
from tests.integration.services.visitors import PASSWORD

ROOT: Final = Path(__file__).resolve().parents[3]
START_S: Final = 180.0
BACK_S: Final = 90.0  # 6 s on a quiet machine, 30 where a worker or driver starts again
STOPPED_S: Final = 20.0
pytestmark = pytest.mark.faults

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
    "training worker": lambda line, _: line.startswith("ray::RayTrainWorker"),
    "controller of training": lambda line, _: line.startswith("ray::TrainController"),
    "driver": lambda line, name: name.startswith("python") and "-m cluster.train" in line,
    "supervisor of the driver": lambda line, _: line.startswith("ray::JobSupervisor"),
    "autoscaler": lambda line, _: "autoscaler/_private/monitor" in line,
    "client server": lambda line, _: "-m ray.util.client.server" in line and "keeper.py" not in line,
    "dashboard's agent": lambda line, _: line.startswith("ray::DashboardAgent"),
    "dashboard": lambda line, _: "dashboard/dashboard.py" in line,
    "raylet": lambda _, name: name == "raylet",
    "gcs": lambda _, name: name == "gcs_server",
    "keeper of ray": lambda line, _: "keeper.py" in line and "--daemons" in line,
}
OF_A_JOB: Final = ("training worker", "controller of training", "driver", "supervisor of the driver")
COME_BACK: Final = (
    "postgresql", "keeper of postgresql", "object store", "keeper of the object store", "hub", "replica",
    "controller of serve", "haproxy", "actor of haproxy", "autoscaler", "client server",
)  # fmt: skip
END_ALL: Final = {
    "raylet": "Ray's raylet (process ",
    "keeper of ray": "the keeper of the Ray cluster (process ",
    "gcs": "Ray's gcs_server (process ",
    "dashboard": "Ray's dashboard (process ",
    "dashboard's agent": "Ray's raylet (process ",
}
"""What `lim up` says when it ends."""
STOPPED: Final = ("postgresql", "raylet")
CONFIG: Final = {
    "max_steps": 50_000,
    "log_every_steps": 20,
    "checkpoint": {"every_steps": 10},
    "evaluation": {"base": False},
    "batch": {"cost": 24.0},
}
RECORDINGS: Final = ROOT / "engine" / "data" / "bundled" / "demo-speech"


def kinds(first: Iterable[str], every: Iterable[str]) -> list[ParameterSet]:
    """Those of each run, and the others, which `ALL=1` adds."""
    of_each = set(first)
    return [pytest.param(kind, marks=[] if kind in of_each else pytest.mark.exhaustive) for kind in every]


class Up:
    """A running `lim up`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.log = home.with_suffix(".log")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIM_HOME": str(home), "LIM_JOB_ATTEMPTS": "50"}
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


class Training:
    """A job that takes hours."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self._client = Client(f"http://127.0.0.1:{up.port}")
        self._user = f"user{time.time_ns()}"
        self._client.signup(self._user, f"{self._user}@example.com", PASSWORD)
        self._client.login(self._user, PASSWORD)
        dataset = self._client.upload_dataset("speech", RECORDINGS)
        resources = {"max_failures": 50}
        self._id = self._client.create_job("whisper-pico", dataset.id, CONFIG, resources=resources).id
        self.goes_on(0)

    def close(self) -> None:
        self._client.close()

    def look(self) -> JobOut:
        return self._client.read_job(self._id)

    def step(self) -> int:
        return self.look().step or 0

    def goes_on(self, step: int, up: Up | None = None) -> None:
        """Fail unless it trains beyond a step, soon."""
        if up is not None:
            self._client.close()
            self.up, self._client = up, Client(f"http://127.0.0.1:{up.port}")
            self._client.login(self._user, PASSWORD)
        seen = ""

        def trains() -> bool:
            nonlocal seen
            try:
                job = self.look()
            except ClientError as error:
                seen = str(error)
                return False
            seen = f"{job.status} at step {job.step} of more than {step}: {job.error}"
            assert job.status in ("queued", "starting", "running"), seen
            return job.status == "running" and (job.step or 0) > step

        until(trains, BACK_S, lambda: seen)


@contextmanager
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lim-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(home: Path) -> Iterator[Up]:
    up = Up(home)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.send_signal(signal.SIGTERM)
        up.process.wait(60)
        up.is_gone()
        up.log.unlink()


@pytest.mark.parametrize("kind", kinds(["raylet"], END_ALL))
def test_a_part_of_ray_that_dies_ends_the_platform_and_the_next_start_goes_on_with_the_job(kind: str) -> None:
    with home() as folder:
        with running(folder) as up, closing(Training(up)) as training:
            step = training.step()
            up.find(kind).kill()
            assert up.process.wait(BACK_S) == 1, up.said()
            assert END_ALL[kind] in up.said()
            assert "Start it again" in up.said()
            up.is_gone()
        with running(folder) as up, closing(training):
            training.goes_on(step, up)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.exhaustive) for kind in END_ALL])
def test_a_part_of_ray_that_dies_ends_an_idle_platform(kind: str) -> None:
    with home() as folder, running(folder) as up:
        up.find(kind).kill()
        assert up.process.wait(BACK_S) == 1, up.said()
        assert END_ALL[kind] in up.said()
        up.is_gone()


def test_a_killed_platform_leaves_nothing_and_a_second_one_is_told_of_the_first() -> None:
    with home() as folder:
        with running(folder) as up, closing(Training(up)) as training:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIM_HOME": str(up.home)}
            command = [sys.executable, "-m", "services.cli.main", "up", "--port", str(free_port())]
            second = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
            assert second.returncode == 1
            assert f"runs already (process {up.process.pid})" in " ".join(second.stderr.split())
            assert "Traceback" not in second.stderr
            up.works()
            step = training.step()
            up.process.kill()
            up.process.wait()
            up.is_gone()
        with running(folder) as up, closing(training):
            training.goes_on(step, up)


# ---- platforms that outlive the faults ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def idle() -> Iterator[Up]:
    with home() as folder, running(folder) as up:
        yield up


@pytest.fixture(scope="module")
def training() -> Iterator[Training]:
    with home() as folder, running(folder) as up, closing(Training(up)) as training:
        yield training


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [*COME_BACK, *END_ALL])
def test_a_process_of_an_idle_platform_that_was_stopped_for_a_while_goes_on(idle: Up, kind: str) -> None:
    stop_for_a_while(idle, kind)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", COME_BACK)
def test_a_killed_process_of_an_idle_platform_is_back(idle: Up, kind: str) -> None:
    idle.find(kind).kill()
    idle.works()
    assert idle.process.poll() is None, idle.said()


@pytest.mark.parametrize("kind", kinds(STOPPED, [*COME_BACK, *OF_A_JOB, *END_ALL]))
def test_a_process_that_was_stopped_for_a_while_goes_on_and_so_does_the_job(training: Training, kind: str) -> None:
    step = training.step()
    stop_for_a_while(training.up, kind)
    training.goes_on(step)


def test_a_platform_that_is_stopped_for_a_while_goes_on(training: Training) -> None:
    step = training.step()
    training.up.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(STOPPED_S)
    finally:
        training.up.process.send_signal(signal.SIGCONT)
    training.up.works()
    training.goes_on(step)
    assert training.up.process.poll() is None, training.up.said()


@pytest.mark.parametrize("kind", [*COME_BACK, *OF_A_JOB])
def test_a_killed_process_is_back_and_the_job_goes_on(training: Training, kind: str) -> None:
    step = training.step()
    training.up.find(kind).kill()
    training.up.works()
    training.goes_on(step)
    assert training.up.process.poll() is None, training.up.said()


def stop_for_a_while(up: Up, kind: str) -> None:
    victim = up.find(kind)
    victim.suspend()
    try:
        time.sleep(STOPPED_S)
    finally:
        with suppress(psutil.NoSuchProcess):  # replaced meanwhile
            victim.resume()
    up.works()
    assert up.process.poll() is None, up.said()


def until(check: Callable[[], bool], limit_s: float, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)
