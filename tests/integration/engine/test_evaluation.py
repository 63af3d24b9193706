"""An evaluation gives the figures that the training gave, goes on where it was stopped, and says what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.measurement import MeasurementConfig
from engine.config.methods.whole import FullConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.errors import ConfigError, StoppedError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.evaluate import PREDICTIONS, EvaluationResult, evaluate
from engine.stages.finetune import finetune

TRAINING = TrainingConfig.model_validate(
    {
        "max_steps": 12,
        "method": {"type": "qlora", "rank": 4},
        "optimizer": {"type": "adamw", "learning_rate": 5e-3},
        "batch": {"cost": 6, "micro_batch_cost": 3},
        "split": {"test_groups": ["s2"], "validation_fraction": 0.0},
        "task": {"max_new_tokens": 4},
    }
)


@pytest.fixture(scope="module")
def run(tiny_whisper: Path, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A run that trained an adapter."""
    folder = tmp_path_factory.mktemp("trained")
    result = finetune(
        model=str(tiny_whisper),
        data=tones,
        config=TRAINING,
        store=LocalRunStore(folder / "run"),
        events=MemorySink(),
        work_dir=folder / "work",
    )
    return folder / "run", result


@pytest.fixture
def measured(
    run: tuple[Path, RunResult], tiny_whisper: Path, tones: Path, tmp_path: Path
) -> Callable[..., EvaluationResult]:
    """Measures that run."""

    def measure(
        should_stop: Callable[[], bool] = lambda: False,
        sink: MemorySink | None = None,
        training: TrainingConfig = TRAINING,
        **measurement: object,
    ) -> EvaluationResult:
        return evaluate(
            model=str(tiny_whisper),
            adapter=run[0] / "adapter",
            data=tones,
            training=training,
            measurement=MeasurementConfig.model_validate(measurement),
            store=LocalRunStore(tmp_path / "evaluation"),
            events=sink or MemorySink(),
            should_stop=should_stop,
        )

    return measure


def _audio_s(data: Path, speaker: str) -> float:
    return sum(u.input.duration_s for u in read_manifest(data / "manifest.jsonl") if u.group == speaker)


def test_it_measures_what_the_training_measured(
    run: tuple[Path, RunResult], measured: Callable[..., EvaluationResult], tones: Path, tmp_path: Path
) -> None:
    folder, trained = run
    sink = MemorySink()
    result = measured(sink=sink)
    assert (result.task, result.primary) == (trained.task, trained.primary) == ("speech_to_text", "wer")
    assert result.base is not None and result.tuned is not None
    assert result.base.keys() == result.tuned.keys() == {"wer", "cer"}
    assert (result.base, result.tuned) == (trained.base, trained.tuned)
    assert result.base["wer"] != result.tuned["wer"], "training changed nothing: the test would not see a lost adapter"
    contexts = {"audio_context": "short", "base_audio_context": "short"}
    assert result.facts == trained.facts == contexts | {"references_cut": 4}, "three has five letters"
    assert (result.examples, result.groups) == (trained.test_examples, ["s2"])
    assert result.by_group == {name: {"s2": value} for name, value in result.tuned.items()}
    told = {event.data["which"]: event.data for event in sink.events if "metrics" in event.data}
    assert {which: data["metrics"] for which, data in told.items()} == {"base": result.base, "tuned": result.tuned}
    assert {(data["primary"], data["examples"]) for data in told.values()} == {("wer", result.examples)}
    assert (result.cost_unit, result.cost) == ("audio_s", pytest.approx(_audio_s(tones, "s2")))
    rows = [json.loads(line) for line in (tmp_path / "evaluation" / PREDICTIONS).read_text().splitlines()]
    before = [json.loads(line) for line in (folder / PREDICTIONS).read_text().splitlines()]
    assert {row["id"]: row["hypothesis"] for row in rows} == {row["id"]: row["hypothesis"] for row in before}
    assert [event.data["progress"] for event in sink.events if "progress" in event.data][-1] == 1.0


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_is_measured_in_its_own_context_whatever_that_of_the_run(
    tiny_whisper: Path, tones: Path, tmp_path: Path, method: str
) -> None:
    def trained(context: str) -> RunResult:
        fields = {"method": {"type": method}, "context": {"type": context}, "max_steps": 1}
        return finetune(
            model=str(tiny_whisper),
            data=tones,
            config=TRAINING.model_validate(TRAINING.model_dump() | fields),
            store=LocalRunStore(tmp_path / context),
            events=MemorySink(),
            work_dir=tmp_path / f"{context}-work",
        )

    short, full = trained("auto"), trained("full")
    for result, context in ((short, "short"), (full, "full")):
        assert (result.facts["audio_context"], result.facts["base_audio_context"]) == (context, "short")
    assert full.base == short.base is not None
    assert full.tuned is not None and short.tuned is not None
    assert full.tuned["cer"] != short.tuned["cer"], "the contexts are alike: the test would not see the wrong one"


def test_all_of_other_data(measured: Callable[..., EvaluationResult]) -> None:
    result = measured(split="all", base=False)
    assert (result.base, result.examples, result.groups) == (None, 72, ["s0", "s1", "s2"])
    assert "base_audio_context" not in result.facts
    assert {name: values.keys() for name, values in result.by_group.items()} == {
        "wer": {"s0", "s1", "s2"},
        "cer": {"s0", "s1", "s2"},
    }


def test_it_goes_on_where_it_was_stopped(measured: Callable[..., EvaluationResult], tmp_path: Path) -> None:
    asked = iter([False, False, False, True])
    with pytest.raises(StoppedError, match="21 of 48"):
        measured(should_stop=lambda: next(asked), chunk_examples=7)
    parts = tmp_path / "evaluation" / "parts"
    kept = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert len(kept) == 3
    (parts / "tuned-000001.json").write_text('{"of": "something else"}')  # is not believed
    result = measured(chunk_examples=7)
    now = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert len(now) == 8
    assert {name for name in kept if now[name] == kept[name]} == {"tuned-000000.json", "tuned-000002.json"}
    assert result == measured(chunk_examples=7).model_copy(
        update={name: getattr(result, name) for name in ("wall_s", "peak_bytes", "cost_per_s")}
    )


def test_a_model_that_was_trained_whole_is_measured_beside_what_it_began_from(
    tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    training = TRAINING.model_copy(update={"method": FullConfig()})
    trained = finetune(
        model=str(tiny_whisper),
        data=tones,
        config=training,
        store=LocalRunStore(tmp_path / "run"),
        events=MemorySink(),
        work_dir=tmp_path / "work",
    )
    result = evaluate(
        model=str(tmp_path / "run" / "model"),
        adapter=None,
        data=tones,
        training=training,
        measurement=MeasurementConfig(),
        store=LocalRunStore(tmp_path / "evaluation"),
        events=MemorySink(),
        should_stop=lambda: False,
        base_model=str(tiny_whisper),
    )
    assert (result.base, result.tuned) == (trained.base, trained.tuned)
    assert result.base is not None and result.tuned is not None
    assert result.base["wer"] != result.tuned["wer"]
    without = evaluate(
        model=str(tmp_path / "run" / "model"),
        adapter=None,
        data=tones,
        training=training,
        measurement=MeasurementConfig(base=False),
        store=LocalRunStore(tmp_path / "without"),
        events=MemorySink(),
        should_stop=lambda: False,
        base_model=str(tiny_whisper),
    )
    assert (without.base, without.tuned) == (None, trained.tuned)


def test_nothing_to_measure_on(measured: Callable[..., EvaluationResult]) -> None:
    with pytest.raises(ConfigError, match="validation has none of the 72 examples; name another split, or all"):
        measured(split="validation")
