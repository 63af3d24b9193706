"""The schema of a selection."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.base import parse, read_yaml
from engine.config.selection import AutoMethodConfig, CowerageConfig, SelectionConfig
from engine.errors import ConfigError


def test_defaults_are_the_method_and_half_of_the_audio() -> None:
    config = parse(SelectionConfig, {})
    assert config.method == AutoMethodConfig()
    assert config.budget.type == "share"
    assert parse(SelectionConfig, {"method": {"type": "cowerage"}}).method == CowerageConfig()


def test_every_fault_is_reported_at_once_with_its_path() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(
            SelectionConfig,
            {
                "activity": {"threshold": 0.3, "end_threshold": 0.6},
                "trim": {"type": "none"},
                "pack": {"type": "join", "target_s": 20, "within": "dataset"},
                "budget": {"type": "share", "fraction": 0},
                "method": {"type": "trim_pack_only"},
                "warm_up": {"steps": 3},
                "seed": -1,
            },
        )
    faults = {fault.path: fault.message for fault in caught.value.faults}
    assert "above threshold 0.3" in faults["activity.end_threshold"]
    assert "found 'dataset'" in faults["pack.within"]
    assert "greater than 0" in faults["budget.fraction"]
    assert "no such field" in faults["warm_up.steps"]
    assert "greater than or equal to 0" in faults["seed"]


def test_fields_that_do_not_go_together_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(
            SelectionConfig,
            {
                "cut": {"longest_s": 10},
                "pack": {"type": "join", "target_s": 20},
                "warm_up": {"data_share": 0.95},
                "method": {"type": "quantization_aware", "held_out_share": 0.2},
            },
        )
    faults = {fault.path: fault.message for fault in caught.value.faults}
    assert set(faults) == {"pack.target_s", "method.held_out_share"}
    assert faults["pack.target_s"] == "found 20, above cut.longest_s 10; no segment is longer"
    with pytest.raises(ConfigError, match="trim_pack_only with neither trim nor pack is random"):
        parse(SelectionConfig, {"trim": {"type": "none"}, "method": {"type": "trim_pack_only"}})


def test_there_is_no_method_of_another_name() -> None:
    with pytest.raises(ConfigError, match="quantization_aware"):
        parse(SelectionConfig, {"method": {"type": "best"}})


@pytest.mark.parametrize("path", sorted(Path("configs/selection").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_selection_is_valid(path: Path) -> None:
    assert parse(SelectionConfig, read_yaml(path)).method.type == path.stem.replace("-", "_")
