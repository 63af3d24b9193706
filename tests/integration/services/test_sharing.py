"""One user's jobs and another's: half of the room each while both wait, and room is made where there is none."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from engine.run.store import LocalRunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.jobs.reconciler import Capacity
from services.jobs.submission import Driver, DriverState
from tests.integration.services import rows
from tests.integration.services.test_reconciler import Scene, StandIn
from tests.integration.services.visitors import Visitor

RUNNING = Driver(DriverState.RUNNING)
ENDED = Driver(DriverState.SUCCEEDED, exit_code=0)


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path) -> Scene:
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def running_since(scene: Scene, job_id: uuid.UUID, seconds: float) -> None:
    """Let a job's driver run, since a while."""
    async with open_session(scene.services.sessions) as session:
        job = await session.get_one(Job, job_id)
        scene.cluster.drivers[job.submission_id or ""] = RUNNING
        job.status = "running"
        job.started_at = job.metered_since = datetime.now(UTC) - timedelta(seconds=seconds)
        await session.commit()


async def waited(scene: Scene, job_id: uuid.UUID, seconds: float) -> None:
    async with open_session(scene.services.sessions) as session:
        job = await session.get_one(Job, job_id)
        job.queued_at = datetime.now(UTC) - timedelta(seconds=seconds)
        await session.commit()


async def test_a_user_gets_half_of_the_room_while_others_wait_and_all_of_it_else(scene: Scene, bob: Visitor) -> None:
    scene.capacity = Capacity(cpus=8, gpus=0)
    mine = [await scene.job() for _ in range(8)]
    wide = await rows.job(scene.services, bob, status="queued", resources={"num_workers": 6, "cpus_per_worker": 1})
    await scene.round()
    # Bob's turn comes after one of Ada's, and his job fits beside it: it goes in.
    assert set(scene.cluster.submitted) == {f"lim-{mine[0]}-1", f"lim-{mine[1]}-1", f"lim-{wide}-1"}
    scene.finish(wide)
    scene.cluster.drivers[f"lim-{wide}-1"] = ENDED
    await scene.round()
    assert len(scene.cluster.submitted) == 9  # nobody else waits


async def test_what_is_counted_is_room_and_not_jobs(scene: Scene, bob: Visitor) -> None:
    scene.capacity = Capacity(cpus=8, gpus=0)
    big = {"num_workers": 4, "cpus_per_worker": 1}
    first, second = [await scene.job(resources=big) for _ in range(2)]
    small = [await rows.job(scene.services, bob, status="queued") for _ in range(5)]
    await scene.round()
    assert f"lim-{first}-1" in scene.cluster.submitted
    assert f"lim-{second}-1" not in scene.cluster.submitted
    assert len([one for one in small if f"lim-{one}-1" in scene.cluster.submitted]) == 4


async def test_a_job_whose_memory_does_not_fit_beside_those_that_run_waits(scene: Scene) -> None:
    scene.capacity = Capacity(cpus=8, gpus=0, memory_bytes=3e9)
    memory = {"num_workers": 1, "cpus_per_worker": 1, "memory_bytes_per_worker": 2_000_000_000}
    first, second = [await scene.job(resources=memory) for _ in range(2)]
    await scene.round()
    assert scene.cluster.submitted == [f"lim-{first}-1"]
    scene.finish(first)
    scene.cluster.drivers[f"lim-{first}-1"] = ENDED
    await scene.round()
    assert scene.cluster.submitted[1:] == [f"lim-{second}-1"]


@pytest.mark.parametrize("resources", [{"num_workers": 1}, {"num_workers": 2, "cpus_per_worker": 1}])
async def test_endless_jobs_of_one_make_way_for_anothers(scene: Scene, bob: Visitor, resources: dict[str, Any]) -> None:
    mine = [await scene.job(resources=resources) for _ in range(50)]
    await scene.round()
    taken = [uuid.UUID(one[4:40]) for one in scene.cluster.submitted]
    assert len(taken) == (2 if resources["num_workers"] == 1 else 1)
    for age, job_id in enumerate(taken):
        await running_since(scene, job_id, 1000 - age)
    his = await rows.job(scene.services, bob, status="queued")
    await scene.round()
    assert {(await scene.read(job_id))["status"] for job_id in taken} == {"running"}  # he has not waited yet
    await waited(scene, his, 400)
    await scene.round()
    await scene.round()
    states = [(await scene.read(job_id))["status"] for job_id in taken]
    assert states.count("stopping") == 1
    yielding = taken[states.index("stopping")]
    assert yielding == taken[-1]  # the newest one: it loses least
    assert scene.files(yielding).get_bytes("stop") == b""

    scene.finish(yielding, "stopped")
    scene.cluster.drivers[f"lim-{yielding}-1"] = ENDED
    before = len(scene.cluster.submitted)
    await scene.round()
    assert scene.cluster.submitted[before] == f"lim-{his}-1"
    again = await scene.read(yielding)
    assert (again["status"], again["finished_at"]) == ("queued", None)
    assert "is preempted" in (await scene.visitor.get(f"/jobs/{yielding}/logs")).json()["items"][-1]["message"]
    # Its user was told of no end, and it goes on once there is room.
    assert (await scene.visitor.get("/notifications")).json()["total"] == 0
    for job_id in mine:
        if job_id != yielding:
            await scene.visitor.post(f"/jobs/{job_id}/stop")
    scene.finish(his)
    scene.cluster.drivers = dict.fromkeys(scene.cluster.drivers, ENDED)
    await scene.round()
    await scene.round()
    assert f"lim-{yielding}-2" in scene.cluster.submitted


async def test_nobody_makes_way_who_has_his_share_or_has_just_begun(scene: Scene, bob: Visitor) -> None:
    scene.capacity = Capacity(cpus=2, gpus=0)
    ours = [await scene.job(), await rows.job(scene.services, bob, status="queued")]
    await scene.round()
    for job_id in ours:
        await running_since(scene, job_id, 1000)
    third = await rows.job(scene.services, bob, status="queued")
    await waited(scene, third, 4000)
    await scene.round()
    assert {(await scene.visitor.get(f"/jobs/{ours[0]}")).json()["status"]} == {"running"}


async def test_a_job_that_has_just_begun_does_not_make_way(scene: Scene, bob: Visitor) -> None:
    job_id = await scene.job(resources={"num_workers": 2, "cpus_per_worker": 1})
    await scene.round()
    await running_since(scene, job_id, 20)
    his = await rows.job(scene.services, bob, status="queued")
    await waited(scene, his, 4000)
    await scene.round()
    assert (await scene.read(job_id))["status"] == "running"
    await running_since(scene, job_id, 2000)
    await scene.round(yield_after_s=None)
    assert (await scene.read(job_id))["status"] == "running"
    await scene.round()
    assert (await scene.read(job_id))["status"] == "stopping"


async def test_a_job_that_its_user_stops_while_it_makes_way_is_stopped(scene: Scene, bob: Visitor) -> None:
    job_id = await scene.job(resources={"num_workers": 2, "cpus_per_worker": 1})
    await scene.round()
    await running_since(scene, job_id, 2000)
    his = await rows.job(scene.services, bob, status="queued")
    await waited(scene, his, 4000)
    await scene.round()
    assert (await scene.visitor.post(f"/jobs/{job_id}/stop")).status_code == 202
    scene.finish(job_id, "stopped")
    scene.cluster.drivers[f"lim-{job_id}-1"] = ENDED
    await scene.round()
    assert (await scene.read(job_id))["status"] == "stopped"


async def test_five_hundred_jobs_of_one_delay_anothers_by_one(scene: Scene, bob: Visitor) -> None:
    dataset_id = await rows.ready_dataset(scene.services, scene.visitor)
    async with open_session(scene.services.sessions) as session:
        owner = await rows.user_id(scene.visitor)
        for number in range(500):
            session.add(
                Job(
                    user_id=owner,
                    name=str(number),
                    model_id="whisper-pico",
                    model=rows.reference(),
                    dataset_id=dataset_id,
                    dataset_version=1,
                    type="training",
                    spec={"config": {"task": {"type": "speech_to_text"}}},
                    resources={"num_workers": 2},
                    status="queued",
                )
            )
        await session.commit()
    await scene.round()
    first = scene.cluster.submitted[0]
    await running_since(scene, uuid.UUID(first[4:40]), 5)
    his = await rows.job(scene.services, bob, status="queued")
    scene.finish(uuid.UUID(first[4:40]))
    scene.cluster.drivers[first] = ENDED
    await scene.round()
    assert scene.cluster.submitted[1] == f"lim-{his}-1"
