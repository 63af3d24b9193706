"""The selection stage from a dataset to a run that trains on it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.config.selection import QuantizationAwareConfig, SelectionConfig
from engine.config.training import TrainingConfig
from engine.data.example import make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.errors import ConfigError, SelectionError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.selection.manifest import read_selected, read_selection
from engine.selection.methods import METHODS
from engine.selection.pool import dry_run, encoder_s
from engine.selection.result import SelectionResult
from engine.stages.finetune import finetune
from engine.stages.ingest import ingest
from engine.stages.select import assign_roles, select

DEMO = Path("engine/data/bundled/demo-speech")


def _training(**fields: object) -> TrainingConfig:
    told: dict[str, object] = {
        "max_steps": 20,
        "method": {"type": "qlora", "rank": 2},
        "split": {"test_groups": ["s0"], "validation_fraction": 0.0},
        "task": {"max_new_tokens": 5},
        "context": {"type": "short", "bucket_s": 0.25, "tail_s": 0.1},
        "batch": {"cost": 6, "micro_batch_cost": 6},
    }
    return TrainingConfig.model_validate(told | fields)


def _select(
    data: Path,
    folder: Path,
    model: str | Path,
    training: TrainingConfig | None = None,
    events: MemorySink | None = None,
    **config: object,
) -> SelectionResult:
    return select(
        data,
        SelectionConfig.model_validate(config),
        model=str(model),
        training=training or _training(),
        out=folder / "selection",
        work_dir=folder / "work",
        events=events,
    )


def _finetune(data: Path, folder: Path, model: Path, selection: Path | None, **fields: object) -> RunResult:
    return finetune(
        model=str(model),
        data=data,
        config=_training(max_steps=3, **fields),
        store=LocalRunStore(folder / "store"),
        events=MemorySink(),
        work_dir=folder / "scratch",
        selection=selection,
    )


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled recordings of four voices, three takes of each digit, as a dataset version."""
    folder = tmp_path_factory.mktemp("speech")
    for voice in ("amara", "bruno", "chae", "denny"):
        for take in range(3):
            for file in sorted((DEMO / voice).glob(f"*_{take:02d}.flac")):
                word, number = file.stem.rsplit("_", 1)
                shutil.copyfile(file, folder / f"{word}_{voice}_{number}.flac")
    ingest(folder, folder / "data")
    return folder / "data"


def test_the_method_from_recordings_to_an_adapter(speech: Path, tmp_path: Path) -> None:
    training = TrainingConfig.model_validate(
        {"max_steps": 160, "split": {"test_groups": ["amara"], "validation_fraction": 0.0}}
    )
    events = MemorySink()
    method = {"type": "quantization_aware", "held_out_share": 0.3, "least_held_out": 20, "bootstrap_draws": 200}
    result = _select(speech, tmp_path, "whisper-pico", training, events, method=method)

    figures = result.figures
    assert (figures.utterances, figures.candidates) == (90, 90)
    assert figures.budget_encoder_s == pytest.approx(0.5 * figures.utterances_encoder_s)
    assert 0.8 * figures.budget_encoder_s < figures.selected_encoder_s <= figures.budget_encoder_s
    assert result.measured.warm_up_steps == 8
    assert result.decision is not None
    assert result.decision.held_out == 27
    assert result.decision.lambda_q == (1.0 if result.decision.enabled else 0.0)
    assert result.saving is not None
    logged = {event.key: event.data for event in events.events if event.kind == "log"}
    assert logged["selection/decision"]["low"] == result.decision.low
    assert "it pays from" in logged["selection/saving"]["message"]
    # Nothing that the warm-up says can be taken for a metric of the run.
    assert {event.kind for event in events.events} == {"status", "log", "artifact"}
    assert logged["selection/warm_up/train/8"]["message"].startswith("warm_up: step 8 of 8, loss ")
    kept = {event.data["name"] for event in events.events if event.kind == "artifact"}
    assert kept == {"selection/segments.parquet", "selection/selection.json"}

    choices, _ = read_selection(tmp_path / "selection")
    assert {c.candidate.segment.speaker for c in choices} == {"bruno", "chae", "denny"}
    roles = [c.candidate.role for c in choices]
    assert (roles.count("warm_up"), roles.count("held_out")) == (9, 27)
    # The bundled model knows digits: its loss is low, and the warm-up lowers that of what it trains on further.
    before = [c.candidate.nll_before for c in choices if c.candidate.nll_before is not None]
    assert len(before) == 90
    assert sum(before) / 90 < 2.0
    assert sum(c.candidate.rho or 0.0 for c in choices if c.candidate.role == "warm_up") > 0
    assert all(c.candidate.disagreement is not None and 0 < c.candidate.disagreement < 0.7 for c in choices)

    again = _select(speech, tmp_path, "whisper-pico", training, method=method)
    assert again == result


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_runs_to_a_selection_that_trains(
    name: str, tones: Path, tiny_whisper: Path, tmp_path: Path
) -> None:
    trim = {"type": "speech" if name == "trim_pack_only" else "none"}
    pack = {"type": "join", "target_s": 2.0} if name == "trim_pack_only" else {"type": "none"}
    result = _select(tones, tmp_path, tiny_whisper, method={"type": name}, trim=trim, pack=pack)
    selected = read_selected(tmp_path / "selection")
    assert result.figures.selected == len(selected) > 3
    assert {u.group for u in selected} == {"s1", "s2"}
    budget = result.figures.candidates_encoder_s if name == "full" else result.figures.budget_encoder_s
    assert encoder_s([u.input.duration_s for u in selected], _training(), 30.0) <= budget + 1e-6
    run = _finetune(tones, tmp_path, tiny_whisper, tmp_path / "selection")
    assert run.train_examples == len(selected)
    assert run.train_cost == pytest.approx(result.figures.selected_audio_s)


def test_the_order_of_the_manifest_changes_no_byte(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "audio").symlink_to(tones / "audio")
    utterances = read_manifest(tones / "manifest.jsonl")
    random.Random(0).shuffle(utterances)
    write_manifest(mixed / "manifest.jsonl", utterances)
    config = {"method": {"type": "quantization_aware", "least_held_out": 10, "held_out_share": 0.3}}
    files = []
    for name, data in (("one", tones), ("other", mixed)):
        _select(data, tmp_path / name, tiny_whisper, **config)
        files.append((tmp_path / name / "selection" / "segments.parquet").read_bytes())
    assert files[0] == files[1]


def test_a_killed_selection_goes_on_from_its_warm_up(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    config: dict[str, Any] = {"method": {"type": "reducible_loss"}}
    _select(tones, tmp_path, tiny_whisper, **config)
    first = (tmp_path / "selection" / "segments.parquet").read_bytes()
    shutil.rmtree(tmp_path / "selection")
    events = MemorySink()
    _select(tones, tmp_path, tiny_whisper, events=events, **config)
    assert (tmp_path / "selection" / "segments.parquet").read_bytes() == first
    assert any("resumed from the checkpoint" in str(event.data.get("message")) for event in events.events)


def test_a_selection_belongs_to_its_dataset_and_its_split(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    _select(tones, tmp_path, tiny_whisper, method={"type": "reducible_loss"})
    selection = tmp_path / "selection"
    other = tmp_path / "other"
    shutil.copytree(tones, other)
    with (other / "manifest.jsonl").open("a") as manifest:
        manifest.write("\n")
    with pytest.raises(SelectionError, match="was made from another dataset"):
        _finetune(other, tmp_path / "run", tiny_whisper, selection)

    events = MemorySink()
    run = finetune(
        model=str(tiny_whisper),
        data=tones,
        config=_training(max_steps=2, split={"test_groups": ["s1"], "validation_fraction": 0.0}),
        store=LocalRunStore(tmp_path / "store"),
        events=events,
        work_dir=tmp_path / "scratch",
        selection=selection,
    )
    left = [u for u in read_selected(selection) if u.group != "s1"]
    assert run.train_examples == len(left) < len(read_selected(selection))
    assert any("hold audio that this run tests on and were left out" in str(e.data) for e in events.events)
    splits = json.loads((tmp_path / "store" / "splits.json").read_text())
    assert not set(splits["train"]) & set(splits["test"])


def test_a_run_does_not_go_on_with_another_selection(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        _select(tones, tmp_path / str(seed), tiny_whisper, method={"type": "random"}, seed=seed, trim={"type": "none"})
    run = {"checkpoint": {"every_steps": 1}}
    _finetune(tones, tmp_path, tiny_whisper, tmp_path / "0" / "selection", **run)
    (tmp_path / "store" / "result.json").unlink()
    with pytest.raises(
        Exception, match=r"selection: found other contents \(segments.parquet\) than in the unfinished work"
    ):
        _finetune(tones, tmp_path, tiny_whisper, tmp_path / "1" / "selection", **run)


def test_what_cannot_be_trained_on_is_named_and_left_out(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tones, data)
    utterances = read_manifest(data / "manifest.jsonl")
    at_s = next(u.input.start_s for u in utterances if u.group == "s1")
    utterances.append(make_utterance("wordy", "audio/00000.wav", at_s, 1.0, "seven " * 40, "s1"))
    write_manifest(data / "manifest.jsonl", utterances)
    result = _select(data, tmp_path, tiny_whisper, method={"type": "random"})
    assert result.figures.left_out_by_fault == {"text_too_long": 1}
    assert result.warnings == [
        "text_too_long: 1 segments left out, its text has more tokens than the model takes: cut it, or give times to cut "
        "it by (wordy)"
    ]
    _, left_out = read_selection(tmp_path / "selection")
    assert [s.id for s in left_out] == ["wordy"]


@pytest.mark.parametrize(
    ("method", "chosen"),
    [("qlora", "quantization_aware"), ("lora", "reducible_loss"), ("full", "duration_stratified")],
)
def test_the_defaults_select_for_every_method(
    method: str, chosen: str, tones: Path, tiny_whisper: Path, tmp_path: Path
) -> None:
    result = _select(tones, tmp_path, tiny_whisper, _training(method={"type": method}))
    assert result.config.method.type == chosen
    run = _finetune(tones, tmp_path, tiny_whisper, tmp_path / "selection", method={"type": method})
    assert run.train_examples == result.figures.selected > 0


def test_the_disagreement_needs_a_quantised_base(tones: Path, tiny_whisper: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="found disagreement, which scores a quantised base, and a training with lora"
    ):
        _select(tones, tmp_path, tiny_whisper, _training(method={"type": "lora"}), method={"type": "disagreement"})
    with pytest.raises(ConfigError, match="found el2n, which scores after a short training of an adapter"):
        _select(tones, tmp_path, tiny_whisper, _training(method={"type": "full"}), method={"type": "el2n"})


def test_roles_are_disjoint_and_random() -> None:
    ids = [f"s{i}" for i in range(200)]
    method = QuantizationAwareConfig()
    roles = assign_roles(ids, SelectionConfig(method=method))
    counts = {role: list(roles.values()).count(role) for role in set(roles.values())}
    assert counts == {"pool": 160, "warm_up": 20, "held_out": 20}
    assert assign_roles(ids[::-1], SelectionConfig(method=method)) == roles
    assert assign_roles(ids, SelectionConfig(method=method, seed=1)) != roles


def test_a_dry_run_predicts_from_the_manifest_alone(tones: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_bytes((tones / "manifest.jsonl").read_bytes())  # and no audio
    training = _training(max_steps=None, epochs=10.0)
    saving = dry_run(tmp_path, SelectionConfig(), training, encoder_s_per_s=40.0, trained_context="short")
    pool = [u.input.duration_s for u in read_manifest(tmp_path / "manifest.jsonl") if u.group != "s0"]
    assert saving.pool_encoder_s == pytest.approx(encoder_s(pool, training, 30.0))
    assert saving.epochs == pytest.approx(10.0, rel=0.05)
    assert saving.selected_encoder_s == pytest.approx(0.5 * saving.pool_encoder_s)
    assert saving.break_even_epochs is not None
    assert saving.break_even_epochs > 2.0
    assert encoder_s([70.1], training, 30.0) == pytest.approx(60 + 10.25)
    whole = dry_run(
        tmp_path,
        SelectionConfig.model_validate({"method": {"type": "full"}, "trim": {"type": "none"}}),
        training,
        encoder_s_per_s=40.0,
        trained_context="short",
    )
    # A config that leaves the context to the model: whole windows of 30 s, for one that was trained in them.
    auto = TrainingConfig.model_validate(training.model_dump() | {"context": {"type": "auto"}})
    unasked = dry_run(tmp_path, SelectionConfig(), auto, encoder_s_per_s=40.0, trained_context="full")
    assert unasked.pool_encoder_s == pytest.approx(30.0 * len(pool))
    assert whole.saved_s == 0.0
