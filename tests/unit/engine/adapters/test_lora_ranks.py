"""Adapters whose layers have ranks of their own: what is attached, how it is scaled, and what plain peft makes of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import WhisperForConditionalGeneration

from engine.adapters import lora
from engine.adapters.targets import target_layers
from engine.config.allocations.given import FixedConfig
from engine.config.methods.lora import LoraConfig
from engine.errors import ModelError
from engine.families.contract import Base
from engine.models.reference import ModelReference
from engine.ranks.ranks import LayerRank, Ranks
from tests.whisper import load_whisper

TINY = ModelReference(id="tiny", source="tiny", family="whisper")
ENCODER, DECODER = "model.encoder.layers.0.fc1", "model.decoder.layers.1.fc1"
GIVEN = {ENCODER: 2, DECODER: 6, "model.encoder.layers.1.fc1": 2, "model.decoder.layers.0.fc1": 0}


def _ranks(base: Base, given: Mapping[str, int], config: LoraConfig) -> Ranks:
    layers = [
        LayerRank(name=name, group=None, inputs=layer.in_features, outputs=layer.out_features, rank=given.get(name, 0))
        for name, layer in target_layers(base, config, TINY).items()
    ]
    return Ranks(model="tiny", revision=None, allocation=FixedConfig(ranks=dict(given)), layers=layers)


def _attached(model: Path, given: Mapping[str, int] = GIVEN, **fields: Any) -> tuple[Base, peft.PeftModel]:
    speech, config = load_whisper(str(model)), LoraConfig(**fields)
    torch.manual_seed(0)
    adapted = lora.attach(speech, config, TINY, _ranks(speech, given, config))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return speech, adapted.eval()


def test_layers_have_their_ranks_and_those_of_rank_0_no_adapter(tiny_whisper: Path) -> None:
    _, adapted = _attached(tiny_whisper)
    found = {
        name.removeprefix("base_model.model.").removesuffix(".lora_A.default.weight"): len(parameter)
        for name, parameter in adapted.named_parameters()
        if "lora_A" in name
    }
    assert found == {name: rank for name, rank in GIVEN.items() if rank}


@pytest.mark.parametrize(("rslora", "scale"), [(False, 8 / 4), (True, 8 / math.sqrt(4))])
def test_the_scale_of_every_layer_is_that_of_the_config_s_rank(tiny_whisper: Path, rslora: bool, scale: float) -> None:
    speech, _ = _attached(tiny_whisper, rank=4, alpha=8.0, rslora=rslora)
    for name in (ENCODER, DECODER):
        layer: Any = speech.model.get_submodule(name)
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        torch.testing.assert_close(layer.get_delta_weight("default"), scale * up @ down)


def test_alpha_follows_the_rank_in_the_adapter_s_file(tiny_whisper: Path, tmp_path: Path) -> None:
    _, adapted = _attached(tiny_whisper, rank=4, alpha=8.0)
    lora.save(adapted, tmp_path)
    saved = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (saved["r"], saved["lora_alpha"]) == (2, 4.0)
    assert (saved["rank_pattern"], saved["alpha_pattern"]) == ({DECODER: 6}, {DECODER: 12.0})


@pytest.mark.parametrize("rslora", [False, True])
def test_plain_peft_loads_it_and_gives_the_same_logits(tiny_whisper: Path, tmp_path: Path, rslora: bool) -> None:
    speech, adapted = _attached(tiny_whisper, rank=4, rslora=rslora)
    lora.save(adapted, tmp_path)
    plain = WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper))
    theirs = peft.PeftModel.from_pretrained(plain, str(tmp_path)).eval()
    mel_BMF = torch.randn(2, 80, 3000, generator=torch.Generator().manual_seed(0))
    ids_BU = torch.tensor([[257, 258, 100], [257, 258, 90]])
    ours: Any = speech
    with torch.inference_mode():
        ours_BUV = ours.logits(ours.encode(mel_BMF), ids_BU)
        with adapted.disable_adapter():
            base_BUV = ours.logits(ours.encode(mel_BMF), ids_BU)
        theirs_BUV = theirs(input_features=mel_BMF, decoder_input_ids=ids_BU).logits
    assert torch.equal(ours_BUV, theirs_BUV) and not torch.equal(ours_BUV, base_BUV)


def test_the_same_rank_everywhere_is_the_plain_adapter(tiny_whisper: Path) -> None:
    base = load_whisper(str(tiny_whisper))
    names = target_layers(base, LoraConfig(), TINY)
    torch.manual_seed(0)
    plain = lora.attach(base, LoraConfig(rank=3), TINY)
    _, given = _attached(tiny_whisper, dict.fromkeys(names, 3), rank=3)
    ours, theirs = ({n: p for n, p in each.named_parameters() if "lora_A" in n} for each in (given, plain))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert given.peft_config["default"].to_dict()["rank_pattern"] == {}


def test_names_that_peft_cannot_tell_apart_are_refused(tiny_whisper: Path) -> None:
    """peft matches the ends of names, so that a layer of rank 0 may get the adapter of another."""
    speech, config = load_whisper(str(tiny_whisper)), LoraConfig(target_modules=["fc1"])
    ranks = _ranks(speech, {ENCODER: 2}, config)
    wrong = ranks.model_copy(
        update={"layers": [*ranks.layers, ranks.layers[0].model_copy(update={"name": "fc1", "rank": 3})]}
    )
    with pytest.raises(ModelError, match=r"the ranks of fc1, .* cannot be told apart by name; use allocation: uniform"):
        lora.attach(speech, config, TINY, wrong)
