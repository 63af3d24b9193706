"""Ingestion in real child processes: limits, deletion, a hub that dies, and users who take turns."""

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
from contextlib import suppress
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import DatasetVersion
from services.datasets.box import Box, BrokeOffError
from services.datasets.processing import Outcome
from services.datasets.queue import DatasetQueue
from services.datasets.sources import Order
from tests.integration.services.recordings import archive, good
from tests.integration.services.uploads import Store, announce, put, settle, upload
from tests.integration.services.visitors import Visitor

PATIENCE_S = 60.0


@pytest.fixture
async def box(services: Services) -> AsyncIterator[Box]:
    async with open_session(services.sessions) as session:  # other tests' datasets are not ours
        await session.execute(
            update(DatasetVersion).where(DatasetVersion.status == "processing").values(status="error")
        )
        await session.commit()
    box = Box(services.settings)
    yield box
    await box.close()
    await until(lambda: not children())


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # one that has just ended
            if "services.datasets.child" in child.cmdline():
                found.append(child)
    return found


def limited(services: Services, **limits: Any) -> Box:
    return Box(services.settings.model_copy(update=limits))


def queue_in(box: Box, services: Services, store: Store) -> DatasetQueue:
    return DatasetQueue(services.settings, services.sessions, box.process, store, box.bring)


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


async def test_a_dataset_is_made_in_a_child_and_the_next_child_waits(
    box: Box, services: Services, store: Store, ada: Visitor
) -> None:
    queue = queue_in(box, services, store)
    dataset = await upload(queue, ada, archive(good(4)))
    assert (dataset["status"], dataset["statistics"]["utterances"]) == ("ready", 4)
    await until(lambda: len(children()) == 1)
    [ahead] = children()
    secret = services.settings.s3.secret_access_key
    assert secret is not None
    assert all(secret not in part for part in ahead.cmdline())
    assert not {"DATABASE_URL", "LIM_SECRET_KEY"} & ahead.environ().keys()
    assert (await upload(queue, ada, archive(good(2))))["status"] == "ready"
    assert ahead.pid not in [child.pid for child in children()]  # it did one errand
    assert list((services.settings.home / "ingestion").iterdir()) == []


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
    box = limited(services, dataset_memory_bytes=192 * 2**20)
    dataset = await upload(queue_in(box, services, store), ada, wordy(150_000, 100))
    await box.close()
    assert dataset["status"] == "error"
    assert "memory" in dataset["error"]
    assert "Split the dataset" in dataset["error"]


async def test_what_computes_too_long_fails_and_says_so(services: Services, store: Store, ada: Visitor) -> None:
    box = limited(services, dataset_cpu_s=1, dataset_cpu_s_per_mib=0)
    dataset = await upload(queue_in(box, services, store), ada, wordy(150_000, 20))
    await box.close()
    assert dataset["status"] == "error"
    assert "processor time" in dataset["error"]


async def test_what_takes_too_long_fails_and_says_so(services: Services, store: Store, ada: Visitor) -> None:
    box = limited(services, dataset_wall_s=1)
    dataset = await upload(queue_in(box, services, store), ada, wordy(150_000, 20))
    await box.close()
    assert (dataset["status"], "takes longer than 1 s" in dataset["error"]) == ("error", True)


async def test_a_child_that_is_killed_is_started_again(
    box: Box, services: Services, store: Store, ada: Visitor
) -> None:
    queue = queue_in(box, services, store)
    dataset_id = await begun(ada, archive(good(4)))
    await queue.round()
    [child] = await until(children)
    os.kill(child.pid, signal.SIGKILL)
    assert (await settle(queue, ada, dataset_id))["status"] == "ready"


async def test_an_errand_that_breaks_off_tells_why(box: Box) -> None:
    with pytest.raises(BrokeOffError, match="KeyError"):
        await box.process(Order(uuid.uuid4(), {"type": "nowhere"}))


async def test_deleting_a_dataset_ends_its_processing(box: Box, services: Services, store: Store, ada: Visitor) -> None:
    queue = queue_in(box, services, store)
    dataset_id = await begun(ada, wordy(150_000, 100))
    await queue.round()
    [child] = await until(children)
    await until(lambda: list((services.settings.home / "ingestion").iterdir()))  # at work
    assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
    await queue.round()
    assert not child.is_running()
    assert list((services.settings.home / "ingestion").iterdir()) == []
    await queue.round()
    assert store(f"datasets/{dataset_id}").list("") == []


async def test_a_child_dies_with_its_hub(services: Services) -> None:
    code = (
        "import asyncio, os, signal\n"
        "from services.datasets.box import Box\n"
        "from services.settings import load_settings\n"
        "async def main():\n"
        "    child = await Box(load_settings())._start()\n"
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
    running: list[uuid.UUID] = []
    most, gates = 0, asyncio.Semaphore(0)

    async def slow(order: Order) -> Outcome:
        nonlocal most
        running.append(order.dataset_id)
        most = max(most, len(running))
        await gates.acquire()
        running.remove(order.dataset_id)
        return Outcome(version=None, error="nothing in it", report=None)

    queue = DatasetQueue(services.settings, services.sessions, slow, store)
    hers = {uuid.UUID(await begun(ada, b"x")) for _ in range(6)}
    for _ in range(3):
        await queue.round()
        await asyncio.sleep(0.1)
    assert len(hers.intersection(running)) == 1  # of two slots
    his = uuid.UUID(await begun(bob, b"x"))
    await queue.round()
    await until(lambda: his in running)
    gates.release()
    await queue.close()
    assert most == 2


async def test_fetching_holds_no_slot_of_processing(services: Services, store: Store, ada: Visitor) -> None:
    settings = services.settings.model_copy(update={"import_networks": ("127.0.0.0/8",)})
    brought = asyncio.Event()

    async def bring(order: Order) -> str | None:
        brought.set()
        await asyncio.Event().wait()
        return None

    async def here(order: Order) -> Outcome:
        return Outcome(version=None, error="nothing in it", report=None)

    queue = DatasetQueue(settings, services.sessions, here, store, bring)
    for _ in range(3):
        source = {"type": "url", "url": "http://example.com/a.zip"}
        answer = await ada.post("/datasets", json={"name": "speech", "source": source})
        assert answer.status_code == 201, answer.text
    await queue.round()
    await asyncio.wait_for(brought.wait(), 10)
    dataset_id = await begun(ada, b"x")
    started_s = time.monotonic()
    assert (await settle(queue, ada, dataset_id))["error"] == "nothing in it"
    assert time.monotonic() - started_s < 10
    await queue.close()


async def test_what_an_earlier_hub_left_is_removed(services: Services) -> None:
    left = services.settings.home / "ingestion" / "process-x"
    left.mkdir(parents=True, exist_ok=True)
    (left / "large.wav").write_bytes(b"x")
    Box(services.settings)
    assert not left.exists()
    assert (services.settings.home / "ingestion").stat().st_mode & 0o777 == 0o700
