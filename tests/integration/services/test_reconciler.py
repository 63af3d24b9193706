"""What the reconciler makes of everything that a cluster can do to a job; the cluster is a stand-in."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from cluster.selection.config import SelectionRunConfig
from engine.config.selection import ShareBudgetConfig
from engine.run.store import LocalRunStore, RunStore
from services import quarantine
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job, JobEvent
from services.jobs.places import run_prefix
from services.jobs.reconciler import Capacity, Reconciler, Runs
from services.jobs.submission import ClusterUnreachableError, Driver, DriverState
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

KILLED = Driver(DriverState.FAILED, "Job entrypoint command failed with exit code -9. No logs available.", -9)
RUNNING = Driver(DriverState.RUNNING)
DONE = Driver(DriverState.SUCCEEDED, exit_code=0)


@dataclass
class StandIn:
    """A cluster that does what it is told."""

    drivers: dict[str, Driver] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    away: bool = False

    async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
        if self.away:
            raise ClusterUnreachableError("away")
        if submission_id not in self.drivers:
            self.submitted.append(submission_id)
            self.modules[submission_id] = module
            self.drivers[submission_id] = Driver(DriverState.PENDING)

    async def driver(self, submission_id: str) -> Driver:
        if self.away:
            raise ClusterUnreachableError("away")
        return self.drivers.get(submission_id, Driver(DriverState.MISSING))

    async def stop(self, submission_id: str) -> None:
        self.stopped.append(submission_id)


@dataclass
class Scene:
    """A reconciler with its surroundings."""

    services: Services
    visitor: Visitor
    cluster: StandIn
    store: Callable[[str], RunStore]
    capacity: Capacity = field(default_factory=lambda: Capacity(cpus=2, gpus=0))

    async def round(self, **settings: Any) -> None:
        """One round of a reconciler that knows nothing of earlier ones."""
        await self.reconciler(**settings).round()

    def reconciler(self, **settings: Any) -> Reconciler:
        async def capacity() -> Capacity:
            return self.capacity

        changed = self.services.settings.model_copy(update=settings)
        return Reconciler(changed, self.services.sessions, Runs("bucket", self.store), self.cluster, capacity)

    async def job(self, **columns: Any) -> uuid.UUID:
        return await rows.job(self.services, self.visitor, **{"status": "queued", **columns})

    async def read(self, job_id: uuid.UUID) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.visitor.get(f"/jobs/{job_id}")).json()
        return answer

    async def statuses(self, job_id: uuid.UUID) -> list[str]:
        """Every status that the job's stream told."""
        async with open_session(self.services.sessions) as session:
            events = await session.scalars(
                select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == "status").order_by(JobEvent.seq)
            )
            return [event.data["status"] for event in events if "status" in event.data]

    def files(self, job_id: uuid.UUID) -> RunStore:
        return self.store(run_prefix(job_id))

    def finish(self, job_id: uuid.UUID, status: str = "succeeded") -> None:
        """What a driver leaves behind."""
        files = self.files(job_id)
        files.put_bytes("adapter/adapter_model.safetensors", b"weights")
        files.put_bytes("result.json", json.dumps({"status": status, "tuned": {"wer": 0.1}}).encode())


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path) -> Scene:
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def test_jobs_run_on_the_versions_that_they_name(scene: Scene) -> None:
    dataset_id = await rows.ready_dataset(scene.services, scene.visitor)
    jobs = [await scene.job(dataset_id=dataset_id, dataset_version=number) for number in (1, 2)]
    await scene.round()
    asked = [json.loads(scene.files(job_id).get_bytes("config-request.json"))["data"] for job_id in jobs]
    assert asked == [f"s3://bucket/datasets/{dataset_id}/v{number}" for number in (1, 2)]


async def test_a_selection_and_the_training_on_it(scene: Scene) -> None:
    how = {"budget": {"type": "share", "fraction": 0.25}}
    selection_id = await scene.job(type="selection", spec={"selection": how}, resources={"num_workers": 2})
    training_id = await scene.job(needs_id=selection_id, spec={"selection_id": str(selection_id)})
    await scene.round()
    assert scene.cluster.modules == {f"lim-{selection_id}-1": "cluster.select"}  # the two workers take the cluster
    asked = SelectionRunConfig.model_validate_json(scene.files(selection_id).get_bytes("config-request.json"))
    assert asked.selection.budget == ShareBudgetConfig(fraction=0.25)
    assert asked.training.max_steps == 20
    assert asked.resources.most_workers == 2
    assert asked.storage == f"s3://bucket/runs/{selection_id}"

    files = scene.files(selection_id)
    files.put_bytes("selection/segments.parquet", b"rows")
    files.put_bytes("selection/selection.json", b"{}")
    files.put_bytes("result.json", json.dumps({"status": "succeeded", "figures": {"selected": 3}}).encode())
    scene.cluster.drivers[f"lim-{selection_id}-1"] = Driver(DriverState.SUCCEEDED, exit_code=0)
    await scene.round()
    done = await scene.read(selection_id)
    assert (done["status"], done["type"], done["result"]["figures"]) == ("succeeded", "selection", {"selected": 3})
    made = (await scene.visitor.get(f"/jobs/{selection_id}/artifacts")).json()["items"]
    assert {(file["name"], file["kind"]) for file in made} >= {
        ("selection/segments.parquet", "selection"),
        ("selection/selection.json", "selection"),
    }
    await scene.round()
    assert scene.cluster.modules[f"lim-{training_id}-1"] == "cluster.train"
    config = json.loads(scene.files(training_id).get_bytes("config-request.json"))
    assert config["selection"] == f"s3://bucket/runs/{selection_id}/selection"


async def test_from_queue_to_success(scene: Scene) -> None:
    job_id = await scene.job()
    await scene.round()
    job = await scene.read(job_id)
    assert (job["status"], job["attempt"]) == ("starting", 1)
    assert scene.cluster.submitted == [f"lim-{job_id}-1"]
    config = json.loads(scene.files(job_id).get_bytes("config-request.json"))
    assert config["model"] == rows.reference()
    assert config["storage"] == f"s3://bucket/runs/{job_id}"
    assert config["data"].startswith("s3://bucket/datasets/")
    assert config["training"]["max_steps"] == 20

    scene.cluster.drivers[f"lim-{job_id}-1"] = RUNNING
    await scene.round()
    job = await scene.read(job_id)
    assert job["status"] == "running"
    assert job["started_at"] is not None

    scene.finish(job_id)
    scene.cluster.drivers[f"lim-{job_id}-1"] = DONE
    await scene.round()
    job = await scene.read(job_id)
    assert (job["status"], job["progress"], job["error"]) == ("succeeded", 1.0, None)
    assert job["result"]["tuned"] == {"wer": 0.1}
    artifacts = (await scene.visitor.get(f"/jobs/{job_id}/artifacts")).json()
    assert [(item["name"], item["kind"], item["size"]) for item in artifacts["items"]] == [
        ("adapter/adapter_model.safetensors", "adapter", 7),
        ("result.json", "result", len(scene.files(job_id).get_bytes("result.json"))),
    ]
    assert await scene.statuses(job_id) == ["starting", "running", "succeeded"]
    await scene.round()
    assert scene.cluster.submitted == [f"lim-{job_id}-1"]


async def test_a_driver_that_dies_is_submitted_again_and_then_given_up(scene: Scene) -> None:
    job_id = await scene.job()
    for attempt in (1, 2, 3):
        await scene.round()
        assert scene.cluster.submitted[-1] == f"lim-{job_id}-{attempt}"
        scene.cluster.drivers[f"lim-{job_id}-{attempt}"] = RUNNING
        await scene.round()
        scene.cluster.drivers[f"lim-{job_id}-{attempt}"] = KILLED
    await scene.round()
    job = await scene.read(job_id)
    assert (job["status"], job["attempt"]) == ("failed", 3)
    assert "3 times" in job["error"]
    assert "exit code -9" in job["error"]
    logs = (await scene.visitor.get(f"/jobs/{job_id}/logs")).json()["items"]
    assert "submitted again" in logs[0]["message"]

    await scene.visitor.post(f"/jobs/{job_id}/resume")
    await scene.round()
    assert scene.cluster.submitted[-1] == f"lim-{job_id}-4"


async def test_a_driver_that_dies_with_its_result_written_has_succeeded(scene: Scene) -> None:
    job_id = await scene.job()
    await scene.round()
    scene.finish(job_id)
    scene.cluster.drivers[f"lim-{job_id}-1"] = KILLED
    await scene.round()
    assert (await scene.read(job_id))["status"] == "succeeded"


async def test_a_refused_config_is_not_tried_again(scene: Scene) -> None:
    job_id = await scene.job()
    await scene.round()
    log = "Job entrypoint command failed with exit code 2, last available logs (truncated):\nmodel: not there"
    scene.cluster.drivers[f"lim-{job_id}-1"] = Driver(DriverState.FAILED, log, 2)
    await scene.round()
    job = await scene.read(job_id)
    assert job["status"] == "failed"
    assert job["error"].endswith("model: not there")


async def test_a_submission_that_was_only_written_down_is_made(scene: Scene) -> None:
    job_id = await scene.job()
    scene.cluster.away = True
    await scene.round()
    assert (await scene.read(job_id))["status"] == "starting"
    assert scene.cluster.submitted == []
    scene.cluster.away = False
    await scene.round()
    assert scene.cluster.submitted == [f"lim-{job_id}-1"]


async def test_a_cluster_that_is_away_changes_nothing(scene: Scene) -> None:
    job_id = await scene.job(status="running", submission_id="lim-x-1", attempt=1)
    scene.cluster.away = True
    with pytest.raises(ClusterUnreachableError):  # the hub then tells that its jobs are not looked after
        await scene.round()
    assert (await scene.read(job_id))["status"] == "running"


async def test_a_cluster_that_was_restarted_gets_the_job_again(scene: Scene) -> None:
    job_id = await scene.job(status="running", submission_id="lim-x-1", attempt=1)
    await scene.round()
    job = await scene.read(job_id)
    assert (job["status"], job["attempt"]) == ("starting", 2)
    assert await scene.statuses(job_id) == ["queued", "starting"]


async def test_stop_presses_the_flag_then_sends_the_signal(scene: Scene) -> None:
    job_id = await scene.job()
    await scene.round()
    submission_id = f"lim-{job_id}-1"
    scene.cluster.drivers[submission_id] = RUNNING
    await scene.round()
    await scene.visitor.post(f"/jobs/{job_id}/stop")
    await scene.round()
    assert "stop" in scene.files(job_id).list("")
    assert scene.cluster.stopped == []
    async with open_session(scene.services.sessions) as session:
        long_ago = datetime.now(UTC) - timedelta(seconds=60)
        await session.execute(update(Job).where(Job.id == job_id).values(stop_requested_at=long_ago))
        await session.commit()
    await scene.round()
    assert scene.cluster.stopped == [submission_id]
    scene.cluster.drivers[submission_id] = Driver(DriverState.STOPPED)
    await scene.round()
    job = await scene.read(job_id)
    assert (job["status"], job["error"]) == ("stopped", None)


async def test_a_stopped_job_that_is_resumed_does_not_stop_again(scene: Scene) -> None:
    job_id = await scene.job(status="stopping", submission_id="lim-x-1", attempt=1)
    scene.files(job_id).put_bytes("stop", b"")
    scene.finish(job_id, "stopped")
    scene.cluster.drivers["lim-x-1"] = DONE
    await scene.round()
    assert (await scene.read(job_id))["status"] == "stopped"
    await scene.visitor.post(f"/jobs/{job_id}/resume")
    await scene.round()
    assert scene.cluster.submitted == [f"lim-{job_id}-2"]
    assert not {"stop", "result.json"} & set(scene.files(job_id).list(""))
    # The next driver dies: the result of the stopped one must not count.
    scene.cluster.drivers[f"lim-{job_id}-2"] = KILLED
    await scene.round()
    assert (await scene.read(job_id))["status"] == "starting"


async def test_what_the_hub_missed_is_read_from_the_runs_files(scene: Scene) -> None:
    job_id = await scene.job(status="running", submission_id="lim-x-1", attempt=1)
    await rows.say(scene.services, job_id, rows.metric(1, loss=3.0))
    parts = [[rows.metric(1, loss=3.0), rows.metric(2, loss=2.0)], [rows.metric(3, loss=1.0)]]
    for number, part in enumerate(parts):
        lines = "".join(json.dumps(event) + "\n" for event in part)
        scene.files(job_id).put_bytes(f"events/{number:08d}.jsonl", lines.encode())
    scene.finish(job_id)
    scene.cluster.drivers["lim-x-1"] = DONE
    await scene.round()
    history = (await scene.visitor.get(f"/jobs/{job_id}/metrics")).json()["items"]
    assert [(item["seq"], item["step"]) for item in history] == [(1, 1), (2, 2), (3, 3)]
    assert (await scene.read(job_id))["metrics"]["loss"] == 1.0


async def test_the_queue_keeps_its_order_and_the_clusters_limits(scene: Scene) -> None:
    wide = {"num_workers": 2, "cpus_per_worker": 1.0}
    first = await scene.job(resources={"num_workers": 1})
    second = await scene.job(resources=wide)
    third = await scene.job(resources={"num_workers": 1})
    never = await scene.job(resources={"num_workers": 64})
    await scene.round()
    assert scene.cluster.submitted == [f"lim-{first}-1"]  # the third does not overtake the second
    scene.finish(first)
    scene.cluster.drivers[f"lim-{first}-1"] = DONE
    await scene.round()
    assert scene.cluster.submitted[1:] == [f"lim-{second}-1"]
    scene.finish(second)
    scene.cluster.drivers[f"lim-{second}-1"] = DONE
    await scene.round()
    assert scene.cluster.submitted[2:] == [f"lim-{third}-1"]
    assert (await scene.read(never))["status"] == "queued"
    scene.capacity = Capacity(cpus=66, gpus=0)
    await scene.round()
    assert scene.cluster.submitted[3:] == [f"lim-{never}-1"]


async def test_users_take_turns(scene: Scene, bob: Visitor) -> None:
    many = [await scene.job(priority=priority) for priority in [0] * 25 + [9]]  # more than are looked at
    his = await rows.job(scene.services, bob, status="queued")
    await scene.round()
    # Of the first user's the one that is urgent, of the other's the only one, though it came last.
    assert set(scene.cluster.submitted) == {f"lim-{many[-1]}-1", f"lim-{his}-1"}  # together: both have room
    scene.capacity = Capacity(cpus=10, gpus=0)
    await scene.round(max_running_jobs_per_user=2)
    assert scene.cluster.submitted[2:] == [f"lim-{many[0]}-1"]


async def test_a_set_limit_of_running_jobs_holds(scene: Scene) -> None:
    scene.capacity = Capacity(cpus=100, gpus=0)
    for _ in range(3):
        await scene.job()
    await scene.round(max_running_jobs=2)
    assert len(scene.cluster.submitted) == 2
    await scene.round()
    assert len(scene.cluster.submitted) == 3


async def test_one_jobs_trouble_is_not_anothers(scene: Scene) -> None:
    class Broken(LocalRunStore):
        def get_bytes(self, key: str) -> bytes:
            raise OSError("this disk is broken")

    troubled = await scene.job(status="running", submission_id="a", attempt=1)
    fine = await scene.job(status="running", submission_id="b", attempt=1)
    whole = scene.store
    scene.store = lambda prefix: Broken(Path("/nowhere")) if str(troubled) in prefix else whole(prefix)
    scene.cluster.drivers = {"a": DONE, "b": DONE}
    whole(run_prefix(fine)).put_bytes("result.json", b'{"status": "succeeded"}')
    with pytest.raises(OSError, match="this disk is broken"):  # told once all have been looked at
        await scene.round()
    assert (await scene.read(fine))["status"] == "succeeded"
    assert (await scene.read(troubled))["status"] == "running"


async def test_two_reconcilers_at_once_do_no_harm(scene: Scene) -> None:
    jobs = [await scene.job() for _ in range(2)]
    await asyncio.gather(*(scene.round() for _ in range(4)))
    assert sorted(scene.cluster.submitted) == sorted(f"lim-{job}-1" for job in jobs)
    for job in jobs:
        scene.finish(job)
        scene.cluster.drivers[f"lim-{job}-1"] = DONE
    await asyncio.gather(*(scene.round() for _ in range(4)))
    for job in jobs:
        assert await scene.statuses(job) == ["starting", "succeeded"]


async def test_a_job_that_vanishes_is_left_alone(scene: Scene) -> None:
    job_id = await scene.job(status="running", submission_id="a", attempt=1)
    async with open_session(scene.services.sessions) as session:
        await session.execute(delete(Job).where(Job.id == job_id))
        await session.commit()
    await scene.round()


async def test_a_job_that_cannot_be_looked_after_fails_and_keeps_nobody_waiting(
    scene: Scene, bob: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "_FIRST_PAUSE_S", 0.0)
    poisoned = await scene.job(status="running", submission_id="lim-poisoned-1")
    unreadable = await scene.job(resources={"num_workers": "many"})
    others = await rows.job(scene.services, bob, status="queued")

    async def driver(submission_id: str) -> Driver:
        if submission_id == "lim-poisoned-1":
            raise KeyError("driver")
        return RUNNING

    monkeypatch.setattr(scene.cluster, "driver", driver)

    async def capacity() -> Capacity:
        return scene.capacity

    reconciler = Reconciler(
        scene.services.settings, scene.services.sessions, Runs("bucket", scene.store), scene.cluster, capacity
    )
    await reconciler.round()
    await reconciler.round()
    assert (await bob.get(f"/jobs/{others}")).json()["status"] == "running"
    async with open_session(scene.services.sessions) as session:
        row = await session.get_one(Job, unreadable)
    assert (row.status, "resources cannot be read" in (row.error or "")) == ("failed", True)
    for _ in range(quarantine.MOST_FAILURES):
        await reconciler.round()
    failed = await scene.read(poisoned)
    assert (failed["status"], "KeyError" in failed["error"]) == ("failed", True)
    assert scene.cluster.stopped == ["lim-poisoned-1"]
    told = (await scene.visitor.get("/notifications")).json()["items"]
    assert {each["resource_id"] for each in told if each["kind"] == "job_failed"} >= {str(poisoned), str(unreadable)}


async def test_what_is_queued_while_many_are_submitted_has_its_turn(scene: Scene, bob: Visitor) -> None:
    for _ in range(30):
        await scene.job()
    scene.capacity = Capacity(cpus=100, gpus=0)
    others: list[uuid.UUID] = []

    class Slow(StandIn):
        async def submit(self, job_id: uuid.UUID, submission_id: str, module: str, config: str) -> None:
            if not others:
                others.append(job_id)
                others[0] = await rows.job(scene.services, bob, status="queued")
            await super().submit(job_id, submission_id, module, config)

    scene.cluster = Slow()
    await scene.round()
    place = next(at for at, name in enumerate(scene.cluster.submitted) if str(others[0]) in name)
    assert place < 16  # not behind the thirty that were there before
