"""Weights that the memory model counts, against the models themselves, and those of published models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import (
    HubertConfig,
    HubertForCTC,
    Wav2Vec2Config,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForCTC,
    Wav2Vec2ForCTC,
)

from engine.families.ctc.base import TARGETS
from engine.families.ctc.small import write_small
from tests.played import count, played
from tests.unit.engine.families.ctc.models import KINDS, TINY, load_model, write_model

LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "vocab_size": 32,
}
# The config.json of facebook/wav2vec2-base-960h, facebook/hubert-large-ls960-ft and
# facebook/wav2vec2-conformer-rel-pos-large-960h-ft on the model hub, where they differ from transformers' defaults.
#
# Layers of width d and inner width i, without biases and norms: base 12 (4 x 768^2 + 2 x 768 x 3072) = 84,934,656;
# large 24 (4 x 1024^2 + 2 x 1024 x 4096) = 301,989,888; conformer 24 (5 x 1024^2 + 4 x 1024 x 4096) = 528,482,304.
#
# All weights of base: the layers and 12 x 9,984 biases and norms; convolutions 5,120 + 1,024 + 4 x 786,432 + 2 x 524,288 =
# 4,200,448; projection 1,024 + 393,984; positions 768 x 48 x 128 + 768 + 128 = 4,719,488; norm 1,536, mask vector 768,
# head 769 x 32 = 24,608. Large: 24 x 13,312; convolutions 4,199,424 + 7 x 1,536 = 4,210,176; projection 526,336;
# positions 1024 x 64 x 128 + 1,024 + 128 = 8,389,760; 2,048 + 1,024 + 32,800. Conformer as large, but for its layers' other
# weights: 24 (6,144 + 10,240 + 10,240 + 3 x 1024^2 + 31 x 1,024 + 2,048) = 76,947,456.
#
# LoRA of rank 32 on a layer: attention 4 x 32 x 2d, feed-forward 2 x 32 (d + i), twice in a conformer layer:
# base 12 (196,608 + 245,760) = 5,308,416; large 24 (262,144 + 327,680) = 14,155,776;
# conformer 24 (262,144 + 2 x 327,680) = 22,020,096.
PUBLISHED = {
    "wav2vec2-base-960h": (
        Wav2Vec2Config, Wav2Vec2ForCTC, {"vocab_size": 32}, 94_396_320, 84_934_656, 5_308_416,
    ),
    "hubert-large-ls960-ft": (HubertConfig, HubertForCTC, LARGE, 315_471_520, 301_989_888, 14_155_776),
    "wav2vec2-conformer-rel-pos-large-960h-ft": (
        Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC, LARGE, 618_591_904, 528_482_304, 22_020_096,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_of_published_models(name: str) -> None:
    config_class, model_class, values, total, linear, adapter = PUBLISHED[name]
    config = config_class(**values)
    with torch.device("meta"):
        model = model_class(config)
    parameters = sum(p.numel() for p in model.parameters())
    tape = played(config.to_dict(), "speech_to_text", classes=32)  # with a new head of as many outputs
    assert count(tape, "four_bit", "base", "head") == parameters == total
    assert count(tape, "four_bit") == linear
    model.requires_grad_(False)
    lora = peft.LoraConfig(r=32, target_modules=list(TARGETS[config.model_type]), modules_to_save=["lm_head"])
    with torch.device("meta"):
        adapted = peft.get_peft_model(model, lora)
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert count(tape, "adapter") == adapter
    assert trained == count(tape, "adapter", "head") == adapter + 32 * (config.hidden_size + 1)


@pytest.mark.parametrize("head_size", [8, 40])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mask_time_prob": 0.0, "feat_proj_layer_norm": False, "output_hidden_size": 32},
        {"adapter_attn_dim": 12, "conv_bias": True, "conv_depthwise_kernel_size": 7, "intermediate_size": 96},
    ],
)
def test_sizes_are_those_of_the_modules(kind: str, fields: dict[str, Any], head_size: int, tmp_path: Path) -> None:
    config_class, model_class, _, special = KINDS[kind]
    config = config_class(**{**TINY, **special, **fields, "vocab_size": head_size})
    with torch.device("meta"):
        model = model_class(config)
    config.save_pretrained(str(tmp_path))
    values = json.loads((tmp_path / "config.json").read_text())
    tape = played(values, "speech_to_text")
    assert count(tape, "four_bit", "base", "head") == sum(p.numel() for p in model.parameters())
    layers = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and ".layers." in n]
    linear = [m for m in layers if m.out_features >= 64 and m.in_features >= 64]  # not the attention's adapters
    assert count(tape, "four_bit") == sum(m.weight.numel() for m in linear)
    prefix = f"{model.base_model_prefix}.feature_extractor."
    convolutions = sum(p.numel() for n, p in model.named_parameters() if n.startswith(prefix))
    for method, trained in (("full", 0), ("pretrain", convolutions)):
        weights = played(values, "speech_to_text", method={"type": method}).weights
        assert sum(each.count for each in weights if each.trains and each.name.startswith(prefix)) == trained


def test_what_is_loaded_in_four_bits_are_the_linear_parameters(tmp_path: Path) -> None:
    from bitsandbytes.nn import Linear4bit

    from engine.config.quantization import Quantization

    folder = write_model(tmp_path, "conformer-relative")
    base = load_model(folder, quantization=Quantization())
    shapes = [m.weight.quant_state.shape for m in base.model.modules() if isinstance(m, Linear4bit)]
    tape = played(json.loads((folder / "config.json").read_text()), "speech_to_text")
    assert sum(shape.numel() for shape in shapes) == count(tape, "four_bit")


@pytest.mark.parametrize("stride", [160, 320])
def test_a_small_model_is_one_to_three_million_parameters(stride: Any, tmp_path: Path) -> None:
    folder = write_small(tmp_path, alphabet="abc", stride=stride)
    base = load_model(folder, from_scratch=True)
    assert 1e6 < sum(p.numel() for p in base.model.parameters()) < 3e6
    assert base.frame_s == stride / 16_000 and base.pads
    assert base.spelling.encode("ab") == [3, 4]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "preprocessor_config.json", "vocab.json"]
    assert load_model(write_small(tmp_path / "other"), alphabet="xyz", from_scratch=True).spelling.encode("z") == [5]
