"""What a run measures, and by what it chooses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from engine.config.training import TrainingConfig
from engine.data.example import Text
from engine.data.manifest import read_manifest, write_manifest
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.finetune import finetune
from engine.training.checkpoints import Checkpoints
from tests.tiny import write_tones

_CHINESE = {"zero": "零个", "one": "一个人", "two": "两个", "three": "三", "four": "四天", "five": "五月"}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tones(tmp_path_factory.mktemp("chinese"), takes=1)
    rows = [
        dataclasses.replace(u, target=Text(_CHINESE[u.target.text])) for u in read_manifest(folder / "manifest.jsonl")
    ]
    write_manifest(folder / "manifest.jsonl", rows)
    return folder


@pytest.mark.parametrize("primary", ["cer", "wer"])
def test_the_best_weights_are_chosen_by_the_headline(
    primary: str, tiny_whisper: Path, chinese: Path, tones: Path, tmp_path: Path
) -> None:
    store, events = LocalRunStore(tmp_path / "store"), MemorySink()
    result = finetune(
        model=str(tiny_whisper),
        data=chinese if primary == "cer" else tones,
        config=TrainingConfig.model_validate(
            {
                "max_steps": 4,
                "method": {"type": "lora", "rank": 2},
                "optimizer": {"type": "adamw", "learning_rate": 0.003},
                "split": {"test_groups": ["s0"], "validation_groups": ["s1"]},
                "task": {"max_new_tokens": 5},
                "context": {"type": "short", "bucket_s": 0.25},
                "evaluation": {"every_steps": 1, "keep": "best"},
            }
        ),
        store=store,
        events=events,
        work_dir=tmp_path / "work",
    )
    assert result.primary == primary
    measured = [e.data for e in events.events if e.kind == "metric" and "split" in e.data]
    assert {data["primary"] for data in measured} == {primary}
    validation = [data for data in measured if data["split"] == "validation"]
    assert len(validation) == 4
    checkpoint = Checkpoints(store, 1).load_newest()
    assert checkpoint is not None
    found = [data["metrics"] for data in validation]
    assert checkpoint.state["progress"]["best_metric"] == min(metrics[primary] for metrics in found)
    other = "wer" if primary == "cer" else "cer"
    assert {metrics[primary] for metrics in found} != {metrics[other] for metrics in found}
    assert [(data["which"], data["metrics"]) for data in measured if data["split"] == "test"] == [
        ("base", result.base),
        ("tuned", result.tuned),
    ]
    rows = (store.folder / "adapter" / "README.md").read_text(encoding="utf-8").splitlines()
    rates = [row for row in rows if "ER after training" in row or "ER of the base" in row]
    assert [row[2:5] for row in rates] == [primary.upper()] * 2 + [other.upper()] * 2


def test_results_of_earlier_versions_are_of_words(tmp_path: Path) -> None:
    stored = {
        "status": "succeeded", "model": "m", "method": "qlora", "steps": 1, "base_wer": 0.5, "adapter_wer": 0.1,
        "trainable_parameters": 1, "total_parameters": 2, "peak_bytes": 1, "wall_s": 1.0, "training_s": 1.0,
        "audio_s_per_s": 1.0, "train_utterances": 1, "train_audio_s": 1.0, "test_utterances": 1, "test_groups": [],
    }  # fmt: skip
    read = RunResult.model_validate(stored)
    assert (read.primary, read.base, read.tuned) == ("wer", {"wer": 0.5}, {"wer": 0.1})
