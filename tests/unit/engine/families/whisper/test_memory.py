"""Weights that the memory model counts without the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config.methods.registry import METHODS
from engine.config.training import TrainingConfig
from engine.errors import ModelError
from engine.families.memory import rules_of, tape_of
from engine.memory.record import FLOAT32
from engine.memory.shape import BatchShape
from engine.models.reference import ModelReference
from tests.played import count, played

# The config.json of openai/whisper-large-v2, where it differs from transformers' defaults.
LARGE_V2 = {
    "model_type": "whisper",
    "d_model": 1280,
    "encoder_layers": 32,
    "decoder_layers": 32,
    "encoder_attention_heads": 20,
    "decoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "decoder_ffn_dim": 5120,
}
# 32 encoder layers have one attention, 32 decoder layers two; a rank of 32 on queries and values of width 1280.
_ADAPTERS = (32 + 2 * 32) * 2 * 32 * (1280 + 1280)


def test_whisper_large_with_adapters_on_queries_and_values() -> None:
    method = {"type": "qlora", "rank": 32, "target_modules": ["q_proj", "v_proj"]}
    tape = played(LARGE_V2, "speech_to_text", method=method)
    trained = sum(each.count for each in tape.weights if each.trains)
    assert trained == count(tape, "adapter") == _ADAPTERS == 15_728_640
    assert sum(each.count for each in tape.weights) == 1_559_033_600


def test_full_fine_tuning_trains_all_but_the_sinusoids() -> None:
    weights = played(LARGE_V2, "speech_to_text", method={"type": "full"}).weights
    total = sum(each.count for each in weights)
    assert total == 1_559_033_600 - _ADAPTERS
    assert sum(each.count for each in weights if each.trains) == total - 1500 * 1280


def test_groups_choose_adapters() -> None:
    method = {"type": "lora", "rank": 2, "groups": ["fusion"]}
    adapters = [each for each in played(LARGE_V2, "speech_to_text", method=method).weights if each.kind == "adapter"]
    assert {each.group for each in adapters} == {"fusion"}
    assert sum(each.count for each in adapters) == 32 * 4 * 2 * 2560


def test_every_method_says_what_it_trains() -> None:
    def rules(method: str) -> str:
        config = TrainingConfig.model_validate({"method": {"type": method}})
        return rules_of(config, FLOAT32).trains

    assert {name: rules(name) for name in METHODS} == {
        "qlora": "adapters",
        "lora": "adapters",
        "temporal": "adapters",
        "full": "whole",
        "pretrain": "whole",
        "linear_probe": "heads",
        "gradual_unfreezing": "whole",
    }


def test_a_model_that_is_not_here_has_the_defaults_and_a_broken_config_is_named(tmp_path: Path) -> None:
    config, batch = TrainingConfig(), BatchShape(1, 30.0, tokens=10)
    elsewhere = tape_of(ModelReference(id="tiny", source="org/elsewhere", family="whisper"), config, batch, FLOAT32)
    assert 37e6 < sum(each.count for each in elsewhere.weights) < 39e6  # whisper-tiny
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper", "d_model": "wide"}))
    broken = ModelReference(id="broken", source=str(tmp_path), family="whisper")
    with pytest.raises(ModelError, match=r"the config.json of .* has sizes that cannot be used: TypeError"):
        tape_of(broken, config, batch, FLOAT32)
