"""What a model cannot take is left out of a run and named; the rest is trained on and measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config.measurement import MeasurementConfig
from engine.config.training import TrainingConfig
from engine.data.example import Text, Utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.errors import TrainingError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import evaluate
from engine.stages.finetune import finetune

TRAINING = {
    "max_steps": 2,
    "method": {"type": "qlora", "rank": 2},
    "split": {"test_groups": ["s2"], "validation_fraction": 0.0},
    "batch": {"cost": 4, "micro_batch_cost": 4},
}
LONG = "seven " * 40


@pytest.fixture
def data(tones: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tones, tmp_path / "data")


def _write(data: Path, *texts: tuple[str, str]) -> list[Utterance]:
    """Give utterances other texts, by id."""
    changed = dict(texts)
    rows = [replace(u, target=Text(changed.get(u.id, u.target.text))) for u in read_manifest(data / "manifest.jsonl")]
    write_manifest(data / "manifest.jsonl", rows)
    return rows


def _train(model: Path, data: Path, store: LocalRunStore, sink: MemorySink, **task: Any) -> RunResult:
    config = TrainingConfig.model_validate(TRAINING | {"task": {"max_new_tokens": 4} | task})
    return finetune(model=str(model), data=data, config=config, store=store, events=sink, work_dir=data.parent / "work")


def _warnings(sink: MemorySink) -> list[str]:
    return [str(e.data["message"]) for e in sink.events if e.kind == "log" and e.data["level"] == "warning"]


def test_long_texts_are_left_out_and_named(
    tiny_whisper: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _write(data, ("one_s0_0", LONG), ("two_s1_1", LONG), ("three_s2_2", LONG))
    store, sink = LocalRunStore(tmp_path / "store"), MemorySink()
    result = _train(tiny_whisper, data, store, sink)
    assert (result.status, result.train_examples, result.test_examples) == ("succeeded", 46, 23)
    assert result.left_out_count == 3
    assert set(result.left_out) == {"one_s0_0", "two_s1_1", "three_s2_2"}
    assert "tokens of text; at most 126 fit" in result.left_out["one_s0_0"]
    (said,) = [text for text in _warnings(sink) if "left out" in text]
    assert said.startswith("3 examples do not fit the model and are left out:")
    assert "one_s0_0: 240 tokens of text; at most 126 fit" in said
    splits = json.loads(store.get_bytes("splits.json"))
    assert set(splits["left_out"]) == set(result.left_out)
    assert "one_s0_0" not in splits["train"] and "three_s2_2" not in splits["test"]
    card = store.get_bytes("adapter/README.md").decode()
    assert "| left out | 3 examples |" in card and "one_s0_0: 240 tokens" in card
    spoken = capfd.readouterr()
    assert "indexing errors" not in spoken.out + spoken.err

    measured = evaluate(
        model=str(tiny_whisper),
        adapter=tmp_path / "store" / "adapter",
        data=data,
        training=TrainingConfig.model_validate(TRAINING | {"task": {"max_new_tokens": 4}}),
        measurement=MeasurementConfig(split="all"),
        store=LocalRunStore(tmp_path / "evaluation"),
        events=(events := MemorySink()),
        should_stop=lambda: False,
    )
    assert (measured.examples, measured.left_out_count) == (69, 3)
    assert [e.data["progress"] for e in events.events if "progress" in e.data][-1] == 1.0
    assert any("3 examples do not fit" in text for text in _warnings(events))


def test_nothing_left_is_an_error_that_says_why(tiny_whisper: Path, data: Path, tmp_path: Path) -> None:
    rows = read_manifest(data / "manifest.jsonl")
    for speakers, part in ((("s2",), "test on"), (("s0", "s1"), "train on")):
        _write(data, *[(u.id, LONG if u.group in speakers else "one") for u in rows])
        count = sum(u.group in speakers for u in rows)
        with pytest.raises(TrainingError, match=f"none of the {count} examples to {part} fits the model") as caught:
            _train(tiny_whisper, data, LocalRunStore(tmp_path / part), MemorySink())
        assert "240 tokens of text; at most 126 fit" in str(caught.value)
        assert f"and {count - 20} more" in str(caught.value)


def _cut(rows: Sequence[Utterance], most: int) -> int:
    return sum(len(u.target.text) > most for u in rows)


def test_texts_beyond_a_limit_are_counted(tiny_whisper: Path, data: Path, tmp_path: Path) -> None:
    tested = [u for u in read_manifest(data / "manifest.jsonl") if u.group == "s2"]
    sink = MemorySink()
    result = _train(tiny_whisper, data, LocalRunStore(tmp_path / "cut"), sink)
    assert result.facts["references_cut"] == _cut(tested, 4) == 4, "three has five letters"
    (said,) = [text for text in _warnings(sink) if "max_new_tokens" in text]
    assert said.startswith("4 of 24 reference texts are longer than task.max_new_tokens (4)")
    whole = _train(tiny_whisper, data, LocalRunStore(tmp_path / "whole"), MemorySink(), max_new_tokens=5)
    assert "references_cut" not in whole.facts


def test_a_multilingual_run_names_its_language_everywhere(tiny_multilingual: Path, data: Path, tmp_path: Path) -> None:
    _write(data, *[(u.id, "मेरी बहन") for u in read_manifest(data / "manifest.jsonl")])
    short = {"context": {"type": "short", "tail_s": 0.1}}
    config = TrainingConfig.model_validate(TRAINING | {"task": {"max_new_tokens": 4}} | short)
    store, sink = LocalRunStore(tmp_path / "store"), MemorySink()
    result = finetune(
        model=str(tiny_multilingual), data=data, config=config, store=store, events=sink, work_dir=tmp_path / "work"
    )
    assert (result.facts["language"], result.facts["audio_context"]) == ("hi", "short")
    assert any("the decoder is given <|hi|>" in text and "set task.language" in text for text in _warnings(sink))
    assert any("was trained on whole windows" in text for text in _warnings(sink))
    settings = json.loads(store.get_bytes("adapter/training_config.json"))
    assert (settings["task"]["language"], settings["context"]["type"]) == ("hi", "short")
    card = store.get_bytes("adapter/README.md").decode()
    assert "| language | hi |" in card and 'language="hi", task="transcribe"' in card
    assert "| audio context | short |" in card and "| base audio context | full |" in card
