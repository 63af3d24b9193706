from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from engine.run.events import Event
from services.cli.progress import RunProgress, training_figures
from services.cli.table import result_table

METRIC = {
    "step": 120,
    "loss": 0.5321,
    "cost_per_s": 210.4,
    "cost_unit": "audio_s",
    "peak_bytes": 512_000_000,
    "eta_s": 70.0,
    "progress": 0.45,
}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_training_metric_is_told_in_one_line(console: Console) -> None:
    with RunProgress(console) as progress:
        progress.emit(Event("metric", "train/120", METRIC))
    assert told(console) == "   45%  step 120  loss 0.532  210 audio-s/s  peak 512.0 MB  1:10 left\n"
    assert progress.first_step_at is not None


def test_lines_come_now_and_then_but_the_last_step_always(console: Console) -> None:
    with RunProgress(console, line_every_s=1000.0) as progress:
        for step in range(1, 11):
            progress.show("metric", {"step": step, "loss": 1.0, "progress": step / 10})
    assert [line.split()[2] for line in told(console).splitlines()] == ["1", "10"]


def test_phases_evaluations_and_warnings_are_told(console: Console) -> None:
    with RunProgress(console) as progress:
        progress.show("status", {"status": "queued"})
        progress.show("status", {"phase": "evaluating_base"})
        progress.show("status", {"phase": "evaluating_base"})
        metrics = {"primary": "wer", "metrics": {"wer": 0.465, "cer": 0.2}}
        progress.show("metric", {"split": "test", "which": "base", "step": 0, **metrics})
        metrics = {"primary": "cer", "metrics": {"wer": 1.0, "cer": 0.091}}
        progress.show("metric", {"split": "validation", "which": "tuned", "step": 4, **metrics})
        metrics = {"primary": "of_the_future", "metrics": {"of_the_future": 31.25}}
        progress.show("metric", {"split": "test", "which": "other", "step": 4, **metrics})
        metrics = {"primary": "wer", "metrics": {"wer": None, "cer": 0.2}}
        progress.show("metric", {"split": "test", "which": "tuned", "step": 4, **metrics})
        progress.show("log", {"level": "info", "message": "nothing to see"})
        progress.show("log", {"level": "warning", "message": "the driver died [once]"})
        progress.show("new", {"unknown": 1})
    assert told(console).splitlines() == [
        "waiting in the queue",
        "evaluating the base model",
        "  base model on test: WER 46.5%",
        "  tuned model on validation: CER 9.1%",
        "  model on test: of_the_future 31.25",
        "  tuned model on test: WER not measured",
        "warning: the driver died [once]",
    ]


def test_events_of_an_earlier_release_are_shown_too(console: Console) -> None:
    with RunProgress(console) as progress:
        progress.show("metric", {"step": 3, "loss": 0.5, "audio_s_per_s": 210.4, "progress": 1.0})
        progress.show("metric", {"split": "test", "which": "adapter", "wer": 0.465, "cer": 0.2, "step": 3})
    assert told(console).splitlines() == [
        "  100%  step 3  loss 0.500  210 audio-s/s",
        "  tuned model on test: WER 46.5%",
    ]


def test_a_throughput_has_the_unit_of_the_task() -> None:
    assert "12,346 tokens/s" in training_figures(METRIC | {"cost_per_s": 12_345.6, "cost_unit": "tokens"})


def test_notices_and_warnings_are_shown_whole(console: Console) -> None:
    path = "/".join(["a-long-folder"] * 20)
    with RunProgress(console) as progress:
        progress.show("log", {"level": "notice", "message": f"The whole report: {path}"})
        progress.show("log", {"level": "warning", "message": "2 of 12 items were rejected"})
        progress.show("log", {"level": "info", "message": "checkpoint at step 5"})
    assert f"The whole report: {path}" in told(console)
    assert "warning: 2 of 12 items were rejected" in told(console)
    assert "checkpoint" not in told(console)


RESULT: dict[str, Any] = {
    "model": "whisper-pico",
    "method": "qlora",
    "steps": 800,
    "primary": "wer",
    "base": {"wer": 0.465, "cer": 0.31},
    "tuned": {"wer": 0.118, "cer": 0.07},
    "trainable_parameters": 142_848,
    "total_parameters": 2_182_896,
    "saved_bytes": 583_100,
    "peak_bytes": 998_600_000,
    "wall_s": 95.2,
    "cost_unit": "audio_s",
    "cost_per_s": 61.7,
    "train_examples": 2400,
    "train_cost": 1094.2,
    "test_examples": 500,
    "test_groups": ["theo"],
}


def shown(console: Console, **result: Any) -> str:
    console.print(result_table(RESULT | result, where="build/runs/one"))
    return told(console)


def test_a_model_that_was_trained_whole_is_called_a_model(console: Console) -> None:
    table = shown(console, method="full", saved_bytes=8_583_100)
    for text in ("WER after training", "Model", "8.6 MB", "build/runs/one"):
        assert text in table
    assert "dapter" not in table


def test_the_table_has_every_figure(console: Console) -> None:
    console.print(result_table(RESULT, where="build/demo-adapter", extra={"Whole demo": "2:31"}))
    for text in (
        "2,400 examples, 18:14 of audio",
        "500 examples of theo",
        "46.5%",
        "11.8%",
        "142,848 of 2,182,896 (6.5%)",
        "583.1 kB",
        "998.6 MB",
        "1:35",
        "61.7 audio-s/s",
        "2:31",
        "build/demo-adapter",
    ):
        assert text in told(console)


def test_the_table_shows_characters_where_words_have_no_blanks(console: Console) -> None:
    table = shown(console, primary="cer", base={"wer": 1.0, "cer": 0.42}, tuned={"wer": 0.9, "cer": 0.091})
    assert "CER of the base model" in table
    assert "42.0%" in table
    assert "CER with the adapter" in table
    assert "9.1%" in table
    assert "WER" not in table


def test_what_was_not_measured_has_no_row(console: Console) -> None:
    table = shown(console, base=None)
    assert "WER of the base model" not in table
    assert "11.8%" in table


def test_the_table_has_a_row_for_each_fact(console: Console) -> None:
    facts = {"audio_context": "short", "base_audio_context": "full", "language": "sw", "references_cut": 3}
    rows = [line.strip(" │┃|").split() for line in shown(console, facts=facts).splitlines()]
    for row in ("Audio context │ short", "Base audio context │ full", "Language │ sw", "References cut │ 3"):
        assert row.split() in rows


def test_the_table_counts_what_was_left_out(console: Console) -> None:
    assert "1,234 that the model cannot take" in shown(console, left_out_count=1234)


def test_other_tasks_have_other_units(console: Console) -> None:
    table = shown(console, cost_unit="tokens", cost_per_s=12_345.6, train_cost=67_890.0)
    assert "2,400 examples, 67,890 tokens" in table
    assert "12,346 tokens/s" in table
