"""Jobs over HTTP: launch, list, stop, resume."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.api.context import Services
from services.api.dataset_models import DatasetOut
from services.api.job_models import JobOut
from services.database.engine import open_session
from services.database.heartbeats import beat, forget_others
from services.database.models import Dataset, DatasetVersion, Heartbeat, Job
from services.errors import InvalidRequestError
from services.jobs.admission import admitted
from services.jobs.cluster_view import RayView
from services.jobs.owned import find_job
from services.observability.logs import JsonFormatter
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, paths_of


async def launch(visitor: Visitor, services: Services, **headers: str) -> dict[str, object]:
    dataset_id = str(await rows.ready_dataset(services, visitor))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    answer = await visitor.post("/jobs", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    job: dict[str, object] = answer.json()
    return job


async def test_a_job_begins_in_the_queue_with_its_whole_config(services: Services, ada: Visitor) -> None:
    job = await launch(ada, services)
    assert job["status"] == "queued"
    assert job["name"] == "whisper-pico on digits"
    assert job["progress"] == 0
    spec = job["spec"]
    assert isinstance(spec, dict)
    assert spec["config"]["method"]["rank"] == 8
    assert spec["config"]["max_steps"] == 20
    assert (spec["selection_id"], job["needs_id"]) == (None, None)
    read = (await ada.get(f"/jobs/{job['id']}")).json()
    assert read["queue"]["position"] >= 1
    assert read | {"queue": None} == job  # its place is counted when it is read


async def test_what_postgresql_writes_is_what_the_models_say(services: Services, ada: Visitor) -> None:
    job = await launch(ada, services)
    async with open_session(services.sessions) as session:
        values = {
            "metrics": {"loss": 1e-05, "ä": [None, True]},
            "progress": 0.1,
            "epoch": 1 / 3,
            "budget": {"wall_s": 9},
        }
        started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        await session.execute(update(Job).values(**values, metered_s=7200.0, started_at=started))
        await session.commit()
        row = await find_job(session, await rows.user_id(ada), uuid.UUID(str(job["id"])))
        expected = JobOut.of(row, services.settings).model_dump(mode="json")
    read = (await ada.get(f"/jobs/{job['id']}")).json()
    assert expected["usage"]["cpu_hours"] == 2.0
    assert {**read, "started_at": None, "queue": None} == {**expected, "started_at": None}
    assert JobOut.model_validate(read).started_at == started
    page = (await ada.get("/jobs")).json()
    assert page == {"items": [read], "total": 1, "next_cursor": None}
    dataset = (await ada.get(f"/datasets/{job['dataset_id']}")).json()
    assert DatasetOut.model_validate(dataset).model_dump(mode="json") == dataset
    assert dataset["statistics"] == {"utterances": 1, "audio_s": 1.0, "size": 32044}
    assert (await ada.get("/datasets")).json()["items"] == [dataset]


async def test_a_training_that_cannot_have_its_effect_is_refused_before_it_is_queued(
    services: Services, ada: Visitor
) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    body = {"model_id": "whisper-pico", "dataset_id": str(dataset_id)}
    config = {
        "max_steps": 20,
        "optimizer": {"type": "paged_adamw_8bit"},
        "evaluation": {"every_steps": 5, "keep": "best"},
        "split": {"validation_fraction": 0.0},
    }
    for splits, paths in (
        ({"train": 9, "test": 1}, {"config.optimizer.type", "config.evaluation.keep"}),
        ({"train": 8, "validation": 1, "test": 1}, {"config.optimizer.type"}),
    ):
        async with open_session(services.sessions) as session:
            version = update(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
            await session.execute(version.values(statistics={"splits": splits}))
            await session.commit()
        answer = await ada.post("/jobs", json=body | {"config": config})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_training")
        assert set(paths_of(answer)) == paths
    good = config | {"optimizer": {"type": "adamw_8bit"}}
    assert (await ada.post("/jobs", json=body | {"config": good})).status_code == 201


async def test_the_same_key_launches_once(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    headers = {"Idempotency-Key": "launch-once"}
    answers = await asyncio.gather(*(ada.post("/jobs", json=body, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await ada.get("/jobs")).json()["total"] == 1
    other = await ada.post("/jobs", json={**body, "name": "another"}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
    refused = await ada.post("/jobs", json={**body, "model_id": "none"}, headers={"Idempotency-Key": "second"})
    assert refused.status_code == 422
    assert (await ada.post("/jobs", json=body, headers={"Idempotency-Key": "second"})).status_code == 201


async def test_a_queued_job_stops_at_once_and_can_be_resumed(services: Services, ada: Visitor) -> None:
    job = await launch(ada, services)
    path = f"/jobs/{job['id']}"
    stopped = await ada.post(f"{path}/stop")
    assert stopped.status_code == 202
    assert stopped.json()["status"] == "stopped"
    assert stopped.json()["finished_at"] is not None
    again = await ada.post(f"{path}/stop")
    assert again.status_code == 409
    assert again.json()["code"] == "job_state"
    resumed = await ada.post(f"{path}/resume")
    assert resumed.status_code == 202
    assert (resumed.json()["status"], resumed.json()["finished_at"]) == ("queued", None)
    assert (await ada.post(f"{path}/resume")).status_code == 409


@pytest.mark.parametrize(
    ("status", "stop", "resume"),
    [
        ("starting", "stopping", 409),
        ("running", "stopping", 409),
        ("stopping", "stopping", 409),
        ("stopped", 409, "queued"),
        ("failed", 409, "queued"),
        ("succeeded", 409, 409),
    ],
)
async def test_what_each_state_allows(
    services: Services, ada: Visitor, status: str, stop: str | int, resume: str | int
) -> None:
    for action, expected in (("stop", stop), ("resume", resume)):
        job_id = await rows.job(services, ada, status=status)
        answer = await ada.post(f"/jobs/{job_id}/{action}")
        assert (answer.json()["status"] if answer.status_code == 202 else answer.status_code) == expected


async def test_a_job_whose_dataset_is_gone_cannot_go_on(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    job_id = await rows.job(services, ada, status="stopped", dataset_id=dataset_id)
    assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
    answer = await ada.post(f"/jobs/{job_id}/resume")
    assert answer.status_code == 409
    assert answer.json()["code"] == "dataset_deleted"


async def test_lists_come_in_pages_that_stay_whole_while_jobs_are_added(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)

    async def add(name: str, status: str = "succeeded") -> str:
        return str(await rows.job(services, ada, status=status, name=name, dataset_id=dataset_id))

    old = [await add(f"run {number}") for number in range(7)]
    first = (await ada.get("/jobs", params={"limit": 3})).json()
    assert [job["id"] for job in first["items"]] == old[:-4:-1]
    assert first["total"] == 7
    await add("newer")
    rest = (await ada.get("/jobs", params={"limit": 100, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in rest["items"]] == old[-4::-1]
    assert rest["next_cursor"] is None

    await add("50%_done\\", status="failed")
    for text, count in (("%", 1), ("_", 1), ("\\", 1), ("RUN", 7), ("none", 0)):
        assert (await ada.get("/jobs", params={"q": text})).json()["total"] == count
    assert (await ada.get("/jobs", params={"status": "failed"})).json()["total"] == 1


async def test_what_the_cluster_could_never_hold_is_refused(services: Services) -> None:
    class NoGpus(RayView):
        def faults(self, resources: ResourcesConfig) -> list[Fault]:
            return [Fault("resources.gpus_per_worker", f"found {resources.gpus_per_worker}; no node has a GPU")]

    with pytest.raises(InvalidRequestError) as raised:
        await admitted(services.settings, TrainingConfig(), ResourcesConfig(gpus_per_worker=1), None, NoGpus())
    assert raised.value.code == "infeasible_resources"
    assert raised.value.faults[0].path == "resources.gpus_per_worker"


async def test_health(services: Services, ada: Visitor) -> None:
    assert (await ada.http.get("http://test/healthz")).json() == {"status": "alive"}

    async def hub(ago: timedelta, error: BaseException | None = None) -> httpx.Response:
        async with open_session(services.sessions) as session:
            await forget_others(session, ["jobs"])  # those of other tests
            await beat(session, "jobs", 0.25, error)
            await session.execute(update(Heartbeat).values(at=Heartbeat.at - ago))
            await session.commit()
        return await ada.http.get("http://test/readyz")

    ready = await hub(timedelta())
    assert ready.status_code == 200
    assert ready.json()["dependencies"] == {"postgresql": "ready", "object_storage": "ready", "hub": "ready"}
    assert (ready.json()["background"]["jobs"]["wall_s"], ready.json()["background"]["jobs"]["error"]) == (0.25, None)
    silent = await hub(timedelta(minutes=2), OSError("postgresql://a:secret@host"))
    assert silent.status_code == 503
    assert (silent.json()["dependencies"]["hub"], silent.json()["background"]["jobs"]["error"]) == (
        "not_ready",
        "the last round failed",
    )
    assert "secret" not in silent.text
    again = (await hub(timedelta())).json()["background"]["jobs"]
    assert again["error"] is None
    assert again["failed_at"] is not None  # it did fail, a while ago


async def test_faulty_resources_are_named(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    resources = {"num_workers": 1, "cpus_per_worker": -1, "label_selector": {"a": 1}}
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG, "resources": resources}
    answer = await ada.post("/jobs", json=body)
    assert set(paths_of(answer)) == {"resources.cpus_per_worker", "resources.label_selector.a"}


async def test_a_selection_and_a_training_on_it(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    how = {"budget": {"type": "share", "fraction": 0.25}, "method": {"type": "random"}}
    asked = await ada.post("/jobs", json={**body, "type": "selection", "selection": how})
    assert asked.status_code == 201, asked.text
    selection = asked.json()
    assert (selection["type"], selection["name"]) == ("selection", "selection for whisper-pico on digits")
    assert selection["spec"]["selection"]["budget"] == {"type": "share", "fraction": 0.25}
    assert selection["spec"]["selection"]["trim"]["type"] == "speech"  # defaults included

    early = await ada.post("/jobs", json={**body, "selection_id": selection["id"]})
    assert (early.status_code, early.json()["code"]) == (409, "selection_not_ready")
    done = str(await rows.job(services, ada, dataset_id=uuid.UUID(dataset_id), type="selection", status="succeeded"))
    training = await ada.post("/jobs", json={**body, "selection_id": done})
    assert training.status_code == 201, training.text
    assert (training.json()["type"], training.json()["spec"]["selection_id"]) == ("training", done)
    assert training.json()["needs_id"] == done
    found = (await ada.get("/jobs", params={"type": "selection"})).json()["items"]
    assert {job["id"] for job in found} == {selection["id"], done}


async def test_a_selection_that_does_not_fit_is_refused(services: Services, ada: Visitor, bob: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG}
    another = str(await rows.ready_dataset(services, ada, "another"))
    of_another = await rows.job(services, ada, dataset_id=uuid.UUID(another), type="selection", status="succeeded")
    answer = await ada.post("/jobs", json={**body, "selection_id": str(of_another)})
    assert (answer.status_code, answer.json()["code"]) == (422, "selection_of_another_dataset")
    assert answer.json()["errors"][0]["path"] == "selection_id"
    trained = await rows.job(services, ada, dataset_id=uuid.UUID(dataset_id), status="succeeded")
    foreign = await rows.job(services, bob, type="selection", status="succeeded")
    for selection_id in (trained, foreign, uuid.uuid4()):
        answer = await ada.post("/jobs", json={**body, "selection_id": str(selection_id)})
        assert (answer.status_code, answer.json()["code"]) == (404, "selection_not_found")
    faulty = {"budget": {"type": "share", "fraction": 2}, "methd": {}}
    answer = await ada.post("/jobs", json={**body, "type": "selection", "selection": faulty})
    assert answer.status_code == 422
    paths = paths_of(answer)
    assert "selection.budget.fraction" in paths and "selection.methd" in paths
    for wrong, path in (
        ({"selection": {}}, "selection"),
        ({"type": "selection", "selection_id": str(trained)}, "selection_id"),
    ):
        answer = await ada.post("/jobs", json=body | wrong)
        assert (answer.status_code, paths_of(answer)) == (422, [path])
        assert "leave it out" in answer.json()["errors"][0]["message"]


async def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are(services: Services, ada: Visitor) -> None:
    body = {"model_id": "whisper-pico", "dataset_id": str(uuid.uuid4()), "config": rows.CONFIG}
    for name in ("distillation", "evaluation"):  # an evaluation has a route of its own
        answer = await ada.post("/jobs", json=body | {"type": name})
        assert (answer.status_code, paths_of(answer)) == (422, ["type"])
        message = answer.json()["errors"][0]["message"]
        assert message == f"there is no such kind here; there are training, selection; found '{name}'"
    answer = await ada.get("/jobs", params={"type": "distillation"})
    assert (answer.status_code, paths_of(answer)) == (422, ["type"])
    assert "there are training, selection, evaluation" in answer.json()["errors"][0]["message"]
    assert (await ada.get("/jobs", params={"status": "asleep"})).status_code == 422


async def test_the_method_of_a_selection_goes_with_its_training(services: Services, ada: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "type": "selection"}
    chosen = {"qlora": "quantization_aware", "lora": "reducible_loss", "full": "duration_stratified"}
    for method, name in chosen.items():
        answer = await ada.post("/jobs", json={**body, "config": rows.CONFIG | {"method": {"type": method}}})
        assert answer.status_code == 201, answer.text
        assert answer.json()["spec"]["selection"]["method"]["type"] == name
    config = rows.CONFIG | {"method": {"type": "full"}}
    answer = await ada.post("/jobs", json={**body, "config": config, "selection": {"method": {"type": "el2n"}}})
    assert (answer.status_code, answer.json()["code"]) == (422, "selection_does_not_fit")
    assert paths_of(answer) == ["selection.method.type"]


async def test_a_dataset_of_another_task_is_refused(services: Services, ada: Visitor) -> None:
    trained = await rows.job(services, ada, status="succeeded")
    dataset_id = await rows.ready_dataset(services, ada)
    async with open_session(services.sessions) as session:
        await session.execute(update(Dataset).where(Dataset.id == dataset_id).values(task="captioning"))
        await session.commit()
    body = {"model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": rows.CONFIG}
    for answer in (
        await ada.post("/jobs", json=body),
        await ada.post("/jobs", json={**body, "type": "selection"}),
        await ada.post(f"/jobs/{trained}/evaluations", json={"dataset_id": str(dataset_id)}),
        await ada.post("/pipelines", json={**body, "name": "digits"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "dataset_of_another_task"), answer.text
        assert paths_of(answer) == ["dataset_id"]
        message = answer.json()["errors"][0]["message"]
        assert message.startswith(
            "the dataset is for captioning, and the training is of speech_to_text; give a dataset"
        )


async def test_there_is_an_end_to_jobs_that_wait(services: Services, app: FastAPI, ada: Visitor, bob: Visitor) -> None:
    few = services.settings.model_copy(update={"max_unfinished_jobs_per_user": 2})
    app.state.services = replace(services, settings=few)
    for visitor in (ada, bob):
        dataset_id = str(await rows.ready_dataset(services, visitor))
        body = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": rows.CONFIG, "priority": 7}
        made = [await visitor.post("/jobs", json=body) for _ in range(3)]
        assert [answer.status_code for answer in made] == [201, 201, 409]
        assert (made[0].json()["priority"], made[2].json()["code"]) == (7, "too_many_jobs")
        stopped = await visitor.post(f"/jobs/{made[0].json()['id']}/stop")
        assert stopped.json()["status"] == "stopped"
        assert (await visitor.post("/jobs", json=body)).status_code == 201


async def test_every_request_leaves_a_line(ada: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.api.access_log")
    seen: list[dict[str, object]] = []
    handler = logging.Handler()
    handler.setFormatter(JsonFormatter())
    handler.emit = lambda record: seen.append(json.loads(handler.format(record)))  # type: ignore[method-assign]
    logging.getLogger("services.api.access_log").addHandler(handler)
    try:
        job_id = uuid.uuid4()
        await ada.get(f"/jobs/{job_id}?secret=1", headers={"X-Request-ID": "mine"})
        await ada.http.get("/nowhere")
    finally:
        logging.getLogger("services.api.access_log").removeHandler(handler)
    first, second = seen
    assert (first["route"], first["status"], first["correlation_id"]) == ("/jobs/{job_id}", 404, "mine")
    assert first["user_id"] == (await ada.get("/users/me")).json()["id"]
    assert "secret" not in str(first)
    assert str(job_id) not in str(first)
    assert (second["route"], second["status"]) == ("unknown", 404)
    assert "user_id" not in second
