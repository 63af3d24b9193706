"""A run, an evaluation and a selection that have finished answer for the inputs that they were made of, and no others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import EvaluationResult, evaluate
from engine.stages.finetune import finetune
from engine.stages.select import select
from tests.tiny import write_tiny_whisper

Call = Callable[..., Any]


def _training(**changed: Any) -> TrainingConfig:
    fields = {
        "max_steps": 3,
        "method": {"type": "lora", "rank": 2},
        "batch": {"cost": 6, "micro_batch_cost": 3},
        "split": {"test_groups": ["s2"], "validation_fraction": 0.0},
        "task": {"max_new_tokens": 4},
    }
    return TrainingConfig.model_validate(fields | changed)


def _notices(sink: MemorySink) -> list[str]:
    return [event.data["message"] for event in sink.events if event.data.get("level") == "notice"]


def _paths(call: Callable[[], object]) -> set[str]:
    with pytest.raises(ConfigError) as caught:
        call()
    return {fault.path for fault in caught.value.faults} - {"name"}


@pytest.fixture
def data(tones: Path, tmp_path: Path) -> Path:
    """Data that a test may change."""
    return shutil.copytree(tones, tmp_path / "data")


@pytest.fixture
def model(tiny_whisper: Path, tmp_path: Path) -> Path:
    """A model that a test may change."""
    return shutil.copytree(tiny_whisper, tmp_path / "model")


def _damp(folder: Path) -> None:
    """Other audio of the same length, under the same texts."""
    import soundfile

    path = next((folder / "audio").glob("*.wav"))
    samples, rate_hz = soundfile.read(path)
    soundfile.write(path, samples * 0.5, rate_hz, subtype="PCM_16")


def test_a_run(model: Path, data: Path, tmp_path: Path) -> None:
    def run(sink: MemorySink | None = None, **changed: Any) -> RunResult:
        return finetune(
            model=str(model),
            data=data,
            config=_training(**changed),
            store=LocalRunStore(tmp_path / "run"),
            events=sink or MemorySink(),
            work_dir=tmp_path / "work",
        )

    result = run()
    sink = MemorySink()
    assert run(sink) == result
    [notice] = _notices(sink)
    assert notice.startswith(f"This has finished already on {result.finished_at}: nothing was trained this time")
    assert not [event for event in sink.events if event.kind == "status"]
    assert _paths(lambda: run(max_steps=4)) == {"training.max_steps"}
    _damp(data)
    assert _paths(run) == {"data"}
    shutil.rmtree(model)
    write_tiny_whisper(model, seed=1)
    assert _paths(run) == {"data", "model"}


def test_an_evaluation(model: Path, data: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        finetune(
            model=str(model),
            data=data,
            config=_training(seed=seed),
            store=LocalRunStore(tmp_path / name),
            events=MemorySink(),
            work_dir=tmp_path / f"{name}-work",
        )

    def measure(sink: MemorySink | None = None, adapter: str = "one", **changed: Any) -> EvaluationResult:
        return evaluate(
            model=str(model),
            adapter=tmp_path / adapter / "adapter",
            data=data,
            training=_training(),
            measurement=MeasurementConfig.model_validate(changed),
            store=LocalRunStore(tmp_path / "evaluation"),
            events=sink or MemorySink(),
            should_stop=lambda: False,
        )

    result = measure()
    sink = MemorySink()
    assert measure(sink) == result
    assert "nothing was measured this time" in _notices(sink)[0]
    assert _paths(lambda: measure(split="all")) == {"measurement.split"}
    assert _paths(lambda: measure(adapter="two")) == {"adapter"}
    (tmp_path / "evaluation" / "result.json").unlink()  # its transcripts are still there
    assert _paths(lambda: measure(adapter="two")) == {"adapter"}
    _damp(data)
    assert _paths(measure) == {"data"}


def test_a_selection(model: Path, data: Path, tmp_path: Path) -> None:
    def choose(sink: MemorySink | None = None, **changed: Any) -> Any:
        fields = {"method": {"type": "random"}, "trim": {"type": "none"}}
        return select(
            data,
            SelectionConfig.model_validate(fields | changed),
            model=str(model),
            training=_training(),
            out=tmp_path / "selection",
            work_dir=tmp_path / "work",
            events=sink,
        )

    result = choose()
    sink = MemorySink()
    assert choose(sink) == result
    assert "nothing was selected this time" in _notices(sink)[0]
    assert _paths(lambda: choose(seed=1)) == {"selection.seed"}
    _damp(data)
    assert _paths(choose) == {"data"}
