"""Deleting jobs: what goes, what stays because something needs it, and a hub that is killed half way."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from cluster.storage.client import make_client
from cluster.storage.run_store import S3RunStore
from engine.run.store import LocalRunStore, RunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Adapter, AdapterVersion, Artifact, Job, JobEvent, Pipeline, PipelineStage
from services.jobs.deletion import purge
from services.jobs.places import run_prefix
from services.jobs.reconciler import Runs
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs("bucket", lambda prefix: LocalRunStore(tmp_path / prefix))


async def ended(services: Services, visitor: Visitor, runs: Runs, **columns: Any) -> uuid.UUID:
    """A job that has succeeded, with events, an artifact and files."""
    job_id = await rows.job(services, visitor, **{"status": "succeeded", **columns})
    async with open_session(services.sessions) as session:
        session.add(
            Artifact(
                job_id=job_id,
                name="result.json",
                kind="result",
                size=2,
                sha256="0" * 64,
                key=f"runs/{job_id}/result.json",
            )
        )
        await session.commit()
    await rows.say(services, job_id, rows.metric(1, loss=1.0), rows.metric(2, loss=0.5))
    for key in ("result.json", "checkpoints/step-00000001/state.json", "adapter/adapter_model.safetensors"):
        runs.of(job_id).put_bytes(key, b"{}")
    return job_id


async def counted(services: Services, job_id: uuid.UUID) -> tuple[int, int, int]:
    """Rows that are left of a job: itself, its events, its artifacts."""
    async with open_session(services.sessions) as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table).where(column == job_id)) or 0
            for table, column in ((Job, Job.id), (JobEvent, JobEvent.job_id), (Artifact, Artifact.job_id))
        ]
    return counts[0], counts[1], counts[2]


async def test_everything_of_a_deleted_job_goes(services: Services, ada: Visitor, runs: Runs) -> None:
    job_id = await ended(services, ada, runs)
    other = await ended(services, ada, runs)
    answer = await ada.call("DELETE", f"/jobs/{job_id}")
    assert answer.status_code == 204, answer.text
    for path in ("", "/events", "/metrics", "/logs", "/artifacts", "/bundle"):
        assert (await ada.get(f"/jobs/{job_id}{path}")).status_code == 404, path
    for path in ("/stop", "/resume", "/evaluations"):
        assert (await ada.post(f"/jobs/{job_id}{path}", json={})).status_code == 404, path
    assert [item["id"] for item in (await ada.get("/jobs")).json()["items"]] == [str(other)]
    assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 404
    await purge(services.sessions, runs)
    assert await counted(services, job_id) == (0, 0, 0)
    assert runs.of(job_id).list("") == []
    assert await counted(services, other) == (1, 2, 1)
    assert len(runs.of(other).list("")) == 3


async def test_anothers_job_is_not_there_to_delete(services: Services, ada: Visitor, bob: Visitor, runs: Runs) -> None:
    job_id = await ended(services, ada, runs)
    assert (await bob.call("DELETE", f"/jobs/{job_id}")).status_code == 404
    assert (await ada.get(f"/jobs/{job_id}")).status_code == 200


@pytest.mark.parametrize("status", ["queued", "starting", "running", "stopping"])
async def test_a_job_that_has_not_ended_stays(services: Services, ada: Visitor, status: str) -> None:
    job_id = await rows.job(services, ada, status=status)
    answer = await ada.call("DELETE", f"/jobs/{job_id}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "job_state"
    assert f"/jobs/{job_id}/stop" in answer.json()["detail"]


async def test_what_an_adapter_a_pipeline_or_a_job_needs_stays_and_is_named(
    services: Services, ada: Visitor, runs: Runs
) -> None:
    user_id = await rows.user_id(ada)
    selection = await ended(services, ada, runs, type="selection")
    training = await ended(services, ada, runs, needs_id=selection)
    evaluation = await ended(services, ada, runs, type="evaluation", needs_id=training)
    async with open_session(services.sessions) as session:
        dataset_id = (await session.get_one(Job, training)).dataset_id
        adapter = Adapter(id=uuid.uuid4(), user_id=user_id, name="digits")
        pipeline = Pipeline(
            id=uuid.uuid4(),
            user_id=user_id,
            name="nightly",
            dataset_id=dataset_id,
            model_id="whisper-pico",
            resources={},
            status="failed",
        )
        session.add_all([adapter, pipeline])
        await session.flush()
        session.add(AdapterVersion(adapter_id=adapter.id, number=3, job_id=training, lineage={}))
        session.add(
            PipelineStage(
                pipeline_id=pipeline.id,
                position=0,
                name="train",
                type="train",
                needs=[],
                settings={},
                retry={},
                status="succeeded",
                job_id=training,
            )
        )
        await session.commit()
    answer = await ada.call("DELETE", f"/jobs/{training}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "job_in_use"
    told = {error["path"]: error["message"] for error in answer.json()["errors"]}
    assert "'digits'" in told["adapters"]
    assert "version 3" in told["adapters"]
    assert "'nightly'" in told["pipelines"]
    assert f"{evaluation}) measures what it trained" in told["jobs"]
    [needed] = (await ada.call("DELETE", f"/jobs/{selection}")).json()["errors"]
    assert (needed["path"], f"{training}) trains on what it selected" in needed["message"]) == ("jobs", True)

    # Once they are gone, it can go; a pipeline that has succeeded needs it no more.
    assert (await ada.call("DELETE", f"/adapters/{adapter.id}")).status_code == 204
    async with open_session(services.sessions) as session:
        await session.execute(update(Pipeline).where(Pipeline.id == pipeline.id).values(status="succeeded"))
        await session.commit()
    for job_id in (evaluation, training, selection):
        assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 204
    for _ in range(3):  # a job that another deleted one names goes after that
        await purge(services.sessions, runs)
    assert [await counted(services, job_id) for job_id in (selection, training, evaluation)] == [(0, 0, 0)] * 3
    assert (await ada.get(f"/pipelines/{pipeline.id}")).json()["stages"][0]["job_id"] is None
    assert (await ada.call("DELETE", f"/pipelines/{pipeline.id}")).status_code == 204
    assert (await ada.get(f"/pipelines/{pipeline.id}")).status_code == 404


async def test_a_pipeline_that_runs_is_not_deleted(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    made = await ada.post(
        "/pipelines", json={"name": "x", "model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": {}}
    )
    answer = await ada.call("DELETE", f"/pipelines/{made.json()['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "pipeline_state")


async def test_a_hub_that_dies_half_way_goes_on(services: Services, ada: Visitor, tmp_path: Path, runs: Runs) -> None:
    job_id = await ended(services, ada, runs)
    assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 204

    class Dying(LocalRunStore):
        def delete(self, prefix: str) -> None:
            (self.folder / "result.json").unlink(missing_ok=True)
            raise OSError("the hub is killed")

    dying: Callable[[str], RunStore] = lambda prefix: Dying(tmp_path / prefix)  # noqa: E731
    await purge(services.sessions, Runs("bucket", dying))
    assert await counted(services, job_id) == (1, 2, 1)
    await purge(services.sessions, runs)
    assert await counted(services, job_id) == (0, 0, 0)
    assert runs.of(job_id).list("") == []


async def test_a_bundle_holds_all_files_under_safe_names(services: Services, ada: Visitor, bob: Visitor) -> None:
    store = S3RunStore(make_client(services.settings.s3), services.settings.s3.bucket, "")
    job_id = await rows.job(services, ada, status="succeeded", name='../évil: "name"\n')
    files = {"adapter/adapter_model.safetensors": b"w" * 5000, "result.json": b"{}", "adapter/README.md": b"# card"}
    async with open_session(services.sessions) as session:
        for name, data in {**files, "../../outside": b"x", "/etc/passwd": b"x"}.items():
            key = f"{run_prefix(job_id)}/{len(name)}-{abs(hash(name))}"
            store.put_bytes(key, data)
            session.add(Artifact(job_id=job_id, name=name, kind="x", size=len(data), sha256="0" * 64, key=key))
        await session.commit()
    await rows.say(
        services,
        job_id,
        rows.metric(1, loss=1.0),
        {"kind": "log", "key": "log/1", "time": "2026-01-01T00:00:00Z", "data": {"level": "info", "message": "hello"}},
        {"kind": "status", "key": "status/1", "time": "2026-01-01T00:00:00Z", "data": {"phase": "done"}},
    )
    assert (await bob.get(f"/jobs/{job_id}/bundle")).status_code == 404
    answer = await ada.get(f"/jobs/{job_id}/bundle")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert "/" not in bundle["name"]
    assert "\n" not in bundle["name"]
    async with httpx.AsyncClient() as client:
        got = await client.get(bundle["url"])
    assert len(got.content) == bundle["size"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert set(archive.namelist()) == {*files, "job.json", "logs.jsonl", "metrics.jsonl", "events.jsonl"}
        assert archive.read("adapter/adapter_model.safetensors") == files["adapter/adapter_model.safetensors"]
        assert json.loads(archive.read("job.json"))["spec"]["config"]["max_steps"] == 20
        assert json.loads(archive.read("metrics.jsonl"))["loss"] == 1.0
        assert json.loads(archive.read("logs.jsonl"))["message"] == "hello"
        assert json.loads(archive.read("events.jsonl"))["phase"] == "done"
    used = (await ada.get("/users/me/usage")).json()["storage"]["jobs_bytes"]
    assert used == bundle["size"]
    again = (await ada.get(f"/jobs/{job_id}/bundle")).json()
    assert (again["size"], again["name"]) == (bundle["size"], bundle["name"])
    assert (await ada.get("/users/me/usage")).json()["storage"]["jobs_bytes"] == used


async def test_a_bundle_is_bounded_and_only_of_what_has_ended(services: Services, ada: Visitor, runs: Runs) -> None:
    job_id = await rows.job(services, ada, status="running")
    assert (await ada.get(f"/jobs/{job_id}/bundle")).json()["code"] == "job_state"
    large = await ended(services, ada, runs)
    async with open_session(services.sessions) as session:
        await session.execute(update(Artifact).where(Artifact.job_id == large).values(size=2**40))
        await session.commit()
    answer = await ada.get(f"/jobs/{large}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")
    assert "/artifacts" in answer.json()["detail"]
