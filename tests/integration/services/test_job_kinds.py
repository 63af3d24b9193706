"""A kind of job that the product does not have goes through all of it: launch, cluster, result, deletion."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cluster.config import ResourcesConfig
from engine.run.store import LocalRunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.errors import NotFoundError
from services.jobs.kinds import registry
from services.jobs.kinds.contract import JobRequest
from services.jobs.requests import launch
from services.jobs.submission import Driver, DriverState
from tests.integration.services import rows
from tests.integration.services.test_reconciler import RUNNING, Scene, StandIn
from tests.integration.services.visitors import Visitor
from tests.toy_kind import ToyKind, ToySpec


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    assert isinstance(registry.KINDS, dict)
    monkeypatch.setitem(registry.KINDS, "toy", ToyKind())
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def launched(scene: Scene, *words: str, of: uuid.UUID | None = None) -> uuid.UUID:
    """A toy job of Ada's."""
    job_id = uuid.uuid4()
    dataset_id = await rows.ready_dataset(scene.services, scene.visitor)
    request = JobRequest(
        kind="toy",
        asked=ToySpec(words=list(words), of=of),
        model_id="any",
        dataset_id=dataset_id,
        resources=ResourcesConfig(),
        budget={"wall_s": 60.0},
    )
    async with open_session(scene.services.sessions) as session:
        user_id = await rows.user_id(scene.visitor)
        await launch(session, scene.services.settings, user_id, job_id, request)
        await session.commit()
    return job_id


async def test_from_launch_to_result_and_deletion(scene: Scene) -> None:
    job_id = await launched(scene, "two", "one")
    queued = await scene.read(job_id)
    assert (queued["type"], queued["status"], queued["name"]) == ("toy", "queued", "words of digits")
    assert (queued["spec"], queued["needs_id"]) == ({"words": ["one", "two"], "of": None}, None)
    assert (queued["dataset_version"], queued["budget"]) == (1, {"wall_s": 60.0})
    assert queued["resources"]["memory_bytes_per_worker"] is None  # no training, no estimate

    await scene.round()
    assert scene.cluster.modules == {f"lim-{job_id}-1": "toys.count"}
    config = json.loads(scene.files(job_id).get_bytes("config-request.json"))
    assert config == {"words": ["one", "two"], "storage": f"s3://bucket/runs/{job_id}"}
    scene.cluster.drivers[f"lim-{job_id}-1"] = RUNNING
    await scene.round()

    files = scene.files(job_id)
    files.put_bytes("counts/one.txt", b"1")
    files.put_bytes("adapter/weights", b"not an artifact of this kind")
    files.put_bytes("result.json", json.dumps({"status": "succeeded", "counted": 2}).encode())
    scene.cluster.drivers[f"lim-{job_id}-1"] = Driver(DriverState.SUCCEEDED, exit_code=0)
    await scene.round()
    done = await scene.read(job_id)
    assert (done["status"], done["result"]["counted"]) == ("succeeded", 2)
    made = (await scene.visitor.get(f"/jobs/{job_id}/artifacts")).json()["items"]
    assert {(file["name"], file["kind"]) for file in made} == {("counts/one.txt", "counts"), ("result.json", "result")}
    found = (await scene.visitor.get("/jobs", params={"type": "toy"})).json()["items"]
    assert [job["id"] for job in found] == [str(job_id)]

    second = await launched(scene, "three", of=job_id)
    assert (await scene.read(second))["needs_id"] == str(job_id)
    answer = await scene.visitor.call("DELETE", f"/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_in_use")
    assert f"({second}) counts on from it; delete that first" in answer.json()["errors"][0]["message"]
    assert (await scene.visitor.post(f"/jobs/{second}/stop")).json()["status"] == "stopped"
    assert (await scene.visitor.post(f"/jobs/{second}/resume")).json()["status"] == "queued"


async def test_it_is_neither_evaluated_nor_a_version_of_an_adapter(scene: Scene) -> None:
    job_id = await launched(scene, "one")
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Job).where(Job.id == job_id).values(status="succeeded", result={"counted": 1}))
        await session.commit()
    answer = await scene.visitor.post(f"/jobs/{job_id}/evaluations", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_succeeded")
    adapter = (await scene.visitor.post("/adapters", json={"name": "words"})).json()
    answer = await scene.visitor.post(f"/adapters/{adapter['id']}/versions", json={"job_id": str(job_id)})
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_succeeded")
    assert "The job is a toy" in answer.json()["detail"]


async def test_a_launch_that_its_kind_refuses_leaves_nothing(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        await launched(scene, "one", of=uuid.uuid4())
    assert (await scene.visitor.get("/jobs")).json()["total"] == 0


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"type": "distillation"},
            "type: is 'distillation'; there are training, selection, evaluation, ingestion, sweep, toy",
        ),
        ({"spec": {"config": {"max_stepps": 3}}}, "spec.config.max_stepps: no such field"),
        ({"spec": {"words": 3, "config": {}}}, "spec.words: no such field"),
    ],
)
async def test_a_job_that_this_release_cannot_read_fails_with_the_reason_and_keeps_nobody_waiting(
    scene: Scene, bob: Visitor, columns: dict[str, Any], told: str
) -> None:
    unreadable = await scene.job()
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Job).where(Job.id == unreadable).values(**columns))
        await session.commit()
    others = await rows.job(scene.services, bob, status="queued")
    await scene.round()
    failed = await scene.read(unreadable)
    assert failed["status"] == "failed"
    assert told in failed["error"]
    assert (await bob.get(f"/jobs/{others}")).json()["status"] == "starting"
    assert scene.cluster.modules == {f"lim-{others}-1": "cluster.train"}
    answer = await scene.visitor.post(f"/jobs/{unreadable}/resume")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_allowed_any_more")


async def test_a_job_of_an_unknown_kind_that_runs_is_followed_to_its_end(scene: Scene) -> None:
    """After a downgrade its driver may still run."""
    job_id = await scene.job(status="running", submission_id="late", attempt=1)
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Job).where(Job.id == job_id).values(type="distillation", spec={}))
        await session.commit()
    scene.finish(job_id)
    scene.cluster.drivers["late"] = Driver(DriverState.SUCCEEDED, exit_code=0)
    await scene.round()
    assert (await scene.read(job_id))["status"] == "succeeded"
    made = (await scene.visitor.get(f"/jobs/{job_id}/artifacts")).json()["items"]
    assert [file["name"] for file in made] == ["result.json"]
