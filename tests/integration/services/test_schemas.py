"""Schemas and presets over HTTP."""

from __future__ import annotations

import pytest

from engine.config.training import TrainingConfig
from tests.integration.services.visitors import Visitor

BODIES = ("dataset", "evaluation", "model", "pipeline", "processing", "resources", "revision", "sweep")


async def test_the_training_schema_is_enough_for_a_form(ada: Visitor) -> None:
    schema = (await ada.get("/schemas/training")).json()
    rank = schema["$defs"]["QloraConfig"]["properties"]["rank"]
    assert (rank["title"], rank["x-level"], rank["x-group"]) == ("Rank", "basic", "method")
    assert schema["$defs"]["QloraConfig"]["title"] == "QLoRA"
    assert schema["$defs"]["AugmentationConfig"]["properties"]["reverb_decay_s"]["x-unit"] == "s"
    assert [group["name"] for group in schema["x-groups"]][:2] == ["task", "method"]
    selection = (await ada.get("/schemas/selection")).json()
    assert selection["properties"]["budget"]["x-level"] == "basic"


@pytest.mark.parametrize("name", BODIES)
async def test_what_calls_take_has_a_schema(ada: Visitor, name: str) -> None:
    answer = await ada.get(f"/schemas/bodies/{name}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]
    assert all(field.get("title") for field in answer.json()["properties"].values())


async def test_presets_can_be_launched_as_they_are(ada: Visitor) -> None:
    found = (await ada.get("/schemas/presets")).json()["items"]
    assert [preset["id"] for preset in found] == ["quick", "balanced", "thorough"]
    for preset in found:
        for task in preset["tasks"]:
            assert TrainingConfig.model_validate({**preset["config"], "task": {"type": task}})
    of_task = (await ada.get("/schemas/presets", params={"task": "retrieval"})).json()["items"]
    assert [preset["id"] for preset in of_task] == ["quick"]
    assert (await ada.get("/schemas/presets", params={"task": "knitting"})).status_code == 422
    assert (await ada.get("/schemas/bodies/knitting")).status_code == 422


async def test_metrics_say_what_a_table_needs(ada: Visitor) -> None:
    found = {each["name"]: each for each in (await ada.get("/schemas/metrics")).json()["items"]}
    assert (found["wer"]["title"], found["wer"]["better"], found["wer"]["unit"]) == ("WER", "lower", "share")
    assert found["loss"]["unit"] == "score"
    assert all(each["meaning"] for each in found.values())
    assert (await ada.http.get("/schemas/metrics")).status_code == 401


async def test_tasks_say_what_they_learn_from(ada: Visitor) -> None:
    found = {each["name"]: set(each["targets"]) for each in (await ada.get("/schemas/tasks")).json()["items"]}
    assert found["captioning"] & found["retrieval"]
    assert not found["captioning"] & found["speech_to_text"]
