"""Results and events of earlier releases in today's form; today's own are left as they are."""

from __future__ import annotations

from typing import Any

import pytest

from engine.run.earlier import todays_event, todays_progress, todays_result
from engine.run.training_result import RunResult
from engine.stages.evaluate import EvaluationResult

TRAINED: dict[str, Any] = {
    "status": "succeeded", "model": "m", "method": "qlora", "steps": 3, "primary": "cer", "base_wer": 0.5, "base_cer": 0.25,
    "adapter_wer": 0.1, "adapter_cer": 0.05, "trainable_parameters": 1, "total_parameters": 2, "adapter_bytes": 7,
    "peak_bytes": 9, "wall_s": 4.0, "training_s": 2.0, "audio_s_per_s": 30.0, "train_utterances": 10, "train_audio_s": 20.0,
    "test_utterances": 5, "test_speakers": ["ada"], "warnings": ["small"], "finished_at": "2026-11-29T10:00:00Z",
    "context": "short", "base_context": "full", "language": "sw", "left_out_utterances": 1, "left_out": {"u": "long"},
    "references_cut": 2, "code_version": "0.1.0+abc",
}  # fmt: skip
EVALUATED: dict[str, Any] = {
    "status": "succeeded", "model": "m", "split": "test", "utterances": 4, "audio_s": 8.0, "speakers": ["a", "b"],
    "primary": "wer", "base_wer": None, "base_cer": None, "adapter_wer": 0.5, "adapter_cer": 0.25,
    "wer_by_speaker": {"a": 0.5, "b": 0.4}, "cer_by_speaker": {"a": 0.2, "b": 0.3}, "context": "full", "base_context": None,
    "language": None, "left_out_utterances": 0, "left_out": {}, "references_cut": 0, "peak_bytes": 1, "wall_s": 2.0,
    "audio_s_per_s": 1.5, "finished_at": None, "code_version": None,
}  # fmt: skip


def test_a_training() -> None:
    assert todays_result(TRAINED) == {
        "status": "succeeded", "model": "m", "method": "qlora", "steps": 3, "task": "speech_to_text", "primary": "cer",
        "base": {"wer": 0.5, "cer": 0.25}, "tuned": {"wer": 0.1, "cer": 0.05}, "cost_unit": "audio_s", "cost_per_s": 30.0,
        "facts": {"audio_context": "short", "base_audio_context": "full", "language": "sw", "references_cut": 2},
        "trainable_parameters": 1, "total_parameters": 2, "saved_bytes": 7, "peak_bytes": 9, "wall_s": 4.0,
        "training_s": 2.0, "train_examples": 10, "train_cost": 20.0, "test_examples": 5, "test_groups": ["ada"],
        "warnings": ["small"], "finished_at": "2026-11-29T10:00:00Z", "left_out_count": 1, "left_out": {"u": "long"},
        "code_version": "0.1.0+abc",
    }  # fmt: skip
    read = RunResult.model_validate(TRAINED)
    assert (read.primary, read.tuned, read.saved_bytes, read.left_out_count) == ("cer", {"wer": 0.1, "cer": 0.05}, 7, 1)


def test_the_earliest_training_is_of_words_alone() -> None:
    later = (
        "primary",
        "base_cer",
        "adapter_cer",
        "context",
        "base_context",
        "language",
        "references_cut",
        "code_version",
    )
    read = RunResult.model_validate({name: value for name, value in TRAINED.items() if name not in later})
    assert (read.primary, read.base, read.tuned, read.facts) == ("wer", {"wer": 0.5}, {"wer": 0.1}, {})


def test_a_training_that_was_stopped_measured_nothing() -> None:
    unmeasured = dict.fromkeys(("base_wer", "base_cer", "adapter_wer", "adapter_cer"))
    read = RunResult.model_validate(TRAINED | {"status": "stopped"} | unmeasured)
    assert (read.status, read.base, read.tuned) == ("stopped", None, None)


def test_an_evaluation() -> None:
    read = EvaluationResult.model_validate(EVALUATED)
    assert (read.examples, read.cost, read.cost_per_s, read.groups) == (4, 8.0, 1.5, ["a", "b"])
    assert (read.base, read.tuned) == (None, {"wer": 0.5, "cer": 0.25})
    assert read.by_group == {"wer": {"a": 0.5, "b": 0.4}, "cer": {"a": 0.2, "b": 0.3}}
    assert read.facts == {"audio_context": "full", "references_cut": 0}
    told = todays_result(EVALUATED)
    assert not told.keys() & (EVALUATED.keys() - EvaluationResult.model_fields.keys())


@pytest.mark.parametrize("earlier", [TRAINED, EVALUATED], ids=["training", "evaluation"])
def test_a_result_in_todays_form_is_left_as_it_is(earlier: dict[str, Any]) -> None:
    today = todays_result(earlier)
    assert todays_result(today) == today
    assert todays_result({"status": "succeeded", "saving": {"detector_audio_s_per_s": 400.0}, "audio_s": 3.0}) == {
        "status": "succeeded",
        "saving": {"detector_audio_s_per_s": 400.0},
        "audio_s": 3.0,
    }


@pytest.mark.parametrize(
    ("earlier", "today"),
    [
        (
            {"step": 1, "loss": 2.0, "audio_s_per_s": 9.0},
            {"step": 1, "loss": 2.0, "cost_per_s": 9.0, "cost_unit": "audio_s"},
        ),
        (
            {"split": "test", "which": "adapter", "step": 3, "wer": 0.5, "cer": 0.2, "utterances": 4, "wall_s": 1.0},
            {
                "split": "test", "which": "tuned", "step": 3, "primary": "wer", "metrics": {"wer": 0.5, "cer": 0.2},
                "examples": 4, "wall_s": 1.0,
            },
        ),
        (
            {"split": "validation", "which": "base", "step": 0, "primary": "cer", "wer": 1.0, "cer": 0.2},
            {"split": "validation", "which": "base", "step": 0, "primary": "cer", "metrics": {"wer": 1.0, "cer": 0.2}},
        ),
        ({"split": "test", "wer": 0.5}, {"split": "test", "primary": "wer", "metrics": {"wer": 0.5}}),
    ],
)  # fmt: skip
def test_a_metric_event(earlier: dict[str, Any], today: dict[str, Any]) -> None:
    assert todays_event({"kind": "metric", "key": "k", "data": earlier}) == {
        "kind": "metric",
        "key": "k",
        "data": today,
    }
    assert todays_event({"kind": "metric", "key": "k", "data": today}) == {"kind": "metric", "key": "k", "data": today}
    assert "metrics" not in earlier and "cost_per_s" not in earlier


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "log", "key": "k", "data": {"message": "wer", "split": "test", "audio_s_per_s": 1.0}},
        {"kind": "status", "data": {"phase": "training"}},
        {"kind": "metric", "data": "text"},
        {"kind": "metric"},
        {},
    ],
)
def test_other_events_are_left_as_they_are(event: dict[str, Any]) -> None:
    assert todays_event(event) == event


def test_the_counters_of_a_checkpoint() -> None:
    earlier = {"step": 5, "audio_s": 9.0, "training_s": 2.0, "best_metric": 0.4}
    today = {"step": 5, "cost": 9.0, "training_s": 2.0, "best_metric": 0.4}
    assert todays_progress(earlier) == todays_progress(today) == today
