"""Ingestion in real child processes: limits, events, stop, deletion, a hub that dies, and users who take turns."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from cluster.ingestion.config import IngestionRunConfig
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.jobs.boxes import Boxes
from services.jobs.deletion import purge
from services.jobs.intake import take_events
from services.jobs.kinds.ingestion import INGEST
from services.jobs.lanes import Lanes, lanes_of
from services.jobs.places import Runs
from services.jobs.reconciler import Capacity, Reconciler
from services.jobs.requests import resume
from services.jobs.submission import Driver, DriverState
from tests.integration.services import rows
from tests.integration.services.recordings import archive, good
from tests.integration.services.test_reconciler import StandIn
from tests.integration.services.uploads import Ingestions, Store, announce, failed, put, settle, upload
from tests.integration.services.visitors import Visitor

PATIENCE_S = 60.0


class Hub(Ingestions):
    """What the hub does for datasets, with real boxes."""

    def __init__(self, services: Services, store: Store, **limits: Any) -> None:
        settings = services.settings.model_copy(update=limits)
        super().__init__(services, store, settings)
        self.ends = 0
        self.boxes = Boxes(settings, partial(take_events, services.sessions), self._ended)
        self.lanes = Lanes(settings, services.sessions, Runs(settings.s3.bucket, store), self.boxes.of)

    async def _ended(self) -> None:
        self.ends += 1

    async def close(self) -> None:
        await self.lanes.close()
        await self.boxes.close()


@pytest.fixture
async def hub(services: Services, store: Store) -> AsyncIterator[Hub]:
    await forget_others(services)
    hub = Hub(services, store)
    yield hub
    await hub.close()
    await until(lambda: not children())


async def forget_others(services: Services) -> None:
    """Other tests' ingestions are not ours."""
    async with open_session(services.sessions) as session:
        await session.execute(update(Job).where(Job.lane.is_not(None)).values(status="stopped"))
        await session.commit()


@asynccontextmanager
async def limited(services: Services, store: Store, **limits: Any) -> AsyncIterator[Hub]:
    """A hub with other limits."""
    await forget_others(services)
    hub = Hub(services, store, **limits)
    try:
        yield hub
    finally:
        await hub.close()


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # one that has just ended
            if "services.jobs.box_child" in child.cmdline():
                found.append(child)
    return found


def work_of(services: Services) -> list[Path]:
    return list((services.settings.home / "ingestion").iterdir())


async def until(found: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := found()):
            await asyncio.sleep(0.02)
        return value


async def begun(visitor: Visitor, data: bytes, name: str = "speech.zip") -> str:
    """A dataset whose files are there."""
    new = await announce(visitor, {name: data})
    await put(new["uploads"], {name: data})
    dataset_id: str = new["dataset"]["id"]
    assert (await visitor.post(f"/datasets/{dataset_id}/complete")).status_code == 202
    return dataset_id


async def job_of(visitor: Visitor, dataset_id: str) -> dict[str, Any]:
    """The job that processes the newest version of a dataset."""
    job_id = (await visitor.get(f"/datasets/{dataset_id}")).json()["job_id"]
    job: dict[str, Any] = (await visitor.get(f"/jobs/{job_id}")).json()
    return job


async def test_a_dataset_is_made_in_a_child_and_the_next_child_waits(
    hub: Hub, services: Services, store: Store, ada: Visitor
) -> None:
    dataset = await upload(hub, ada, archive(good(4)))
    assert (dataset["status"], dataset["statistics"]["utterances"]) == ("ready", 4)
    assert hub.ends == 1  # the hub settles it without waiting for its next round
    await until(lambda: len(children()) == 1)
    [ahead] = children()
    secret = services.settings.s3.secret_access_key
    assert secret is not None
    assert all(secret not in part for part in ahead.cmdline())
    assert not {"DATABASE_URL", "LIM_SECRET_KEY", "RAY_ADDRESS"} & ahead.environ().keys()
    assert (await upload(hub, ada, archive(good(2))))["status"] == "ready"
    assert ahead.pid not in [child.pid for child in children()]  # it did one errand
    assert work_of(services) == []


async def test_its_events_come_while_it_runs(hub: Hub, services: Services, ada: Visitor) -> None:
    dataset_id = await begun(ada, wordy(60_000, 20))
    job_id = (await job_of(ada, dataset_id))["id"]
    phases = set()
    while (job := await job_of(ada, dataset_id))["status"] not in {"succeeded", "failed"}:
        await hub.round()
        if job["status"] == "running":
            phases.add(job["phase"])
        await asyncio.sleep(0.02)
    assert "reading" in phases, (phases, job)
    assert job["id"] == job_id


def wordy(rows: int, width: int) -> bytes:
    """Two recordings, and a table that names them again and again with long texts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in zipfile_of(archive(good(2))).items():
            if name.endswith(".wav"):
                packed.writestr(name, data)
                last = name
        lines = "".join(f"{last},{'word ' * width}{number}\n" for number in range(rows))
        packed.writestr("metadata.csv", "file_name,text\n" + lines)
    return target.getvalue()


def zipfile_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


async def test_what_needs_too_much_memory_fails_and_says_so(services: Services, store: Store, ada: Visitor) -> None:
    async with limited(services, store, dataset_memory_bytes=192 * 2**20) as hub:
        dataset = await upload(hub, ada, wordy(150_000, 100))
    assert dataset["status"] == "error"
    assert "memory" in dataset["error"]
    assert "Split the dataset" in dataset["error"]
    job = await job_of(ada, dataset["id"])
    assert (job["status"], job["error"], job["attempt"]) == ("failed", dataset["error"], 1)


async def test_what_computes_too_long_fails_and_says_so(services: Services, store: Store, ada: Visitor) -> None:
    async with limited(services, store, dataset_cpu_s=1, dataset_cpu_s_per_mib=0) as hub:
        dataset = await upload(hub, ada, wordy(150_000, 20))
    assert dataset["status"] == "error"
    assert "processor time" in dataset["error"]


async def test_what_takes_too_long_fails_and_says_so(services: Services, store: Store, ada: Visitor) -> None:
    async with limited(services, store, dataset_wall_s=1) as hub:
        dataset = await upload(hub, ada, wordy(150_000, 20))
    assert (dataset["status"], "takes longer than 1 s" in dataset["error"]) == ("error", True)


async def test_a_child_that_is_killed_is_started_again(hub: Hub, ada: Visitor) -> None:
    dataset_id = await begun(ada, archive(good(4)))
    await hub.round()
    [child] = await until(children)
    os.kill(child.pid, signal.SIGKILL)
    assert (await settle(hub, ada, dataset_id))["status"] == "ready"
    job = await job_of(ada, dataset_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    logs = (await ada.get(f"/jobs/{job['id']}/logs")).json()["items"]
    told = [line["message"] for line in logs if line.get("source") == "platform"]
    assert told == [
        "Processing was interrupted (it was killed by signal 9). It is tried again: failure 1 of at most 3."
    ]


async def test_a_driver_that_breaks_off_says_no_more_than_that(services: Services, store: Store, hub: Hub) -> None:
    """What went wrong inside is in the platform's log, not in the job."""
    lane = lanes_of(services.settings)[INGEST]
    for config, code in (("s3://nowhere/at-all.json", None), ("nothing.yaml", 2)):
        hub.boxes.submit(uuid.uuid4(), config, "cluster.ingest", config, lane)
        await until(lambda config=config: hub.boxes.driver(config).state is not DriverState.RUNNING)
        driver = hub.boxes.driver(config)
        assert driver.state is DriverState.FAILED
        assert code is None or driver.exit_code == code
        assert driver.message == "an internal error; the platform's log has it"
    hub.boxes.submit(uuid.uuid4(), "other", "os", "x", lane)  # only known modules run in a box
    await until(lambda: hub.boxes.driver("other").state is DriverState.FAILED)
    assert hub.boxes.driver("unknown").state is DriverState.MISSING


async def test_deleting_a_dataset_ends_its_processing(hub: Hub, services: Services, store: Store, ada: Visitor) -> None:
    dataset_id = await begun(ada, wordy(150_000, 100))
    job_id = (await job_of(ada, dataset_id))["id"]
    await hub.round()
    [child] = await until(children)
    await until(lambda: work_of(services))  # at work
    assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
    assert (await ada.get(f"/jobs/{job_id}")).status_code == 404
    await hub.round()
    assert not child.is_running()
    assert work_of(services) == []
    await hub.round()
    assert store(f"datasets/{dataset_id}").list("") == []
    await purge(services.sessions, Runs(services.settings.s3.bucket, store))
    async with open_session(services.sessions) as session:
        assert await session.get(Job, uuid.UUID(job_id)) is None
    assert store(f"runs/{job_id}").list("") == []


async def test_it_is_stopped_and_resumed(hub: Hub, services: Services, ada: Visitor) -> None:
    dataset_id = await begun(ada, archive(good(300)))
    await hub.round()
    await until(lambda: work_of(services))
    job_id = (await job_of(ada, dataset_id))["id"]
    assert (await ada.post(f"/jobs/{job_id}/stop")).json()["status"] in {"stopping", "stopped"}
    async with asyncio.timeout(PATIENCE_S):
        while (job := await job_of(ada, dataset_id))["status"] != "stopped":
            await hub.round()
            await asyncio.sleep(0.05)
    dataset = (await ada.get(f"/datasets/{dataset_id}")).json()
    assert (dataset["status"], "was stopped" in dataset["error"]) == ("error", True)
    await until(lambda: len(children()) <= 1)
    assert work_of(services) == []
    [told] = (await ada.get("/notifications")).json()["items"]  # of the dataset, not of its job
    assert told["kind"] == "dataset_error"

    assert (await ada.post(f"/jobs/{job_id}/resume")).json()["status"] == "queued"
    assert (await ada.get(f"/datasets/{dataset_id}")).json()["status"] == "processing"
    assert (await settle(hub, ada, dataset_id))["status"] == "ready"
    job = await job_of(ada, dataset_id)
    assert (job["id"], job["status"], job["progress"]) == (job_id, "succeeded", 1.0)


async def test_the_death_of_the_hub_costs_one_attempt(services: Services, store: Store, ada: Visitor) -> None:
    await forget_others(services)
    first = Hub(services, store)
    dataset_id = await begun(ada, archive(good(300)))
    async with asyncio.timeout(PATIENCE_S):
        while (await job_of(ada, dataset_id))["status"] != "running":
            await first.round()
            await asyncio.sleep(0.02)
    await first.boxes.close()  # as the kernel does when the hub dies; nobody settles the job
    second = Hub(services, store)
    assert (await settle(second, ada, dataset_id))["status"] == "ready"
    await second.close()
    job = await job_of(ada, dataset_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    logs = (await ada.get(f"/jobs/{job['id']}/logs")).json()["items"]
    assert any("the platform's hub was restarted" in line["message"] for line in logs)


async def test_a_child_dies_with_its_hub(services: Services) -> None:
    code = (
        "import asyncio, os, signal\n"
        "from services.jobs.boxes import Boxes\n"
        "from services.settings import load_settings\n"
        "async def main():\n"
        "    child = await Boxes(load_settings(), None, None)._start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    s3 = services.settings.s3
    environment = {
        **os.environ,
        **s3.environment(),
        "LIM_HOME": str(services.settings.home / "other"),
        "DATABASE_URL": services.settings.database_url,
    }
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as hub:
        assert hub.stdout is not None
        child = psutil.Process(int(await asyncio.to_thread(hub.stdout.readline)))
        hub.kill()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_nobody_has_all_slots_and_users_take_turns(
    services: Services, store: Store, ada: Visitor, bob: Visitor
) -> None:
    await forget_others(services)
    running: list[str] = []
    most, gates = 0, asyncio.Semaphore(0)

    async def slow(config: IngestionRunConfig) -> Driver:
        nonlocal most
        running.append(config.version or "")
        most = max(most, len(running))
        await gates.acquire()
        running.remove(config.version or "")
        return failed("nothing in it")

    queue = Ingestions(services, store, run=slow)
    hers = {await begun(ada, b"x") for _ in range(6)}
    for _ in range(3):
        await queue.round()
        await asyncio.sleep(0.1)
    assert len([version for version in running if any(mine in version for mine in hers)]) == 1  # of two slots
    his = await begun(bob, b"x")
    await queue.round()
    await until(lambda: any(his in version for version in running))
    gates.release()
    await queue.close()
    assert most == 2


async def test_fetching_holds_no_slot_of_processing(services: Services, store: Store, ada: Visitor) -> None:
    await forget_others(services)
    brought: list[str] = []

    async def halfway(config: IngestionRunConfig) -> Driver:
        if config.until == "fetched":
            brought.append(config.name)
            await asyncio.Event().wait()
        return failed("nothing in it")

    queue = Ingestions(services, store, run=halfway)
    fetching = []
    for _ in range(4):
        source = {"type": "url", "url": "http://example.com/a.zip"}
        answer = await ada.post("/datasets", json={"name": "speech", "source": source})
        assert answer.status_code == 201, answer.text
        fetching.append(answer.json()["dataset"]["job_id"])
    await queue.round()
    await until(lambda: len(brought) == 3)  # of four slots
    assert set(brought) < set(fetching)
    dataset_id = await begun(ada, b"x")
    started_s = time.monotonic()
    assert (await settle(queue, ada, dataset_id))["error"] == "nothing in it"
    assert time.monotonic() - started_s < 10
    await queue.close()


async def test_ingestions_neither_take_room_of_trainings_nor_count_with_them(
    services: Services, store: Store, ada: Visitor
) -> None:
    await forget_others(services)
    few = replace(services, settings=services.settings.model_copy(update={"max_unfinished_jobs_per_user": 1}))

    async def endless(config: IngestionRunConfig) -> Driver:
        await asyncio.Event().wait()
        raise AssertionError

    queue = Ingestions(services, store, run=endless)
    await begun(ada, b"x")
    await queue.round()
    usage = (await ada.get("/users/me/usage")).json()["jobs"]
    assert (usage["unfinished"], usage["running"]) == (0, 0)
    training_id = uuid.UUID(str(await rows.job(services, ada, status="stopped")))
    async with open_session(services.sessions) as session:
        assert (await resume(session, few.settings, await rows.user_id(ada), training_id)).status == "queued"
        await session.commit()

    async def one_cpu() -> Capacity:
        return Capacity(cpus=1, gpus=0)

    cluster = StandIn()
    runs = Runs(services.settings.s3.bucket, store)
    async with open_session(services.sessions) as session:  # of other tests
        await session.execute(update(Job).where(Job.lane.is_(None), Job.id != training_id).values(status="stopped"))
        await session.commit()
    await Reconciler(services.settings, services.sessions, runs, cluster, one_cpu).submit()
    assert cluster.submitted == [f"lim-{training_id}-1"]
    await queue.close()


async def test_what_an_earlier_hub_left_is_removed(services: Services, store: Store) -> None:
    left = services.settings.home / "ingestion" / "process-x"
    left.mkdir(parents=True, exist_ok=True)
    (left / "large.wav").write_bytes(b"x")
    Hub(services, store)
    assert not left.exists()
    assert (services.settings.home / "ingestion").stat().st_mode & 0o777 == 0o700
