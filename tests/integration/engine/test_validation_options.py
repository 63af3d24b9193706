"""Options that decide by validation utterances, where there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config.base import parse, read_yaml
from engine.config.training import TrainingConfig
from engine.data.example import Labels
from engine.data.manifest import read_examples, write_manifest
from engine.errors import ConfigError, TrainingError
from engine.recipes.whisper_pico.pretrain import PretrainRecipe
from tests.contract.pairs import PAIRS
from tests.contract.scenes import Scene
from tests.integration.engine.option_runs import train

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
NONE = {"validation_fraction": 0.0}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("evaluation.keep", {"evaluation": {"every_steps": 1, "keep": "best"}}),
        ("evaluation.early_stopping_patience", {"evaluation": {"every_steps": 1, "early_stopping_patience": 1}}),
        ("schedule.type", {"evaluation": {"every_steps": 1}, "schedule": {"type": "plateau"}}),
    ],
)
def test_deciding_without_validation_utterances_is_refused(
    field: str, fields: dict[str, Any], tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(tiny_whisper, tones, tmp_path, fields | {"split": NONE})
    assert [fault.path for fault in caught.value.faults] == [f"training.{field}"]
    assert "the data leave no examples for validation (split.validation_fraction is 0" in str(caught.value)
    assert "set split.validation_fraction greater than 0, or name split.validation_groups" in str(caught.value)


def test_measuring_without_validation_utterances_is_said(tiny_whisper: Path, tones: Path, tmp_path: Path) -> None:
    trained = train(tiny_whisper, tones, tmp_path / "none", {"evaluation": {"every_steps": 1}, "split": NONE})
    assert any("nothing is measured every 1 steps" in warning for warning in trained.warnings)
    some = train(tiny_whisper, tones, tmp_path / "some", {"evaluation": {"every_steps": 1}})
    assert not any("nothing is measured" in warning for warning in some.warnings)
    assert any(event.key == "evaluation/validation/tuned/1" for event in some.sink.events)


def test_validating_where_the_metric_is_undefined_ends_with_the_reason(tmp_path: Path) -> None:
    pair = next(pair for pair in PAIRS if pair.name == "whisper-audio_classification-several_labels")
    data = pair.write_data(tmp_path / "data")
    examples = read_examples(data / "manifest.jsonl")
    bare = [replace(each, target=Labels(())) if each.group == "bob" else each for each in examples]
    write_manifest(data / "manifest.jsonl", bare)
    scene = Scene(pair, pair.write_model(tmp_path / "model"), data)
    split = {"test_groups": ["eve"], "validation_groups": ["bob"]}
    with pytest.raises(TrainingError, match="mean_average_precision cannot be measured on the 6 validation examples"):
        scene.finetune(tmp_path / "run", split=split, evaluation={"every_steps": 1})


def _shipped() -> list[Path]:
    return sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent.name not in {"models", "devices"})


@pytest.mark.parametrize("path", _shipped(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_config_that_decides_by_validation_has_validation_utterances(path: Path) -> None:
    values = read_yaml(path)
    if path.parent.name == "pretrain":
        recipe = parse(PretrainRecipe, values)
        measured = [stage for stage in recipe.stages if stage.training.evaluation.every_steps]
        assert measured
        for stage in measured:
            assert any(recipe.corpora[name].validation for name in stage.corpora), stage.name
        return
    fields = values if path.parent.name == "training" else values.get("training", values.get("config", {}))
    training = parse(TrainingConfig, fields)
    split = training.split
    assert not training.evaluation.every_steps or split.validation_fraction > 0 or split.validation_groups
