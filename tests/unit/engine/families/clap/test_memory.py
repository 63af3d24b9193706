from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import peft
import pytest
import torch
from transformers import ClapConfig, ClapModel

from engine.families.clap.base import _TARGETS
from tests.played import count, played
from tests.unit.engine.families.clap.tiny import config

# The architecture of laion/clap-htsat-unfused. Source: the defaults of `ClapConfig` in transformers 5.23.
PUBLISHED = {
    "model_type": "clap",
    "projection_dim": 512,
    "text_config": {
        "vocab_size": 50265,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
    },
    "audio_config": {
        "window_size": 8,
        "num_mel_bins": 64,
        "spec_size": 256,
        "patch_size": 4,
        "hidden_size": 768,
        "depths": [2, 2, 6, 2],
        "num_attention_heads": [4, 8, 16, 32],
        "patch_embeds_hidden_size": 96,
        "mlp_ratio": 4.0,
        "enable_fusion": False,
    },
}


def _on_meta(values: ClapConfig) -> ClapModel:
    with torch.device("meta"):
        return ClapModel(values)


def _counted(model: ClapModel) -> tuple[int, int]:
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    return linear, sum(p.numel() for p in model.parameters()) - linear


def _played(values: Mapping[str, Any]) -> tuple[int, int]:
    tape = played(values, "retrieval")
    return count(tape, "four_bit"), count(tape, "base")


@pytest.mark.parametrize("values", [config(), config(qkv_bias=False, patch_size=4, mlp_ratio=2.0), ClapConfig()])
def test_the_tape_counts_the_weights_of_a_model(values: ClapConfig) -> None:
    for told in (values.to_dict(), values.to_diff_dict()):  # config.json leaves defaults out
        assert _played(told) == _counted(_on_meta(values))


def test_the_published_model_has_as_many_weights_as_its_config_says() -> None:
    model = _on_meta(ClapConfig(**PUBLISHED))
    # Linear layers. Text: 12 layers of 4 x 768^2 + 2 x 768 x 3072 = 84,934,656, and the pooler's 768^2 = 589,824.
    # Audio: each block 12 x width^2: 2 x 12 x 96^2 + 2 x 12 x 192^2 + 6 x 12 x 384^2 + 2 x 12 x 768^2 = 25,878,528;
    # merging 8 x width^2: 8 x (96^2 + 192^2 + 384^2) = 1,548,288. Projections: 2 x (768 x 512 + 512^2) = 1,310,720.
    assert _played(PUBLISHED)[0] == 84_934_656 + 589_824 + 25_878_528 + 1_548_288 + 1_310_720 == 114_262_016
    assert _counted(model) == _played(PUBLISHED)
    assert sum(p.numel() for p in model.parameters()) == 153_492_890


def test_adapters_of_rank_32_on_the_published_model() -> None:
    model = _on_meta(ClapConfig(**PUBLISHED))
    lora = peft.LoraConfig(r=32, target_modules=list(_TARGETS))
    adapted = peft.get_peft_model(model, lora)
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    # 32 x (inputs + outputs). Text: 12 x (4 x 1536 + 2 x 3840) + 1536 = 167,424. Audio: a block 18 x width:
    # 18 x (2 x 96 + 2 x 192 + 6 x 384 + 2 x 768) = 79,488; merging 6 x (96 + 192 + 384) = 4,032.
    # Projections: 2 x (1280 + 1024) = 4,608.
    assert trained == 32 * (167_424 + 79_488 + 4_032 + 4_608) == 8_177_664
    assert trained == count(played(PUBLISHED, "retrieval"), "adapter")


def test_every_linear_layer_is_one_of_a_group_and_a_target() -> None:
    linear = [each for each in played(PUBLISHED, "retrieval").weights if each.kind == "four_bit"]
    found = Counter((each.group, each.name.split(".")[-2]) for each in linear)
    # 12 audio blocks and 3 mergings, 12 text layers and the pooler, two projections.
    assert found == {
        ("audio_encoder", "query"): 12,
        ("audio_encoder", "key"): 12,
        ("audio_encoder", "value"): 12,
        ("audio_encoder", "dense"): 36,
        ("audio_encoder", "reduction"): 3,
        ("text_decoder", "query"): 12,
        ("text_decoder", "key"): 12,
        ("text_decoder", "value"): 12,
        ("text_decoder", "dense"): 37,
        ("fusion", "linear1"): 2,
        ("fusion", "linear2"): 2,
    }
