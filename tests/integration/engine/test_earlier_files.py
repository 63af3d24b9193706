"""What an earlier release wrote is still read: manifest, adapter, result, events, split and predictions of a small run.

The files in `earlier/` were written by the code of 2026-11-28 on the tiny model and the tones of `tests.tiny`, and stay
as they are. A new format gets files of its own beside them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pytest
from peft import PeftModel
from safetensors import safe_open
from transformers import WhisperForConditionalGeneration

from engine.config.measurement import MeasurementConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import evaluate
from services.jobs.events import from_run, parse_lines
from services.jobs.outcome import parse_result

EARLIER: Final = Path(__file__).parent / "earlier" / "v0.1.0-dev"
_RATES: Final = ({"wer": 9.75, "cer": 14.304347826086957}, {"wer": 9.291666666666666, "cer": 14.402173913043478})


@pytest.fixture
def adapter(tmp_path: Path, tiny_whisper: Path) -> Path:
    """The adapter, on the model as it lies on this machine."""
    folder = tmp_path / "adapter"
    shutil.copytree(EARLIER / "adapter", folder)
    config = folder / "adapter_config.json"
    told = json.loads(config.read_text())
    assert told["base_model_name_or_path"] == "/models/tiny"
    config.write_text(json.dumps({**told, "base_model_name_or_path": str(tiny_whisper)}))
    return folder


def test_a_manifest_is_read() -> None:
    utterances = read_manifest(EARLIER / "manifest.jsonl")
    assert len(utterances) == 72
    assert {utterance.group for utterance in utterances} == {"s0", "s1", "s2"}
    first = utterances[0]
    assert (first.id, first.target.text, first.input.start_s, first.input.duration_s) == (
        "zero_s0_0",
        "zero",
        0.0,
        0.6458125,
    )


def test_a_result_is_read() -> None:
    told = parse_result((EARLIER / "result.json").read_bytes())
    assert told is not None
    result = RunResult.model_validate(told)
    stored = json.loads((EARLIER / "result.json").read_bytes())
    assert (result.status, result.task, result.primary) == ("succeeded", "speech_to_text", "wer")
    assert result.base == {"wer": stored["base_wer"], "cer": stored["base_cer"]}
    assert result.tuned == {"wer": stored["adapter_wer"], "cer": stored["adapter_cer"]}
    assert (result.base, result.tuned) == _RATES
    assert (result.test_groups, result.test_examples, result.train_examples) == (["s1"], 24, stored["train_utterances"])
    assert (result.cost_unit, result.cost_per_s, result.train_cost) == (
        "audio_s",
        stored["audio_s_per_s"],
        stored["train_audio_s"],
    )
    assert result.saved_bytes == stored["adapter_bytes"]
    assert RunResult.model_validate(stored) == result


def test_events_are_read() -> None:
    events = from_run(parse_lines((EARLIER / "events.jsonl").read_bytes()))
    assert len(events) == len((EARLIER / "events.jsonl").read_text().splitlines()) > 5
    assert [event["data"]["step"] for event in events if event["kind"] == "metric" and "loss" in event["data"]] == [
        1,
        2,
        3,
    ]
    assert all(event["key"] and event["time"].endswith("Z") for event in events)
    trained = [event["data"] for event in events if event["kind"] == "metric" and "loss" in event["data"]]
    assert all(data["cost_per_s"] > 0 and data["cost_unit"] == "audio_s" for data in trained)
    measured = [event["data"] for event in events if event["kind"] == "metric" and "split" in event["data"]]
    assert [(data["which"], data["metrics"]) for data in measured] == list(zip(("base", "tuned"), _RATES, strict=True))
    assert {(data["split"], data["primary"], data["examples"]) for data in measured} == {("test", "wer", 24)}


def test_an_adapter_is_loaded_by_plain_peft(adapter: Path, tiny_whisper: Path) -> None:
    model = PeftModel.from_pretrained(WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper)), str(adapter))
    loaded = {name: value for name, value in model.named_parameters() if "lora_B" in name}
    assert loaded
    assert all(value.abs().sum() > 0 for value in loaded.values())  # B is zero where nothing was loaded
    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as file:
        assert sum(file.get_tensor(name).numel() for name in file.keys()) == 11_264  # noqa: SIM118


def test_an_adapter_is_measured_again_by_the_config_that_lies_beside_it(
    adapter: Path, tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    training = TrainingConfig.model_validate_json((adapter / "training_config.json").read_bytes())
    assert (training.max_steps, training.method.type) == (3, "qlora")
    result = evaluate(
        model=str(tiny_whisper),
        adapter=adapter,
        data=tones,
        training=training,
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path / "run"),
        events=MemorySink(),
        should_stop=lambda: False,
    )
    earlier = json.loads((EARLIER / "result.json").read_bytes())
    assert result.examples == earlier["test_utterances"] == 24
    assert result.tuned is not None
    assert result.tuned["wer"] == pytest.approx(earlier["adapter_wer"], abs=1.0)
