"""What each field of LoRA does to the weights and to what comes out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.adapters import lora
from engine.config.methods.lora import LoraConfig
from engine.models.reference import ModelReference
from tests.whisper import load_whisper

LAYER = "model.encoder.layers.0.fc1"

TINY = ModelReference(id="tiny", source="tiny", family="whisper")


def _attached(model: Path, **fields: Any) -> tuple[Any, Any]:
    speech = load_whisper(str(model))
    lora.attach(speech, LoraConfig(**fields), TINY)
    layer: Any = speech.model.get_submodule(LAYER)
    with torch.no_grad():
        layer.lora_B["default"].weight.normal_(generator=torch.Generator().manual_seed(0))
    return speech, layer


@pytest.mark.parametrize("rank", [2, 16])
def test_the_rank_is_that_of_the_update(tiny_whisper: Path, rank: int) -> None:
    _, layer = _attached(tiny_whisper, rank=rank)
    assert layer.lora_A["default"].weight.shape == (rank, 64)
    assert int(torch.linalg.matrix_rank(layer.get_delta_weight("default"))) == rank


@pytest.mark.parametrize(
    ("fields", "scale"),
    [
        ({"rank": 4, "alpha": 8.0}, 8 / 4),
        ({"rank": 4, "alpha": 2.0}, 2 / 4),
        ({"rank": 16, "alpha": 8.0}, 8 / 16),
        ({"rank": 16, "alpha": 8.0, "rslora": True}, 8 / math.sqrt(16)),
        ({"rank": 4, "alpha": 8.0, "rslora": True}, 8 / math.sqrt(4)),
    ],
)
def test_the_update_is_scaled(tiny_whisper: Path, fields: dict[str, Any], scale: float) -> None:
    _, layer = _attached(tiny_whisper, **fields)
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.testing.assert_close(layer.get_delta_weight("default"), scale * up @ down)
    input_BD = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    added_BD = layer(input_BD) - layer.base_layer(input_BD)
    torch.testing.assert_close(added_BD, scale * input_BD @ down.T @ up.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dropout", "kept"), [(0.0, 1.0), (0.25, 0.75), (0.9, 0.1)])
def test_dropout_takes_its_share_of_the_adapter_s_input_while_training(
    tiny_whisper: Path, dropout: float, kept: float
) -> None:
    _, layer = _attached(tiny_whisper, rank=4, dropout=dropout)
    seen: list[torch.Tensor] = []
    layer.lora_A["default"].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    torch.manual_seed(0)
    for is_training in (True, False):
        layer.train(is_training)
        layer(torch.ones(500, 64))
    training_BD, evaluation_BD = seen
    assert float((training_BD != 0).float().mean()) == pytest.approx(kept, abs=0.02)
    assert float(training_BD.max()) == pytest.approx(1 / kept, rel=1e-4)
    assert torch.equal(evaluation_BD, torch.ones(500, 64))
