"""Sweeps through the API: launch, list, trials and fronts, stop, and the training by the best trial."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from engine.config.training import TrainingConfig
from engine.run.store import LocalRunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.jobs.submission import Driver, DriverState
from tests.benchmarks import api_rows
from tests.integration.services import rows
from tests.integration.services.test_admission import OneNode
from tests.integration.services.test_reconciler import RUNNING, Scene, StandIn
from tests.integration.services.visitors import Visitor

CONFIG: dict[str, Any] = {
    "max_steps": 100,
    "evaluation": {"every_steps": 10},
    "split": {"test_groups": ["anna"], "validation_groups": ["ben"]},
}
SEARCH: dict[str, Any] = {
    "dimensions": {
        "optimizer.learning_rate": {"type": "loguniform", "low": 1e-4, "high": 1e-2},
        "method.rank": {"type": "choice", "values": [2, 32]},
    },
    "algorithm": {"type": "random", "trials": 3},
}


@pytest.fixture
async def scene(services: Services, ada: Visitor, tmp_path: Path) -> Scene:
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    return Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix))


async def body(scene: Scene, **changed: Any) -> dict[str, Any]:
    dataset_id = await rows.ready_dataset(scene.services, scene.visitor)
    return {
        "model_id": "whisper-pico",
        "dataset_id": str(dataset_id),
        "config": CONFIG,
        "search": SEARCH,
        "resources": {"num_workers": 2},
        **changed,
    }


async def launched(scene: Scene, **changed: Any) -> dict[str, Any]:
    answer = await scene.visitor.post("/sweeps", json=await body(scene, **changed))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def trial(number: int, state: str, value: float | None, **fields: Any) -> dict[str, Any]:
    """What a driver says of a trial."""
    told = {
        "number": number,
        "values": {"optimizer.learning_rate": 1e-3, "method.rank": 2},
        "seed": 0,
        "state": state,
        "primary": "wer",
        "value": value,
        "metrics": {"wer": value},
        "validations": fields.pop("validations", 10),
        "step": 100,
        "seconds": 3.0,
        "peak_bytes": 1000,
        "trainable_parameters": 10,
        "error": None,
        **fields,
    }
    data = {"trial": told, "trials": 3, "trials_ended": number, "progress": number / 3, "primary": "wer"}
    key = f"trial/{number}/{state}/{told['validations']}"
    return {"kind": "metric", "key": key, "time": "2026-01-01T00:00:00Z", "data": data}


async def test_from_launch_to_the_training_by_the_best(scene: Scene) -> None:
    sweep = await launched(scene, name="rates")
    sweep_id = uuid.UUID(sweep["id"])
    assert (sweep["type"], sweep["name"], sweep["status"]) == ("sweep", "rates", "queued")
    assert sweep["spec"]["search"]["scheduler"]["type"] == "asha"  # resolved, with defaults
    assert sweep["resources"]["memory_bytes_per_worker"] > 10**9
    await scene.round()
    assert scene.cluster.modules == {f"lim-{sweep_id}-1": "tuning.sweep"}
    asked = json.loads(scene.files(sweep_id).get_bytes("config-request.json"))
    assert asked["resources"]["trials_at_once"] == 2
    assert asked["resources"]["memory_bytes_per_trial"] == sweep["resources"]["memory_bytes_per_worker"]
    assert asked["storage"] == f"s3://bucket/runs/{sweep_id}"
    scene.cluster.drivers[f"lim-{sweep_id}-1"] = RUNNING
    await scene.round()

    empty = (await scene.visitor.get(f"/sweeps/{sweep_id}")).json()
    assert (empty["trials"], empty["best"], empty["status"]) == ([], None, "running")
    await rows.say(
        scene.services,
        sweep_id,
        trial(0, "running", 0.9, validations=1),
        trial(1, "running", 0.8, validations=1),
        trial(0, "finished", 0.5, peak_bytes=3000),
        trial(1, "finished", 0.6, trainable_parameters=5),
        trial(2, "failed", None, primary=None, metrics={}, error="the loss of step 3 is nan"),
    )
    shown = (await scene.visitor.get(f"/sweeps/{sweep_id}")).json()
    assert [(each["number"], each["state"], each["value"]) for each in shown["trials"]] == [
        (0, "finished", 0.5),
        (1, "finished", 0.6),
        (2, "failed", None),
    ]
    assert shown["best"]["number"] == 0
    assert shown["front"] == {"peak_bytes": [1, 0], "trainable_parameters": [1, 0]}
    assert shown["metrics"]["trials_ended"] == 2 and shown["progress"] == pytest.approx(2 / 3)
    answer = await scene.visitor.post(f"/sweeps/{sweep_id}/train-best", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_best_trial")
    assert "it is running" in answer.json()["detail"]

    best = TrainingConfig.model_validate(CONFIG | {"optimizer": {"type": "adamw", "learning_rate": 3e-3}}).model_dump(
        mode="json"
    )
    result = {"status": "succeeded", "best": shown["best"], "best_config": best, "front": shown["front"]}
    scene.files(sweep_id).put_bytes("result.json", json.dumps(result).encode())
    scene.cluster.drivers[f"lim-{sweep_id}-1"] = Driver(DriverState.SUCCEEDED, exit_code=0)
    await scene.round()
    assert (await scene.visitor.get(f"/sweeps/{sweep_id}")).json()["status"] == "succeeded"
    headers = {"Idempotency-Key": "best"}
    answer = await scene.visitor.post(f"/sweeps/{sweep_id}/train-best", json={}, headers=headers)
    training = answer.json()
    assert (answer.status_code, training["type"], training["name"]) == (201, "training", "best of rates")
    assert training["spec"]["config"]["optimizer"]["learning_rate"] == 3e-3
    assert training["spec"]["config"]["split"]["validation_groups"] == []  # on everything
    assert training["spec"]["config"]["split"]["test_groups"] == ["anna"]
    assert (training["resources"]["num_workers"], training["dataset_id"]) == (1, sweep["dataset_id"])
    again = await scene.visitor.post(f"/sweeps/{sweep_id}/train-best", json={}, headers=headers)
    assert again.json()["id"] == training["id"]


async def test_lists_have_sweeps_alone_and_launching_is_idempotent(scene: Scene) -> None:
    asked, headers = await body(scene), {"Idempotency-Key": "once"}
    first = (await scene.visitor.post("/sweeps", json=asked, headers=headers)).json()
    assert (await scene.visitor.post("/sweeps", json=asked, headers=headers)).json()["id"] == first["id"]
    await scene.job()
    page = (await scene.visitor.get("/sweeps", params={"limit": 1})).json()
    assert ([each["id"] for each in page["items"]], page["total"]) == ([first["id"]], 1)
    assert (await scene.visitor.get("/sweeps", params={"status": "failed"})).json()["total"] == 0
    assert (await scene.visitor.get("/sweeps", params={"q": "sweep of whisper-pico"})).json()["total"] == 1
    assert (await scene.visitor.get("/jobs", params={"type": "sweep"})).json()["total"] == 1


async def test_stop_and_resume(scene: Scene) -> None:
    sweep = await launched(scene)
    answer = await scene.visitor.post(f"/sweeps/{sweep['id']}/stop")
    assert (answer.status_code, answer.json()["status"]) == (202, "stopped")
    answer = await scene.visitor.post(f"/sweeps/{sweep['id']}/stop")
    assert answer.status_code == 409
    assert (await scene.visitor.post(f"/jobs/{sweep['id']}/resume")).json()["status"] == "queued"


async def test_a_sweep_of_another_user_and_a_job_of_another_kind_do_not_exist(scene: Scene, bob: Visitor) -> None:
    sweep = await launched(scene)
    for visitor, job_id in ((bob, sweep["id"]), (scene.visitor, str(await scene.job()))):
        for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/train-best")):
            answer = await visitor.call(method, f"/sweeps/{job_id}{path}", json={} if path == "/train-best" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "sweep_not_found"), path
    assert (await bob.get("/sweeps")).json()["total"] == 0
    assert (await scene.visitor.get(f"/sweeps/{sweep['id']}")).json()["status"] == "queued"


async def test_all_faults_are_told_together(scene: Scene) -> None:
    search = {
        "dimensions": {
            "optimizer.learning_rate": {"type": "uniform", "low": 0.5, "high": 5},
            "optimizer.momentum": {"type": "choice", "values": [0.9]},
            "split.test_groups": {"type": "choice", "values": [["anna"]]},
        },
        "algorithm": {"type": "optuna", "trials": 0},
    }
    asked = await body(scene, config={"max_steps": 100, "label_smoothing": 2}, search=search, priority=1000)
    answer = await scene.visitor.post("/sweeps", json=asked)
    assert answer.status_code == 422
    found = {each["path"] for each in answer.json()["errors"]}
    assert {"priority", "config.label_smoothing", "search.algorithm.trials"} <= found
    asked = await body(scene, config={"max_steps": 100}, search=search | {"algorithm": {"type": "optuna"}})
    answer = await scene.visitor.post("/sweeps", json=asked)
    assert {each["path"] for each in answer.json()["errors"]} == {
        "config.evaluation.every_steps",
        "search.dimensions.optimizer.learning_rate.high",
        "search.dimensions.optimizer.momentum",
        "search.dimensions.split.test_groups",
    }


async def test_what_does_not_go_with_the_model_the_data_or_the_cluster(scene: Scene) -> None:
    asked = await body(
        scene,
        config=CONFIG | {"split": {"validation_fraction": 0.0}, "evaluation": {"every_steps": 10, "keep": "best"}},
    )
    async with open_session(scene.services.sessions) as session:
        from services.database.models import DatasetVersion

        version = update(DatasetVersion).where(DatasetVersion.dataset_id == uuid.UUID(asked["dataset_id"]))
        await session.execute(version.values(statistics={"splits": {"train": 1}}))
        await session.commit()
    answer = await scene.visitor.post("/sweeps", json=asked)
    assert (answer.status_code, [each["path"] for each in answer.json()["errors"]]) == (422, ["config.evaluation.keep"])
    answer = await scene.visitor.post("/sweeps", json=await body(scene, dataset_id=str(uuid.uuid4())))
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
    answer = await scene.visitor.post("/jobs", json=await body(scene, type="sweep"))
    assert answer.status_code == 422


async def test_what_all_trials_keep_counts_against_the_quota(scene: Scene, change: Any) -> None:
    async def used() -> int:
        return int((await scene.visitor.get("/users/me/usage")).json()["storage"]["used_bytes"])

    asked = await body(scene)
    kept = []
    for trials, scheduler in ((3, "none"), (3, "asha"), (60, "asha")):
        before = await used()
        search = SEARCH | {"algorithm": {"type": "random", "trials": trials}, "scheduler": {"type": scheduler}}
        assert (await scene.visitor.post("/sweeps", json=asked | {"search": search})).status_code == 201
        kept.append(await used() - before)
    assert kept[0] < kept[1] < kept[2]  # paused trials keep a checkpoint
    change(storage_bytes_per_user=await used() + kept[0] // 2)
    answer = await scene.visitor.post("/sweeps", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "storage_quota")


async def test_without_its_dataset_a_sweep_neither_resumes_nor_trains_its_best(scene: Scene) -> None:
    sweep = await launched(scene)
    answer = await scene.visitor.call("DELETE", f"/datasets/{sweep['dataset_id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")
    await scene.visitor.post(f"/sweeps/{sweep['id']}/stop")
    best = TrainingConfig.model_validate(CONFIG).model_dump(mode="json")
    async with open_session(scene.services.sessions) as session:
        await session.execute(update(Job).where(Job.id == uuid.UUID(sweep["id"])).values(result={"best_config": best}))
        await session.commit()
    assert (await scene.visitor.call("DELETE", f"/datasets/{sweep['dataset_id']}")).status_code == 204
    answer = await scene.visitor.post(f"/jobs/{sweep['id']}/resume")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_deleted")
    answer = await scene.visitor.post(f"/sweeps/{sweep['id']}/train-best", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
    shown = await scene.visitor.get(f"/sweeps/{sweep['id']}")
    assert (shown.status_code, shown.json()["status"]) == (200, "stopped")


async def test_a_sweep_whose_heaviest_trial_fits_no_node_is_refused_with_what_would_fit(
    scene: Scene, change: Any
) -> None:
    def with_micro_batches(*costs: float) -> dict[str, Any]:
        dimensions = {"batch.micro_batch_cost": {"type": "choice", "values": list(costs)}}
        return {"search": SEARCH | {"dimensions": dimensions}, "config": CONFIG | {"batch": {"cost": 240}}}

    async def needed(*costs: float) -> float:
        made = await launched(scene, resources={}, **with_micro_batches(*costs))
        return float(made["resources"]["memory_bytes_per_worker"])

    light, heavy = await needed(12), await needed(12, 240)
    change(cluster=OneNode((light + heavy) / 2))
    answer = await scene.visitor.post("/sweeps", json=await body(scene, resources={}, **with_micro_batches(12, 240)))
    assert (answer.status_code, answer.json()["code"]) == (422, "infeasible_resources")
    faults = {each["path"]: each["message"] for each in answer.json()["errors"]}
    assert faults.keys() == {"resources.memory_bytes_per_worker", "config"}
    assert "the largest micro-batch that fits is batch.micro_batch_cost" in faults["config"]
    answer = await scene.visitor.post("/sweeps", json=await body(scene, resources={}, **with_micro_batches(12)))
    assert answer.status_code == 201


async def test_a_sweep_that_ended_is_shown_from_its_events_and_trains_its_best(scene: Scene) -> None:
    dataset_id = await rows.ready_dataset(scene.services, scene.visitor)
    user_id = await rows.user_id(scene.visitor)
    sweep_id = await api_rows.ended_sweep(scene.services.sessions, user_id, dataset_id, trials=5, seed=2)
    shown = (await scene.visitor.get(f"/sweeps/{sweep_id}")).json()
    assert [trial["number"] for trial in shown["trials"]] == list(range(5))
    assert {(trial["step"], trial["total_steps"]) for trial in shown["trials"]} == {(60, 60)}
    assert shown["best"]["value"] == min(trial["value"] for trial in shown["trials"])
    assert shown["best"]["number"] in shown["front"]["peak_bytes"]
    assert (await scene.visitor.post(f"/sweeps/{sweep_id}/train-best", json={})).status_code == 201
