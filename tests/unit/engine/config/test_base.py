"""Configs: every fault at once, each with its path, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.base import apply_overrides, parse, read_yaml
from engine.config.methods.lora import QloraConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError


def _faults(values: dict[str, object]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(TrainingConfig, values)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_every_fault_is_reported_at_once_also_those_between_fields() -> None:
    faults = _faults(
        {
            "method": {"type": "qlora", "rank": 0, "alpa": 3},
            "optimizer": {"type": "adamax"},
            "max_steps": 10,
            "epochs": 2,
            "seed": "x",
            "batch": {"cost": 4, "micro_batch_cost": 8},
            "evaluation": {"keep": "best"},
            "lerning_rate": 1,
        }
    )
    assert "greater than or equal to 1; found 0" in faults["method.rank"]
    assert "no such field" in faults["method.alpa"]
    assert faults["optimizer.type"].startswith("Input should be one of 'adamw', ")
    assert faults["optimizer.type"].endswith("; found 'adamax'")
    assert "found 'x'" in faults["seed"]
    assert "no such field" in faults["lerning_rate"]
    assert "found 8, more than cost 4" in faults["batch.micro_batch_cost"]
    assert faults["epochs"] == "found 2 and max_steps 10; give one of them"
    assert "set evaluation.every_steps greater than 0" in faults["evaluation.keep"]
    assert set(faults) == {
        "method.rank",
        "method.alpa",
        "optimizer.type",
        "seed",
        "lerning_rate",
        "batch.micro_batch_cost",
        "epochs",
        "evaluation.keep",
    }


def test_an_object_that_does_not_say_its_kind_is_told_which_field_says_it() -> None:
    faults = _faults({"method": {"rank": 4}, "schedule": {}})
    assert set(faults) == {"method.type", "schedule.type"}
    assert "which kind" in faults["method.type"]


def test_a_good_config_is_frozen_and_has_good_defaults() -> None:
    config = parse(TrainingConfig, {})
    assert config.method == QloraConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


def test_overrides_are_yaml_values_by_path() -> None:
    values = apply_overrides({"batch": {"cost": 8}}, ["batch.max_examples=4", "method.type=lora", "epochs=1.5"])
    assert values == {"batch": {"cost": 8, "max_examples": 4}, "method": {"type": "lora"}, "epochs": 1.5}
    with pytest.raises(ConfigError, match="an override is written path=value"):
        apply_overrides({}, ["epochs"])
    with pytest.raises(ConfigError, match="not a group of fields"):
        apply_overrides({"seed": 1}, ["seed.x=1"])


def test_a_file_that_is_no_config_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no config file at"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds list; a config is a mapping"):
        read_yaml(tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_yaml(tmp_path / "bad.yaml")
    (tmp_path / "evil.yaml").write_text("a: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_yaml(tmp_path / "evil.yaml")


def test_overrides_reach_items_of_lists_by_number() -> None:
    values = {"stages": [{"type": "a"}, {"type": "b", "names": ["x", "y"]}]}
    changed = apply_overrides(values, ["stages.1.type=c", "stages.1.names.0=z", "stages.0.new.field=1"])
    assert changed == {"stages": [{"type": "a", "new": {"field": 1}}, {"type": "c", "names": ["z", "y"]}]}
    assert values == {"stages": [{"type": "a"}, {"type": "b", "names": ["x", "y"]}]}
    with pytest.raises(ConfigError) as caught:
        apply_overrides(values, ["stages.2.type=c", "stages.last.type=c", "stages.1.names.-1=c"])
    assert [fault.message for fault in caught.value.faults] == [
        "'2' is none of the 2 items of stages, which count from 0",
        "'last' is none of the 2 items of stages, which count from 0",
        "'-1' is none of the 2 items of stages.1.names, which count from 0",
    ]
