from __future__ import annotations

import pytest

from engine.config.augmentation import AugmentationConfig, finetuning, pretraining
from engine.config.base import parse
from engine.errors import ConfigError


def test_everything_is_off_by_default() -> None:
    values = AugmentationConfig().model_dump()
    assert all(value == 0 for name, value in values.items() if name.endswith("_probability"))
    assert values["mask_frequencies"] == values["mask_times"] == 0


def test_presets_go_through_yaml_values_and_back() -> None:
    for preset in (pretraining(), finetuning()):
        assert parse(AugmentationConfig, preset.model_dump(mode="json")) == preset
        assert preset != AugmentationConfig()


def test_every_field_is_described() -> None:
    assert all(field.description for field in AugmentationConfig.model_fields.values())


def test_all_faults_are_reported_at_once() -> None:
    values = {
        "speed_probability": 1.5,
        "speed_factor": [1.1, 0.9],
        "reverb_decay_s": [0.0, 0.4],
        "silence_s": [-0.1, 0.4],
        "level_cut_db": [-20.0, 0.0],
        "noise_kinds": [],
        "noize": 1,
    }
    with pytest.raises(ConfigError) as caught:
        parse(AugmentationConfig, values)
    message = str(caught.value)
    assert "speed_probability: Input should be less than or equal to 1; found 1.5" in message
    assert "speed_factor: the first bound must not exceed the second; found [1.1, 0.9]" in message
    assert "reverb_decay_s.0: Input should be greater than 0" in message
    assert "silence_s.0: Input should be greater than or equal to 0" in message
    assert "level_cut_db: both bounds must be below 0" in message
    assert "noise_kinds" in message and "noize: no such field" in message
