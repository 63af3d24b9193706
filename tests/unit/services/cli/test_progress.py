from __future__ import annotations

import io

import pytest
from rich.console import Console

from engine.run.events import Event
from services.cli.progress import RunProgress, duration, size
from services.cli.table import result_table

METRIC = {
    "step": 120,
    "loss": 0.5321,
    "audio_s_per_s": 210.4,
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
        progress.show("metric", {"split": "test", "which": "base", "wer": 0.465, "step": 0})
        progress.show(
            "metric", {"split": "test", "which": "base", "primary": "cer", "wer": 1.0, "cer": 0.091, "step": 0}
        )
        progress.show("log", {"level": "info", "message": "nothing to see"})
        progress.show("log", {"level": "warning", "message": "the driver died [once]"})
        progress.show("new", {"unknown": 1})
    assert told(console).splitlines() == [
        "waiting in the queue",
        "evaluating the base model",
        "  base model on test: WER 46.5%",
        "  base model on test: CER 9.1%",
        "warning: the driver died [once]",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (69.6, "1:10"), (3723, "1:02:03")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (583_100, "583.1 kB"), (2_140_000_000, "2.1 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_notices_and_warnings_are_shown_whole(console: Console) -> None:
    path = "/".join(["a-long-folder"] * 20)
    with RunProgress(console) as progress:
        progress.show("log", {"level": "notice", "message": f"The whole report: {path}"})
        progress.show("log", {"level": "warning", "message": "2 of 12 items were rejected"})
        progress.show("log", {"level": "info", "message": "checkpoint at step 5"})
    assert f"The whole report: {path}" in told(console)
    assert "warning: 2 of 12 items were rejected" in told(console)
    assert "checkpoint" not in told(console)


def test_a_model_that_was_trained_whole_is_called_a_model(console: Console) -> None:
    result = {
        "model": "whisper-pico",
        "method": "full",
        "steps": 8,
        "base_wer": 0.465,
        "adapter_wer": 0.118,
        "trainable_parameters": 2_182_896,
        "total_parameters": 2_182_896,
        "adapter_bytes": 8_583_100,
        "peak_bytes": 998_600_000,
        "wall_s": 95.2,
        "audio_s_per_s": 61.7,
    }
    console.print(result_table(result, where="build/runs/one/model"))
    for text in ("WER after training", "Model", "8.6 MB", "build/runs/one/model"):
        assert text in told(console)
    assert "dapter" not in told(console)


def test_the_table_has_every_figure(console: Console) -> None:
    result = {
        "model": "whisper-pico",
        "method": "qlora",
        "steps": 800,
        "base_wer": 0.465,
        "adapter_wer": 0.118,
        "trainable_parameters": 142_848,
        "total_parameters": 2_182_896,
        "adapter_bytes": 583_100,
        "peak_bytes": 998_600_000,
        "wall_s": 95.2,
        "audio_s_per_s": 61.7,
        "train_utterances": 2400,
        "train_audio_s": 1094.2,
        "test_utterances": 500,
        "test_speakers": ["theo"],
    }
    console.print(result_table(result, where="build/demo-adapter", extra={"Whole demo": "2:31"}))
    for text in (
        "2,400 utterances, 18:14",
        "500 utterances of theo",
        "46.5%",
        "11.8%",
        "142,848 of 2,182,896 (6.5%)",
        "583.1 kB",
        "998.6 MB",
        "1:35",
        "62 audio-seconds per second",
        "2:31",
        "build/demo-adapter",
    ):
        assert text in told(console)


def test_the_table_shows_characters_where_words_have_no_blanks(console: Console) -> None:
    figures = {"primary": "cer", "base_wer": 1.0, "base_cer": 0.42, "adapter_wer": 0.9, "adapter_cer": 0.091}
    sizes = {"trainable_parameters": 1, "total_parameters": 2, "adapter_bytes": 1, "peak_bytes": 1, "wall_s": 1.0}
    result = {"model": "whisper-pico", "method": "qlora", "steps": 1, "audio_s_per_s": 1.0, **figures, **sizes}
    console.print(result_table(result, where="out"))
    shown = told(console)
    assert "CER of the base model" in shown
    assert "42.0%" in shown
    assert "CER with the adapter" in shown
    assert "9.1%" in shown
    assert "WER" not in shown


def test_the_table_names_both_contexts_where_they_differ(console: Console) -> None:
    sizes = {"trainable_parameters": 1, "total_parameters": 2, "adapter_bytes": 1, "peak_bytes": 1, "wall_s": 1.0}
    result = {"model": "tiny.en", "method": "qlora", "steps": 1, "audio_s_per_s": 1.0, "context": "short", **sizes}
    console.print(result_table(result | {"base_context": "short"}, where="out"))
    assert "context of the base" not in told(console)
    console.print(result_table(result | {"base_context": "full"}, where="out"))
    assert "full: the model's whole window, as its publisher trained it" in told(console)
