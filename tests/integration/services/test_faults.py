"""The platform while its parts are killed: clients upload, read and write, a job trains, and nothing is lost.

Every call to the API is answered in the meantime: it is done, or told when to come again.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from cluster.ports import free_port
from cluster.runtime import start_local
from services.client import Client
from services.database import migrate
from services.database.engine import create_engine, create_sessions, open_session
from services.database.models import Job
from services.jobs.hub import start_hub
from services.settings import Settings, load_settings
from tests.integration.services.followers import Follower
from tests.integration.services.killable import (
    KillablePostgres,
    KillableS3,
    kept_environment,
    kill_actor,
    serve_pids,
    until_others,
)
from tests.integration.services.recordings import archive, good
from tests.integration.services.traffic import Answer, Traffic, Uploader
from tests.integration.services.visitors import PASSWORD

DRIVER = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('steady_driver.py')))}"
DOWN_S = 20.0
_CHECKED_S = 150.0
"""Longest time until a dataset is checked that waits behind those of the uploader, beside a training and the traffic."""
STEP_S = 0.2
REPLICAS = 2
REAL_TRAINING = {
    "log_every_steps": 1,
    "checkpoint": {"every_steps": 10},
    "method": {"type": "qlora", "rank": 2},
    "split": {"test_groups": ["speaker1"], "validation_fraction": 0.0},
    "batch": {"cost": 2.0, "micro_batch_cost": 2.0},
}

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve is deprecated in its own eyes when it is imported
    from ray import serve

    from services import serve_app

# What Ray warns of in this process is not ours.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("default")]

_numbers = count(1)


@dataclass(frozen=True)
class Parts:
    """A platform whose parts can be killed."""

    settings: Settings
    postgres: KillablePostgres
    s3: KillableS3
    address: str


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """A platform of these tests alone; in its jobs, the steady driver runs."""
    home = Path(tempfile.mkdtemp(prefix="lim-test-"))
    postgres, s3 = KillablePostgres(home), KillableS3(home)
    try:
        migrate.upgrade(postgres.url)
        environ = {"LIM_HOME": str(home), "LIM_RECONCILE_S": "0.5", "LIM_API_REPLICAS": str(REPLICAS)}
        settings = load_settings(environ, database_url=postgres.url, s3=s3.settings)
        with kept_environment(), start_local(cpus=2):
            start_hub(settings, DRIVER)
            address = serve_app.deploy_api(settings, port=free_port())
            yield Parts(settings, postgres, s3, f"{address}/api/v1")
            serve_app.undeploy()
    finally:
        s3.stop()
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def real_training(parts: Parts) -> Iterator[None]:
    """The training driver in the place of the steady one."""
    start_hub(parts.settings)
    yield
    start_hub(parts.settings, DRIVER)


@pytest.fixture
def user(parts: Parts) -> Iterator[httpx.Client]:
    """Somebody new, logged in."""
    with httpx.Client(base_url=parts.address, timeout=60) as http:
        name = f"user{next(_numbers)}"
        account = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        assert http.post("/auth/signup", json=account).status_code == 201
        tokens = http.post("/auth/login", json={"username_or_email": name, "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield http


@pytest.fixture
def uploader(user: httpx.Client) -> Iterator[Uploader]:
    """The same user at another place, who uploads when told to."""
    uploader = Uploader(str(user.base_url), user.headers["Authorization"])
    yield uploader
    uploader.close()


@pytest.fixture
def dataset_id(user: httpx.Client, uploader: Uploader) -> str:
    """A dataset that is ready."""
    name, identifier = uploader.put()
    uploader.complete(name, identifier)
    while (dataset := user.get(f"/datasets/{identifier}").json())["status"] == "processing":
        time.sleep(0.1)
    assert dataset["status"] == "ready", dataset
    return identifier


@pytest.fixture
def program(parts: Parts, user: httpx.Client) -> Iterator[Client]:
    """The same user's program: the platform's own client."""
    with Client(parts.address.removesuffix("/api/v1")) as client:
        client.login(user.get("/users/me").json()["username"], PASSWORD)
        yield client


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """An archive."""
    path = tmp_path / "speech.zip"
    path.write_bytes(archive(good()))
    return path


class Watched:
    """A job, and those who watch it from its beginning."""

    def __init__(
        self,
        user: httpx.Client,
        dataset_id: str,
        steps: int,
        config: Mapping[str, Any] | None = None,
        followers: int = 1,
    ) -> None:
        steady = {"optimizer": {"type": "adamw", "learning_rate": STEP_S}}
        body = {
            "model_id": "whisper-pico",
            "dataset_id": dataset_id,
            "config": {"max_steps": steps, **(config or steady)},
        }
        answer = user.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text
        self._user = user
        self._steps = steps
        self._path = f"/jobs/{answer.json()['id']}"
        self.followers = [Follower(user, answer.json()["id"]) for _ in range(followers)]

    def until_step(self, step: int) -> None:
        """Wait until all who watch have been told."""
        for follower in self.followers:
            follower.until_step(step)

    def told(self) -> int:
        """The newest step that all who watch have been told."""
        return min(max(follower.steps(), default=0) for follower in self.followers)

    def check(self) -> None:
        """The job succeeded, and everybody was told everything once, in order, over however many streams."""
        for follower in self.followers:
            follower.join(timeout=200)
            assert follower.ended, (follower.events[-3:], self._user.get(f"{self._path}/logs").text)
            assert [event["seq"] for event in follower.events] == list(range(1, len(follower.events) + 1))
            assert self._trained(follower.events) == list(range(1, self._steps + 1))
            assert follower.statuses() == ["queued", "starting", "running", "succeeded"]
            assert set(follower.refusals) <= {503}
        job = self._user.get(self._path).json()
        assert (job["status"], job["attempt"], job["result"]["steps"]) == ("succeeded", 1, self._steps)
        metrics = self._user.get(f"{self._path}/metrics", params={"limit": 1000}).json()["items"]
        assert self._trained(metrics) == list(range(1, self._steps + 1))
        artifacts = self._user.get(f"{self._path}/artifacts").json()["items"]
        assert {"adapter", "result"} <= {artifact["kind"] for artifact in artifacts}

    def steps_between(self, start: float, end: float) -> int:
        """Steps that were made in a span of time, by the clock."""
        events = [event for event in self.followers[0].events if event["event_key"].startswith("train/")]
        return sum(start <= datetime.fromisoformat(event["time"]).timestamp() < end for event in events)

    @staticmethod
    def _trained(events: list[dict[str, Any]]) -> list[int]:
        return [event["step"] for event in events if event["event_key"].startswith("train/")]


def lost(answers: list[Answer]) -> list[Answer]:
    """Those that were neither done nor told in the API's words when to come again."""
    return [answer for answer in answers if not answer.is_accepted and not answer.is_later]


def most_attempts(settings: Settings) -> int:
    """How often the dataset was processed that was processed most often."""

    async def ask() -> int:
        engine = create_engine(settings.database_url)
        async with open_session(create_sessions(engine)) as session:
            most = await session.scalar(select(func.max(Job.attempt)).where(Job.type == "ingestion"))
        await engine.dispose()
        return int(most or 0)

    return asyncio.run(ask())


def test_postgresql_is_killed_and_stays_away(
    parts: Parts, user: httpx.Client, uploader: Uploader, program: Client, recordings: Path, dataset_id: str
) -> None:
    job = Watched(user, dataset_id, steps=160)
    pages = ["/projects", "/users/me", f"/datasets/{dataset_id}"]
    with Traffic(user, pages) as traffic, ThreadPoolExecutor() as pool:
        traffic.until_served()
        job.until_step(5)
        for _ in range(3):
            uploader.once()  # being processed, and waiting for it
        killed_s, killed = time.monotonic(), time.time()
        parts.postgres.kill()
        uploaded = pool.submit(program.upload_dataset, "by a program", recordings)
        time.sleep(DOWN_S)  # the fault itself
        back_s, back = time.monotonic(), time.time()
        parts.postgres.start()
        traffic.until_served()
        job.until_step(job.told() + 5)  # live again
        assert uploaded.result(timeout=_CHECKED_S).status == "ready"
    assert lost(traffic.answers + uploader.answers) == []
    meanwhile = traffic.during(killed_s + 1, back_s)
    assert len(meanwhile) > 20
    assert not any(answer.is_accepted for answer in meanwhile)
    job.check()
    assert job.steps_between(killed, back) > DOWN_S / STEP_S / 2  # training did not wait
    traffic.check_kept(uploader)
    assert most_attempts(parts.settings) == 1


@pytest.mark.usefixtures("real_training")
def test_the_object_store_is_killed_and_stays_away(
    parts: Parts, user: httpx.Client, uploader: Uploader, program: Client, recordings: Path, dataset_id: str
) -> None:
    job = Watched(user, dataset_id, steps=60, config=REAL_TRAINING)
    [item, *_] = user.get(f"/datasets/{dataset_id}/preview").json()["items"]
    audio = item["audio_url"].removeprefix("/api/v1")
    pages = ["/projects", f"/datasets/{dataset_id}", audio]
    with Traffic(user, pages) as traffic, ThreadPoolExecutor() as pool:
        traffic.until_served()
        job.until_step(5)
        for _ in range(3):
            uploader.once()
        name, waiting = uploader.put()
        killed_s, killed = time.monotonic(), time.time()
        parts.s3.kill()
        uploaded = pool.submit(program.upload_dataset, "by a program", recordings)
        completed = uploader.call("POST", f"/datasets/{waiting}/complete")
        time.sleep(max(0.0, killed_s + DOWN_S - time.monotonic()))  # the fault itself
        back_s = time.monotonic()
        parts.s3.start()
        uploader.complete(name, waiting)
        traffic.until_served()
        assert uploaded.result(timeout=_CHECKED_S).status == "ready"
    assert lost(traffic.answers + uploader.answers) == []
    assert completed is not None
    assert completed.json()["code"] == "storage_unavailable"
    meanwhile = traffic.during(killed_s + 1, back_s)
    heard = [answer for answer in meanwhile if "/audio" in answer.call]
    assert heard
    assert not any(answer.is_accepted for answer in heard)
    others = [answer for answer in meanwhile if "projects" in answer.call]
    assert len(others) > 20
    assert all(answer.is_accepted for answer in others)  # whoever needs no files does not notice
    job.check()
    assert job.steps_between(killed, time.time()) > 0  # it was training
    traffic.check_kept(uploader)


def test_one_replica_is_killed_and_then_the_last(user: httpx.Client, uploader: Uploader, dataset_id: str) -> None:
    job = Watched(user, dataset_id, steps=100, followers=3)
    replicas = serve_pids("ServeReplica")
    assert len(replicas) == REPLICAS
    with Traffic(user, ["/projects", "/users/me"]) as traffic:
        traffic.until_served()
        job.until_step(5)
        for pid in replicas:
            kill_actor(pid)
            traffic.until_served()  # by the other one; then by one that is started anew
        until_others("ServeReplica", replicas, REPLICAS)
    assert lost(traffic.answers) == []
    job.check()
    assert all(follower.streams >= 2 for follower in job.followers)
    traffic.check_kept(uploader)


def test_the_controller_of_serve_is_killed(user: httpx.Client, uploader: Uploader, dataset_id: str) -> None:
    job = Watched(user, dataset_id, steps=100)
    replicas, controllers = serve_pids("ServeReplica"), serve_pids("ServeController")
    assert len(controllers) == 1
    with Traffic(user, ["/projects", "/users/me"]) as traffic:
        traffic.until_served()
        job.until_step(5)
        kill_actor(min(controllers))
        traffic.until_served()
        until_others("ServeController", controllers, 1)
        deadline = time.monotonic() + 60
        while (state := serve.status().applications[serve_app.NAME].status) != "RUNNING":
            assert time.monotonic() < deadline, state
            time.sleep(0.2)
        assert serve_pids("ServeReplica") == replicas  # it takes over what is there
        served = list(traffic.answers)
        kill_actor(min(replicas))  # and keeps it going
        until_others("ServeReplica", {min(replicas)}, REPLICAS)
        traffic.until_served()
    assert all(answer.is_accepted for answer in served)  # nobody needs it to be answered
    assert lost(traffic.answers) == []
    job.check()
    traffic.check_kept(uploader)
