"""Pipelines through the API and the runner; what jobs come to is written into their rows."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from engine.config.training import TrainingConfig
from engine.metrics import registry
from engine.metrics.registry import Metric
from services import quarantine
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Artifact, Dataset, DatasetVersion, Job, Pipeline, PipelineStage
from services.pipelines.runner import PipelineRunner
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

CONFIG = {"max_steps": 20, "split": {"test_groups": ["ada"]}}
ALL = ["ingest", "validate", "select", "train", "evaluate", "compare", "export"]


@dataclass
class Scene:
    """Somebody, and a runner that knows nothing of earlier rounds."""

    services: Services
    visitor: Visitor
    dataset_id: uuid.UUID

    async def create(self, *stages: dict[str, Any], **changed: Any) -> dict[str, Any]:
        body = {"name": "digits", "dataset_id": str(self.dataset_id), "model_id": "whisper-pico", "config": CONFIG}
        body |= {"stages": list(stages)} if stages else {}
        answer = await self.visitor.post("/pipelines", json=body | changed)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def round(self) -> None:
        await PipelineRunner(self.services.settings, self.services.sessions).round()

    async def read(self, pipeline: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.visitor.get(f"/pipelines/{pipeline['id']}")).json()
        return found

    async def looked_at(self, pipeline: dict[str, Any]) -> dict[str, Any]:
        await self.round()
        return await self.read(pipeline)

    async def stage(self, pipeline: dict[str, Any], name: str) -> dict[str, Any]:
        return next(stage for stage in (await self.read(pipeline))["stages"] if stage["name"] == name)

    async def end_job(self, job_id: str, status: str = "succeeded", **columns: Any) -> None:
        """What the reconciler would write."""
        async with open_session(self.services.sessions) as session:
            ended = {"status": status, "finished_at": datetime.now(UTC)} | columns
            await session.execute(update(Job).where(Job.id == uuid.UUID(job_id)).values(**ended))
            if status == "succeeded":
                job = await session.get_one(Job, uuid.UUID(job_id))
                if job.type == "training":
                    session.add(
                        Artifact(
                            job_id=job.id,
                            name="adapter/adapter_model.safetensors",
                            kind="adapter",
                            size=7,
                            sha256="0" * 64,
                            key="nowhere",
                        )
                    )
            await session.commit()

    async def due(self, pipeline: dict[str, Any]) -> None:
        """Let the time of every further try have come."""
        async with open_session(self.services.sessions) as session:
            earlier = PipelineStage.next_attempt_at - timedelta(days=1)
            mine = PipelineStage.pipeline_id == uuid.UUID(pipeline["id"])
            await session.execute(update(PipelineStage).where(mine).values(next_attempt_at=earlier))
            await session.commit()


@pytest.fixture
async def scene(services: Services, ada: Visitor) -> Scene:
    async with open_session(services.sessions) as session:  # other tests' pipelines are not ours
        await session.execute(update(Pipeline).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, await rows.ready_dataset(services, ada))


def states(pipeline: dict[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in pipeline["stages"]}


def measured(primary: str, base: dict[str, float] | None, tuned: dict[str, float] | None) -> dict[str, Any]:
    """The result of a training or an evaluation."""
    return {"status": "succeeded", "primary": primary, "base": base, "tuned": tuned, "test_examples": 8}


def result(wer: float | None, base: float | None = 0.5) -> dict[str, Any]:
    of_base, tuned = ({"wer": value} if value is not None else None for value in (base, wer))
    return measured("wer", of_base, tuned)


async def test_from_recordings_to_a_version(scene: Scene) -> None:
    async with open_session(scene.services.sessions) as session:  # not ready yet
        await session.execute(update(Dataset).where(Dataset.id == scene.dataset_id).values(status="processing"))
        await session.commit()
    pipeline = await scene.create()
    assert [stage["name"] for stage in pipeline["stages"]] == ALL
    assert (pipeline["status"], pipeline["progress"]) == ("running", 0.0)
    seen = await scene.looked_at(pipeline)
    assert states(seen) == dict.fromkeys(ALL, "waiting") | {"ingest": "running"}

    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Dataset).where(Dataset.id == scene.dataset_id).values(status="ready"))
        await session.commit()
    seen = await scene.looked_at(pipeline)
    assert [states(seen)[name] for name in ALL[:4]] == ["succeeded", "succeeded", "running", "waiting"]
    selection = await scene.stage(pipeline, "select")
    job = (await scene.visitor.get(f"/jobs/{selection['job_id']}")).json()
    assert (job["type"], job["status"], job["name"]) == ("selection", "queued", "digits: select")

    await scene.end_job(selection["job_id"], result={"status": "succeeded", "saving": {"audio_s": 3}})
    assert states(await scene.looked_at(pipeline))["train"] == "running"
    assert (await scene.stage(pipeline, "select"))["result"] == {
        "job_id": selection["job_id"],
        "saving": {"audio_s": 3},
    }
    training = await scene.stage(pipeline, "train")
    job = (await scene.visitor.get(f"/jobs/{training['job_id']}")).json()
    assert (job["type"], job["spec"]["selection_id"]) == ("training", selection["job_id"])
    assert job["needs_id"] == selection["job_id"]
    assert job["spec"]["config"]["split"]["test_groups"] == ["ada"]

    await scene.end_job(training["job_id"], result=result(0.2))
    assert states(await scene.looked_at(pipeline))["evaluate"] == "running"
    evaluation = await scene.stage(pipeline, "evaluate")
    job = (await scene.visitor.get(f"/jobs/{evaluation['job_id']}")).json()
    assert (job["type"], job["spec"]["training_id"]) == ("evaluation", training["job_id"])
    assert job["needs_id"] == training["job_id"]
    assert job["spec"]["measurement"]["split"] == "test"

    await scene.end_job(evaluation["job_id"], result=result(0.2))
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], seen["progress"]) == ("succeeded", 1.0)
    assert seen["finished_at"] is not None
    exported = await scene.stage(pipeline, "export")
    assert exported["result"]["version"] == 1
    version = (await scene.visitor.get(f"/adapters/{exported['result']['adapter_id']}/versions/1")).json()
    assert version["job_id"] == training["job_id"]
    assert version["lineage"]["data"]["selection_id"] == selection["job_id"]
    await scene.round()
    assert await scene.read(pipeline) == seen  # it has ended


async def test_a_failed_stage_is_tried_again_ever_later_with_the_same_job(scene: Scene) -> None:
    retry = {"attempts": 3, "backoff_s": 100, "most_backoff_s": 150}
    pipeline = await scene.create({"type": "train", "retry": retry}, {"type": "export"})
    seen = await scene.looked_at(pipeline)
    job_id = seen["stages"][0]["job_id"]
    for tries, wait_s in ((1, 100), (2, 150)):
        await scene.end_job(job_id, "failed", error="the node is gone")
        before = datetime.now(UTC)
        await scene.round()
        stage = await scene.stage(pipeline, "train")
        assert (stage["status"], stage["attempts"]) == ("waiting", tries)
        assert stage["error"] == "The job failed: the node is gone"
        wait = datetime.fromisoformat(stage["next_attempt_at"]) - before
        assert wait_s - 1 <= wait.total_seconds() <= wait_s + 60
        await scene.round()
        assert (await scene.stage(pipeline, "train"))["status"] == "waiting"  # not yet
        await scene.due(pipeline)
        await scene.round()
        stage = await scene.stage(pipeline, "train")
        assert (stage["status"], stage["attempts"], stage["job_id"]) == ("running", tries + 1, job_id)
        assert (await scene.visitor.get(f"/jobs/{job_id}")).json()["status"] == "queued"
    await scene.end_job(job_id, "failed", error="the node is gone")
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], states(seen)) == ("failed", {"train": "failed", "export": "waiting"})

    answer = await scene.visitor.post(f"/pipelines/{pipeline['id']}/resume")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    stage = (await scene.looked_at(pipeline))["stages"][0]
    assert (stage["status"], stage["attempts"], stage["job_id"]) == ("running", 1, job_id)
    await scene.end_job(job_id, result=result(0.1))
    assert (await scene.looked_at(pipeline))["status"] == "succeeded"


async def test_what_would_fail_again_is_not_tried_again(scene: Scene) -> None:
    pipeline = await scene.create({"type": "train"})
    job_id = (await scene.looked_at(pipeline))["stages"][0]["job_id"]
    await scene.end_job(job_id, "failed", error="no speaker 'ada'", refused=True)
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], seen["stages"][0]["status"]) == ("failed", "failed")
    assert seen["stages"][0]["error"] == "The job failed: no speaker 'ada'"


async def test_a_pipeline_is_stopped_and_goes_on_where_it_was(scene: Scene) -> None:
    pipeline = await scene.create({"type": "ingest"}, {"type": "train"}, {"type": "export"})
    job_id = (await scene.looked_at(pipeline))["stages"][1]["job_id"]
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Job).where(Job.id == uuid.UUID(job_id)).values(status="running"))
        await session.commit()
    answer = await scene.visitor.post(f"/pipelines/{pipeline['id']}/stop")
    assert (answer.status_code, answer.json()["status"]) == (202, "stopping")
    assert (await scene.looked_at(pipeline))["status"] == "stopping"
    assert (await scene.visitor.get(f"/jobs/{job_id}")).json()["status"] == "stopping"
    await scene.end_job(job_id, "stopped")
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], states(seen)) == (
        "stopped",
        {"ingest": "succeeded", "train": "stopped", "export": "waiting"},
    )
    assert (await scene.visitor.post(f"/pipelines/{pipeline['id']}/stop")).status_code == 409
    began = seen["stages"][0]["finished_at"]
    assert (await scene.visitor.post(f"/pipelines/{pipeline['id']}/resume")).status_code == 202
    assert (await scene.visitor.post(f"/pipelines/{pipeline['id']}/resume")).status_code == 409
    seen = await scene.looked_at(pipeline)
    assert (states(seen)["train"], seen["stages"][0]["finished_at"]) == ("running", began)
    assert (await scene.visitor.get(f"/jobs/{job_id}")).json()["status"] == "queued"


async def test_stopped_while_it_waits_for_the_dataset(scene: Scene) -> None:
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Dataset).where(Dataset.id == scene.dataset_id).values(status="pending"))
        await session.commit()
    pipeline = await scene.create()
    assert states(await scene.looked_at(pipeline))["ingest"] == "running"
    await scene.visitor.post(f"/pipelines/{pipeline['id']}/stop")
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], set(states(seen).values())) == ("stopped", {"waiting"})


async def test_a_dataset_that_is_not_good_enough(scene: Scene) -> None:
    async with open_session(scene.services.sessions) as session:
        found = {
            "items_found": 4,
            "items_good": 1,
            "set_aside": [{"code": "silent"}] * 3,
            "set_aside_by_code": {"silent": 3},
            "validation": {"findings_by_code": {"noisy": 2, "silent": 3}},
        }
        of_dataset = DatasetVersion.dataset_id == scene.dataset_id
        await session.execute(update(DatasetVersion).where(of_dataset).values(report=found))
        await session.commit()
    gate = {"type": "validate", "least_utterances": 2, "least_audio_s": 5, "refuse": ["noisy", "corrupt", "silent"]}
    pipeline = await scene.create({"type": "ingest"}, gate, {"type": "train"})
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], states(seen)["train"]) == ("failed", "waiting")
    error = seen["stages"][1]["error"]
    for part in ("1 good items", "1.0 s of good audio", "3 of 4 items (75.0%)", "2 x noisy", "3 x silent"):
        assert part in error
    assert "corrupt" not in error


async def test_a_dataset_in_error(scene: Scene) -> None:
    async with open_session(scene.services.sessions) as session:
        broken = {"status": "error", "error": "nothing good in it"}
        await session.execute(update(Dataset).where(Dataset.id == scene.dataset_id).values(**broken))
        tried = {**broken, "report": {"set_aside": []}}
        of_dataset = DatasetVersion.dataset_id == scene.dataset_id
        await session.execute(update(DatasetVersion).where(of_dataset).values(**tried))
        await session.commit()
    job_id = await rows.ingestion(scene.services, scene.dataset_id, "failed", refused=True)
    seen = await scene.looked_at(await scene.create())
    assert (seen["status"], seen["stages"][0]["error"]) == ("failed", "The dataset is in error: nothing good in it")

    async with open_session(scene.services.sessions) as session:  # not the recordings, but how they were to come
        await session.execute(update(Job).where(Job.id == job_id).values(refused=False))
        await session.commit()
    pipeline = await scene.create()
    assert states(await scene.looked_at(pipeline))["ingest"] == "running"
    dataset = (await scene.visitor.get(f"/datasets/{scene.dataset_id}")).json()
    assert (dataset["status"], dataset["error"]) == ("processing", None)
    job = (await scene.visitor.get(f"/jobs/{job_id}")).json()
    assert (job["status"], job["id"]) == ("queued", dataset["job_id"])

    assert (await scene.visitor.post(f"/jobs/{job_id}/stop")).status_code == 202
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], seen["stages"][0]["status"]) == ("stopped", "stopped")
    assert seen["stages"][0]["error"] == "The processing of the dataset was stopped."
    assert (await scene.visitor.post(f"/pipelines/{pipeline['id']}/resume")).status_code == 202
    assert states(await scene.looked_at(pipeline))["ingest"] == "running"
    assert (await scene.visitor.get(f"/jobs/{job_id}")).json()["status"] == "queued"


async def compared(
    scene: Scene, wers: dict[str, float | None], base: float | None = 0.5, **asked: Any
) -> dict[str, Any]:
    """A pipeline that compares trainings that ended so."""
    trainings = [{"type": "train", "name": name, "needs": []} for name in wers]
    compare = {"type": "compare", "needs": list(wers), **asked}
    pipeline = await scene.create(*trainings, compare, {"type": "export", "adapter": "best"})
    await scene.round()
    for name, wer in wers.items():
        job_id = (await scene.stage(pipeline, name))["job_id"]
        await scene.end_job(job_id, result=result(wer, base))
    return await scene.looked_at(pipeline)


async def test_the_best_of_several_becomes_a_version(scene: Scene) -> None:
    seen = await compared(scene, {"small": 0.3, "large": 0.1}, gates=[{"metric": "wer", "at_most": 0.2}])
    assert seen["status"] == "succeeded"
    found = seen["stages"][2]["result"]
    large = seen["stages"][1]["job_id"]
    assert found == {
        "winner": "large",
        "training_id": large,
        "primary": "wer",
        "base": {"wer": 0.5},
        "tuned": {"wer": 0.1},
        "candidates": [
            {"stage": "small", "training_id": seen["stages"][0]["job_id"], "tuned": {"wer": 0.3}},
            {"stage": "large", "training_id": large, "tuned": {"wer": 0.1}},
        ],
    }
    assert seen["stages"][3]["result"]["job_id"] == large
    # The next one has to be as good as that.
    seen = await compared(scene, {"again": 0.2}, not_worse_than="best")
    assert (seen["status"], states(seen)["export"]) == ("failed", "waiting")
    assert "its WER of 20.00% is higher than the 10.00% of version 1" in seen["stages"][1]["error"]
    seen = await compared(scene, {"better": 0.05}, not_worse_than="best")
    assert seen["stages"][1]["result"]["not_worse_than"] == {"version": 1, "tuned": {"wer": 0.1}}
    assert seen["stages"][2]["result"]["version"] == 2


@pytest.mark.parametrize(
    ("wers", "base", "asked", "reason"),
    [
        ({"one": 0.6}, 0.5, {}, "its WER of 60.00% is not lower than the 50.00% of its base"),
        (
            {"one": 0.3},
            0.5,
            {"gates": [{"metric": "wer", "at_most": 0.15}]},
            "its WER of 30.00% is higher than 15.00%",
        ),
        ({"one": 0.3}, 0.5, {"gates": [{"at_most": 0.15}]}, "its WER of 30.00% is higher than 15.00%"),
        ({"one": 0.3}, 0.5, {"gates": [{"at_least": 0.35}]}, "its WER of 30.00% is lower than 35.00%"),
        ({"one": 0.3}, 0.5, {"gates": [{"metric": "cer", "at_most": 1}]}, "its CER was not measured"),
        (
            {"one": 0.3},
            0.2,
            {"gates": [{"at_least": 0.35}, {"at_most": 0.35}, {"at_most": 0.1}, {"better_than_base": True}]},
            "one is best, and not good enough: its WER of 30.00% is lower than 35.00%; its WER of 30.00% is higher than "
            "10.00%; its WER of 30.00% is not lower than the 20.00% of its base.",
        ),
        ({"one": 0.3}, None, {}, "the WER of its base was not measured; let the evaluation measure it (base: true)"),
        ({"one": None, "two": 0.1}, 0.5, {}, "one measured nothing: there were no test examples."),
    ],
)
async def test_what_is_not_good_enough_is_not_exported(
    scene: Scene, wers: dict[str, float | None], base: float | None, asked: dict[str, Any], reason: str
) -> None:
    seen = await compared(scene, wers, base, **asked)
    assert (seen["status"], states(seen)["export"]) == ("failed", "waiting")
    assert reason in seen["stages"][-2]["error"]


async def test_characters_decide_where_words_have_no_blanks(scene: Scene) -> None:
    def told(wer: float, cer: float) -> dict[str, Any]:
        return measured("cer", {"wer": 1.0, "cer": 0.4}, {"wer": wer, "cer": cer})

    trainings = [{"type": "train", "name": name, "needs": []} for name in ("one", "two")]
    compare = {"type": "compare", "needs": ["one", "two"], "gates": [{"at_most": 0.25}]}
    pipeline = await scene.create(*trainings, compare, {"type": "export", "adapter": "chinese"})
    await scene.round()
    for name, result in (("one", told(1.0, 0.1)), ("two", told(0.9, 0.2))):
        await scene.end_job((await scene.stage(pipeline, name))["job_id"], result=result)
    seen = await scene.looked_at(pipeline)
    assert seen["status"] == "succeeded"
    found = seen["stages"][2]["result"]
    assert (found["winner"], found["primary"]) == ("one", "cer")
    assert (found["base"], found["tuned"]) == ({"wer": 1.0, "cer": 0.4}, {"wer": 1.0, "cer": 0.1})
    assert [each["tuned"]["cer"] for each in found["candidates"]] == [0.1, 0.2]
    strict = {"type": "compare", "gates": [{"metric": "cer", "at_most": 0.05}], "not_worse_than": "chinese"}
    pipeline = await scene.create({"type": "train"}, strict)
    await scene.round()
    await scene.end_job((await scene.stage(pipeline, "train"))["job_id"], result=told(0.9, 0.2))
    error = (await scene.looked_at(pipeline))["stages"][1]["error"]
    assert "its CER of 20.00% is higher than 5.00%" in error
    assert "its CER of 20.00% is higher than the 10.00% of version 1" in error


async def test_the_highest_wins_where_higher_is_better(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    accuracy = Metric("accuracy", "accuracy", "share of examples that are right", "higher")
    monkeypatch.setattr(registry, "METRICS", {**registry.METRICS, "accuracy": accuracy})

    async def ended(base: float, values: dict[str, float], **asked: Any) -> dict[str, Any]:
        trainings = [{"type": "train", "name": name, "needs": []} for name in values]
        compare = {"type": "compare", "needs": list(values), **asked}
        pipeline = await scene.create(*trainings, compare, {"type": "export", "adapter": "judge"})
        await scene.round()
        for name, value in values.items():
            told = measured("accuracy", {"accuracy": base}, {"accuracy": value})
            await scene.end_job((await scene.stage(pipeline, name))["job_id"], result=told)
        return await scene.looked_at(pipeline)

    gates: list[dict[str, Any]] = [{"better_than_base": True}, {"metric": "accuracy", "at_least": 0.85}]
    seen = await ended(0.5, {"one": 0.7, "two": 0.9, "three": 0.8}, gates=gates)
    assert seen["status"] == "succeeded"
    assert seen["stages"][3]["result"]["winner"] == "two"
    seen = await ended(0.95, {"one": 0.7, "two": 0.8}, gates=gates, not_worse_than="judge")
    assert (seen["status"], states(seen)["export"]) == ("failed", "waiting")
    assert seen["stages"][2]["error"] == (
        "two is best, and not good enough: its accuracy of 80.00% is not higher than the 95.00% of its base; its accuracy "
        "of 80.00% is lower than 85.00%; its accuracy of 80.00% is lower than the 90.00% of version 1 of the adapter."
    )


async def test_a_gate_asks_one_thing_of_a_known_metric(scene: Scene) -> None:
    body = {"name": "x", "dataset_id": str(scene.dataset_id), "model_id": "whisper-pico", "config": CONFIG}
    gates = [{"at_most": 0.2}, {"at_least": 0.1, "at_most": 0.2}, {"metric": "no_such", "at_least": 0.1}, {}]
    stages: list[dict[str, Any]] = [{"type": "train"}, {"type": "compare", "gates": gates}]
    answer = await scene.visitor.post("/pipelines", json={**body, "stages": stages})
    assert answer.status_code == 422
    told = {error["path"]: error["message"] for error in answer.json()["errors"]}
    assert told.keys() == {"stages.1.gates.1.at_least", "stages.1.gates.2.metric", "stages.1.gates.3.at_least"}
    asked = "of at_least, at_most and better_than_base; give one of them"
    assert told["stages.1.gates.1.at_least"] == f"found 2 {asked}"
    assert told["stages.1.gates.3.at_least"] == f"found 0 {asked}"
    assert "no metric 'no_such'" in told["stages.1.gates.2.metric"]


async def test_metrics_of_different_kinds_are_not_compared(scene: Scene) -> None:
    trainings = [{"type": "train", "name": name, "needs": []} for name in ("one", "two")]
    pipeline = await scene.create(*trainings, {"type": "compare", "needs": ["one", "two"]})
    await scene.round()
    for name, primary in (("one", "wer"), ("two", "cer")):
        told = measured(primary, {"wer": 0.5, "cer": 0.4}, {"wer": 0.1, "cer": 0.1})
        await scene.end_job((await scene.stage(pipeline, name))["job_id"], result=told)
    error = (await scene.looked_at(pipeline))["stages"][2]["error"]
    assert error == "the candidates are judged by different metrics (one by WER, two by CER) and cannot be compared."


async def test_metrics_of_different_examples_are_not_compared(scene: Scene) -> None:
    seen = await compared(scene, {"one": 0.1})
    assert seen["status"] == "succeeded"
    other = {**CONFIG, "split": {"test_groups": ["bob"]}}
    pipeline = await scene.create(
        {"type": "train", "config": other},
        {"type": "train", "name": "mine", "needs": []},
        {"type": "compare", "needs": ["train", "mine"]},
    )
    await scene.round()
    for name in ("train", "mine"):
        await scene.end_job((await scene.stage(pipeline, name))["job_id"], result=result(0.1))
    seen = await scene.looked_at(pipeline)
    assert "were measured on different examples" in seen["stages"][2]["error"]
    pipeline = await scene.create({"type": "train", "config": other}, {"type": "compare", "not_worse_than": "best"})
    await scene.round()
    await scene.end_job((await scene.stage(pipeline, "train"))["job_id"], result=result(0.1))
    assert "was measured on other examples" in (await scene.looked_at(pipeline))["stages"][1]["error"]


async def test_other_branches_go_on_when_one_fails(scene: Scene) -> None:
    pipeline = await scene.create(
        {"type": "train", "name": "bad", "needs": []},
        {"type": "train", "name": "good", "needs": []},
        {"type": "export", "name": "of-good", "needs": ["good"]},
        {"type": "export", "name": "of-bad", "needs": ["bad"]},
    )
    await scene.round()
    await scene.end_job((await scene.stage(pipeline, "bad"))["job_id"], "failed", error="no", refused=True)
    assert (await scene.looked_at(pipeline))["status"] == "running"
    await scene.end_job((await scene.stage(pipeline, "good"))["job_id"], result=result(0.1))
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], states(seen)) == (
        "failed",
        {"bad": "failed", "good": "succeeded", "of-good": "succeeded", "of-bad": "waiting"},
    )


async def test_a_full_queue_is_waited_for(scene: Scene) -> None:
    strict = scene.services.settings.model_copy(update={"max_unfinished_jobs_per_user": 1})
    blocking = await rows.job(scene.services, scene.visitor, "queued")
    pipeline = await scene.create({"type": "ingest"}, {"type": "train"})
    await PipelineRunner(strict, scene.services.sessions).round()
    stage = await scene.stage(pipeline, "train")
    assert (stage["status"], stage["attempts"]) == ("waiting", 0)
    assert "1 jobs that are not finished" in stage["error"]
    await scene.end_job(str(blocking), "stopped")
    await PipelineRunner(strict, scene.services.sessions).round()
    stage = await scene.stage(pipeline, "train")
    assert (stage["status"], stage["error"]) == ("running", None)


async def test_two_runners_at_once_launch_one_job(scene: Scene) -> None:
    pipeline = await scene.create({"type": "train"})
    await asyncio.gather(*(scene.round() for _ in range(5)))
    assert (await scene.stage(pipeline, "train"))["status"] == "running"
    assert (await scene.visitor.get("/jobs")).json()["total"] == 1


async def test_every_fault_of_the_stages_at_once(scene: Scene) -> None:
    body = {"name": "x", "dataset_id": str(scene.dataset_id), "model_id": "whisper-pico"}
    stages: list[dict[str, Any]] = [{"type": "train", "needs": []}, {"type": "evaluate", "needs": []}]
    answer = await scene.visitor.post("/pipelines", json={**body, "stages": stages})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_pipeline")
    assert [error["path"] for error in answer.json()["errors"]] == ["stages.0.config", "stages.1.needs"]
    stages = [{"type": "train", "config": {"max_steps": 0}}, {"type": "bake"}]
    answer = await scene.visitor.post("/pipelines", json={**body, "stages": stages})
    assert answer.status_code == 422
    assert {error["path"].split(".")[1] for error in answer.json()["errors"]} == {"0", "1"}
    answer = await scene.visitor.post("/pipelines", json={**body, "config": CONFIG, "model_id": "nobodys"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")


async def test_anothers_data_are_not_there(scene: Scene, bob: Visitor) -> None:
    theirs = str(await rows.ready_dataset(scene.services, bob))
    body = {"name": "x", "dataset_id": theirs, "model_id": "whisper-pico", "config": CONFIG}
    assert (await scene.visitor.post("/pipelines", json=body)).status_code == 404
    stages = [{"type": "train"}, {"type": "evaluate", "dataset_id": theirs}]
    mine = {**body, "dataset_id": str(scene.dataset_id), "stages": stages}
    answer = await scene.visitor.post("/pipelines", json=mine)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (404, "stages.1.dataset_id")


async def test_said_twice_it_is_made_once(scene: Scene) -> None:
    body = {"name": "once", "dataset_id": str(scene.dataset_id), "model_id": "whisper-pico", "config": CONFIG}
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = await scene.visitor.post("/pipelines", json=body, headers=headers)
    again = await scene.visitor.post("/pipelines", json=body, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    listed = (await scene.visitor.get("/pipelines", params={"q": "once"})).json()
    assert (listed["total"], [stage["name"] for stage in listed["items"][0]["stages"]]) == (1, ALL)


async def test_evaluations_of_ones_own(scene: Scene, bob: Visitor) -> None:
    trained = await rows.job(scene.services, scene.visitor, "succeeded", dataset_id=scene.dataset_id)
    other = await rows.ready_dataset(scene.services, scene.visitor, "other")
    body = {"dataset_id": str(other), "measurement": {"split": "all"}}
    answer = await scene.visitor.post(f"/jobs/{trained}/evaluations", json=body)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert (job["type"], job["needs_id"], job["dataset_id"]) == ("evaluation", str(trained), str(other))
    assert (job["spec"]["measurement"]["split"], job["status"]) == ("all", "queued")
    assert (await bob.post(f"/jobs/{trained}/evaluations", json={})).status_code == 404
    answer = await scene.visitor.post(f"/jobs/{job['id']}/evaluations", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_succeeded")
    answer = await scene.visitor.post(f"/jobs/{trained}/evaluations", json={"resources": {"num_workers": 2}})
    assert [error["path"] for error in answer.json()["errors"]] == ["resources.num_workers"]


async def test_a_deleted_dataset_ends_a_pipeline(scene: Scene) -> None:
    pipeline = await scene.create({"type": "ingest"}, {"type": "train"})
    async with open_session(scene.services.sessions) as session:
        gone = update(Dataset).where(Dataset.id == scene.dataset_id).values(deleted_at=datetime.now(UTC))
        await session.execute(gone)
        await session.commit()
    seen = await scene.looked_at(pipeline)
    assert (seen["status"], seen["stages"][0]["error"]) == ("failed", "There is no such dataset.")


async def test_a_pipeline_that_cannot_be_looked_after_fails_and_keeps_nobody_waiting(
    scene: Scene, bob: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "_FIRST_PAUSE_S", 0.0)
    poisoned = await scene.create({"type": "train"}, {"type": "validate"})
    async with open_session(scene.services.sessions) as session:  # as a bug, or a row of a later release, would
        mine = PipelineStage.pipeline_id == uuid.UUID(poisoned["id"])
        await session.execute(update(PipelineStage).where(mine).values(settings={"config": {"lora_rank": "x"}}))
        await session.commit()
    other = Scene(scene.services, bob, await rows.ready_dataset(scene.services, bob))
    good = await other.create({"type": "validate"})
    runner = PipelineRunner(scene.services.settings, scene.services.sessions)
    await runner.round()
    assert (await other.read(good))["status"] == "succeeded"
    for _ in range(quarantine.MOST_FAILURES):
        await runner.round()
    failed = await scene.read(poisoned)
    assert failed["status"] == "failed"
    assert "could not continue" in failed["stages"][0]["error"]
    told = (await scene.visitor.get("/notifications")).json()["items"]
    assert ("pipeline_failed", poisoned["id"]) in {(each["kind"], each["resource_id"]) for each in told}


async def test_a_user_with_many_pipelines_delays_another_by_a_moment(scene: Scene, bob: Visitor) -> None:
    layered = [
        {"type": "validate", "name": f"s{at}", "needs": [f"s{n}" for n in range(at // 3 * 3)]} for at in range(48)
    ]
    for _ in range(40):
        await scene.create(*layered, dataset_id=str(scene.dataset_id))
    other = Scene(scene.services, bob, await rows.ready_dataset(scene.services, bob))
    good = await other.create({"type": "validate"})
    await PipelineRunner(scene.services.settings, scene.services.sessions).round()
    assert (await other.read(good))["status"] == "succeeded"


async def test_a_training_after_a_sweep_trains_by_its_best_trial_on_everything(scene: Scene) -> None:
    config = CONFIG | {"evaluation": {"every_steps": 5}, "split": {"test_groups": ["ada"], "validation_groups": ["bo"]}}
    dimensions = {"optimizer.learning_rate": {"type": "choice", "values": [1e-3, 1e-2]}}
    search = {"dimensions": dimensions, "algorithm": {"type": "grid"}}
    pipeline = await scene.create({"type": "sweep", "search": search}, {"type": "train"}, config=config)
    await scene.round()
    sweep = (await scene.stage(pipeline, "sweep"))["job_id"]
    shown = (await scene.visitor.get(f"/sweeps/{sweep}")).json()
    assert (shown["type"], shown["spec"]["search"]["algorithm"]) == ("sweep", {"type": "grid"})
    best = TrainingConfig.model_validate(config | {"optimizer": {"type": "adamw", "learning_rate": 1e-2}})
    result = {"primary": "wer", "best": {"number": 1, "value": 0.1}, "best_config": best.model_dump(mode="json")}
    await scene.end_job(sweep, result=result)
    await scene.round()
    await scene.round()
    stage = await scene.stage(pipeline, "sweep")
    assert (stage["status"], stage["result"]["best"]["number"]) == ("succeeded", 1)
    training = (await scene.visitor.get(f"/jobs/{(await scene.stage(pipeline, 'train'))['job_id']}")).json()
    assert training["type"] == "training"
    assert training["spec"]["config"]["optimizer"]["learning_rate"] == 1e-2
    assert training["spec"]["config"]["split"]["validation_groups"] == []


async def test_a_training_after_a_sweep_without_a_best_trial_fails(scene: Scene) -> None:
    config = CONFIG | {"evaluation": {"every_steps": 5}, "split": {"validation_groups": ["bo"]}}
    search = {
        "dimensions": {"label_smoothing": {"type": "choice", "values": [0.0, 0.1]}},
        "algorithm": {"type": "grid"},
    }
    pipeline = await scene.create({"type": "sweep", "search": search}, {"type": "train"}, config=config)
    await scene.round()
    await scene.end_job((await scene.stage(pipeline, "sweep"))["job_id"], result={"best": None, "best_config": None})
    await scene.round()
    found = await scene.looked_at(pipeline)
    assert [stage["status"] for stage in found["stages"]] == ["succeeded", "failed"]
    assert "no best trial" in found["stages"][1]["error"]
