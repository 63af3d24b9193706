"""Estimates on a real database: memory counted, time measured, cost at the operator's prices."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cluster.config import ResourcesConfig
from services.api.app import create_app_on
from services.api.context import Services
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

RESULT = {
    "cost_per_s": 50.0,
    "peak_bytes": 1_000_000_000,
    "wall_s": 30.0,
    "training_s": 20.0,
    "train_examples": 10,
    "train_cost": 10.0,
}


SHORT = {"type": "short", "tail_s": 0.1}


async def finished(
    services: Services, who: Visitor, model_id: str, resources: dict[str, Any] | None = None, **result: Any
) -> None:
    asked = ResourcesConfig.model_validate(resources or {}).model_dump(mode="json")
    config = rows.CONFIG | {"context": SHORT}
    ended = {"result": RESULT | result, "finished_at": datetime.now(UTC), "resources": asked, "config": config}
    await rows.job(services, who, "succeeded", model_id=model_id, **ended)


async def test_what_was_measured_tells_the_time(services: Services, ada: Visitor, bob: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))  # one utterance of one second
    body = {"model_id": "whisper-base", "dataset_id": dataset_id, "config": {"max_steps": 1000, "context": SHORT}}
    before = (await ada.post("/estimates", json=body)).json()
    assert before["time"]["wall_s"] is None
    assert "no job with this model, task, method and context has succeeded" in before["time"]["reason"]
    assert (before["cost"]["amount"], before["cost"]["reason"]) == (None, "the time is not known")
    for speed in (40.0, 50.0, 90.0):
        await finished(services, bob, "whisper-base", cost_per_s=speed, peak_bytes=int(speed * 1e7))
    after = (await ada.post("/estimates", json=body)).json()
    assert after["time"] == {
        "wall_s": 1000 / 50.0 + 10.0,
        "steps": 1000,
        "cost_unit": "audio_s",
        "cost": 1000.0,
        "padded_cost": 1500.0,  # a second of speech fills a second and a half
        "cost_per_s": 50.0,
        "padded_cost_per_s": 75.0,
        "measured_jobs": 3,
        "reason": None,
    }
    assert after["memory"]["measured_peak_bytes"] == 900_000_000
    assert after["memory"]["model"] == "tape"
    assert after["cost"]["reason"].startswith("no prices are set")
    # Whole windows take longer, at the speed that was measured without them.
    windows = SHORT | {"whole_window_share": 0.5}
    longer = await ada.post("/estimates", json=body | {"config": {"max_steps": 1000, "context": windows}})
    assert longer.json()["time"]["wall_s"] == pytest.approx(1000 * (0.5 * 1.5 + 0.5 * 30) / 75 + 10)
    # Other workers have another speed.
    for resources in ({"num_workers": 2}, {"label_selector": {"lim/device-class": "jetson-nano"}}):
        others = (await ada.post("/estimates", json=body | {"resources": resources})).json()["time"]
        assert (others["measured_jobs"], others["wall_s"]) == (0, None)
    # Another method is another run.
    # Another method is another run, and so is another context: by default, the whole window that this model knows.
    for config in ({"method": {"type": "full"}, "context": SHORT}, {}):
        other = body | {"config": {"max_steps": 1000} | config}
        assert (await ada.post("/estimates", json=other)).json()["time"]["measured_jobs"] == 0
    # So is another task.
    for task, jobs in (("speech_to_text", 3), ("audio_classification", 0)):
        asked = {"model_id": "whisper-base", "config": body["config"] | {"task": {"type": task}}}
        assert (await ada.post("/estimates", json=asked)).json()["time"]["measured_jobs"] == jobs


async def test_cost_is_counted_at_the_operator_s_prices(services: Services, ada: Visitor) -> None:
    workers = {"num_workers": 2, "cpus_per_worker": 4, "gpus_per_worker": 1}
    await finished(
        services,
        ada,
        "whisper-small",
        workers,
        cost_per_s=1.0,
        wall_s=20.0,
        training_s=20.0,
        train_cost=14.0,  # 1.4 s each, which fill one and a half
    )
    priced = services.settings.model_copy(update={"cpu_hour_price": 0.5, "gpu_hour_price": 2.0, "currency": "CHF"})
    app = create_app_on(dataclasses.replace(services, settings=priced))
    body = {
        "model_id": "whisper-small",
        "config": {"max_steps": 150, "context": SHORT},
        "resources": workers,
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:
        answer = await http.post("/estimates", json=body, headers=ada.headers)
    cost = answer.json()["cost"]
    # 150 steps of 24 encoder seconds, 14 of every 15 of them speech, at a second of speech a second, by two workers.
    hours = 14 / 15
    assert cost == {
        "amount": pytest.approx(hours * (8 * 0.5 + 2 * 2.0)),
        "currency": "CHF",
        "cpu_hours": pytest.approx(hours * 8.0),
        "gpu_hours": pytest.approx(hours * 2.0),
        "reason": None,
    }


async def test_parts_sum_up_and_devices_that_are_too_small_get_changes(ada: Visitor) -> None:
    config = {
        "epochs": 1,
        "method": {"type": "lora"},
        "batch": {"cost": 480, "micro_batch_cost": 480},
    }
    found = (await ada.post("/estimates", json={"model_id": "whisper-small", "config": config})).json()
    assert sum(found["memory"]["parts"].values()) == found["memory"]["peak_bytes"]
    assert found["memory"]["reserved_bytes"] == pytest.approx(1.15 * found["memory"]["peak_bytes"], abs=1)
    assert found["memory"]["sizes_known"] is False
    assert found["time"]["reason"] == "how long epochs take depends on the dataset: give dataset_id, or max_steps"
    devices = {device["id"]: device for device in found["devices"]}
    assert set(devices) == {"jetson-nano", "jetson-orin-nano", "cpu-vm", "gpu-vm"}
    nano = devices["jetson-nano"]
    assert not nano["fits"]
    assert nano["changes"], nano
    first = nano["changes"][0]
    assert first["path"] == "batch.micro_batch_cost"
    config["batch"] = {"cost": 480, "micro_batch_cost": first["value"]}
    again = (await ada.post("/estimates", json={"model_id": "whisper-small", "config": config})).json()
    assert {d["id"]: d["fits"] for d in again["devices"]}["jetson-nano"]
    pico = (await ada.post("/estimates", json={"model_id": "whisper-pico", "config": {"max_steps": 1}})).json()
    assert pico["memory"]["sizes_known"] is True
    assert all(device["fits"] and device["changes"] == [] for device in pico["devices"])


async def test_faults_are_those_of_a_launch(services: Services, ada: Visitor, bob: Visitor) -> None:
    dataset_id = str(await rows.ready_dataset(services, ada))
    theirs = {"model_id": "whisper-pico", "dataset_id": dataset_id, "config": {}}
    assert (await bob.post("/estimates", json=theirs)).status_code == 404
    nowhere = {"model_id": "whisper-pico", "dataset_id": str(uuid.uuid4()), "config": {}}
    assert (await ada.post("/estimates", json=nowhere)).status_code == 404
    unknown = await ada.post("/estimates", json={"model_id": "parrot", "config": {}})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_model")
    faulty = {"model_id": "whisper-pico", "config": {"max_steps": 0, "method": {"type": "qlora", "rank": 0}}}
    errors = (await ada.post("/estimates", json=faulty)).json()["errors"]
    assert {error["path"] for error in errors} == {"config.max_steps", "config.method.rank"}
