"""Gradual unfreezing and the linear probe: what is trained, and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.families.binding import Bound, bind
from engine.methods.build import build_method
from engine.methods.gradual_unfreezing import levels_of
from tests.contract.pairs import PAIRS


def _bound(name: str, folder: Path, method: dict[str, Any]) -> Bound:
    pair = next(pair for pair in PAIRS if pair.name == name)
    model, examples = pair.write_model(folder / "model"), list(pair.examples(folder))
    fields = {"task": {"type": pair.task}, "method": method, "precision": "float32"}
    return bind(str(model), TrainingConfig.model_validate(fields), training=examples)


def _names(model: torch.nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_levels_go_from_the_head_to_the_input(tmp_path: Path) -> None:
    bound = _bound("whisper-audio_classification", tmp_path, {"type": "full"})
    model = bound.base.model.requires_grad_(True)
    bound.base.freeze_constants()
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    levels = [[name_of[id(parameter)] for parameter in level] for level in levels_of(model, bound.base.heads)]
    assert all(name.split(".")[0] in bound.base.heads for name in levels[0])
    assert all(".layers.1." in name or "layer_norm" in name for name in levels[1])
    assert any(name.endswith("encoder.layer_norm.weight") for name in levels[1])  # the norm behind the last layer
    assert all(".layers.0." in name for name in levels[2])
    assert all("conv" in name for name in levels[3])
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert sorted(name for level in levels for name in level) == sorted(trainable)  # each once


def test_a_model_of_two_towers_is_unfrozen_from_its_output(tmp_path: Path) -> None:
    bound = _bound("whisper-speech_to_text", tmp_path, {"type": "gradual_unfreezing", "every_steps": 10})
    method = build_method(bound.config.method)
    model = method.attach(bound.base, bound.reference)
    layers = []
    for step in (0, 10, 20, 30):
        method.before_step(step)
        places = {match[0] for name in _names(model) if (match := re.search(r"(encoder|decoder)\.layers\.\d", name))}
        layers.append(sorted(places))
    assert layers[0] == ["decoder.layers.1"]
    assert layers[3] == ["decoder.layers.0", "decoder.layers.1", "encoder.layers.0", "encoder.layers.1"]


def test_a_limit_leaves_the_lower_layers_as_they_are(tmp_path: Path) -> None:
    fields = {"type": "gradual_unfreezing", "every_steps": 1, "layers": 1}
    bound = _bound("whisper-audio_classification", tmp_path, fields)
    method = build_method(bound.config.method)
    model = method.attach(bound.base, bound.reference)
    ever = _names(model)
    assert not any(".layers.0." in name or "conv" in name for name in ever)
    method.before_step(1000)
    assert _names(model) == ever


def test_a_layer_that_is_not_due_has_no_gradient(tmp_path: Path) -> None:
    bound = _bound("whisper-audio_classification", tmp_path, {"type": "gradual_unfreezing", "every_steps": 2})
    method = build_method(bound.config.method)
    model = method.attach(bound.base, bound.reference)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    method.before_step(1)
    heads = _names(model)
    assert all(name.split(".")[0] in bound.base.heads for name in heads)
    due = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert heads <= due
    assert not any(".layers." in name for name in due)


def test_a_probe_trains_the_head_and_needs_one(tmp_path: Path) -> None:
    bound = _bound("whisper-audio_classification", tmp_path / "head", {"type": "linear_probe"})
    model = build_method(bound.config.method).attach(bound.base, bound.reference)
    assert {name.split(".")[0] for name in _names(model)} == set(bound.base.heads)
    none = _bound("whisper-speech_to_text", tmp_path / "none", {"type": "linear_probe"})
    with pytest.raises(ConfigError, match="trains only a head that is new for the task; .* has none for it"):
        build_method(none.config.method).attach(none.base, none.reference)
