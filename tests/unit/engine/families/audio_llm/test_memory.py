from __future__ import annotations

from typing import Any

import peft
import pytest
import torch
from transformers import (
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
)

from engine.families.audio_llm.qwen2_audio import Qwen2Audio
from engine.families.audio_llm.voxtral import Voxtral
from tests.played import count, played
from tests.unit.engine.families.audio_llm.tiny import qwen2_audio_config, voxtral_config

_WHISPER_LARGE = {"num_mel_bins": 128, "max_source_positions": 1500}
# The architecture of Qwen/Qwen2-Audio-7B-Instruct: Whisper large-v3's encoder, Qwen-7B's decoder. Source: the defaults of
# `Qwen2AudioConfig` in transformers 5.23, and `vocab_size` and `intermediate_size` of the model's config.json.
QWEN2_AUDIO = {
    "model_type": "qwen2_audio",
    "audio_config": {
        "model_type": "qwen2_audio_encoder",
        "d_model": 1280,
        "encoder_ffn_dim": 5120,
        "encoder_layers": 32,
        "encoder_attention_heads": 20,
        **_WHISPER_LARGE,
    },
    "text_config": {
        "model_type": "qwen2",
        "vocab_size": 156032,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
    },
}
# The architecture of mistralai/Voxtral-Mini-3B-2507. Source: the defaults of `VoxtralConfig` in transformers 5.23.
VOXTRAL = {
    "model_type": "voxtral",
    "audio_token_id": 24,
    "audio_config": {
        "model_type": "voxtral_encoder",
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
        **_WHISPER_LARGE,
    },
    "text_config": {
        "model_type": "llama",
        "vocab_size": 131072,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 30,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
}
# Whisper large's encoder: 32 layers of 4 x 1280^2 + 2 x 1280 x 5120. Its adapters: 32 x (4 x 2560 + 2 x 6400) = 737,280.
_ENCODER = 32 * (4 * 1280**2 + 2 * 1280 * 5120)
# Its other weights: two convolutions of width 3, positions, norms, and biases of all but the keys.
_ENCODER_OTHERS = (3 * 128 + 1) * 1280 + (3 * 1280 + 1) * 1280 + 1500 * 1280 + 65 * 2 * 1280 + 32 * (4 * 1280 + 5120)


def _on_meta(config: Any) -> Any:
    with torch.device("meta"):
        if isinstance(config, VoxtralConfig):
            return VoxtralForConditionalGeneration(config)
        return Qwen2AudioForConditionalGeneration(config)


def _counted(model: Any) -> tuple[int, int]:
    linear = sum(
        m.weight.numel() for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"
    )
    return linear, sum(p.numel() for p in model.parameters()) - linear


def _trained(model: Any, targets: tuple[str, ...]) -> int:
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=32, target_modules=list(targets)))
    return sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def _played(config: dict[str, Any]) -> tuple[int, int]:
    tape = played(config, "captioning")
    return count(tape, "four_bit"), count(tape, "base")


def _adapters(config: dict[str, Any]) -> int:
    return count(played(config, "captioning"), "adapter")


@pytest.mark.parametrize(
    "config", [qwen2_audio_config(), voxtral_config(), Qwen2AudioConfig(), VoxtralConfig(audio_token_id=24)]
)
def test_the_tape_counts_the_weights_of_a_model(config: Any) -> None:
    for told in (config.to_dict(), config.to_diff_dict()):  # config.json leaves defaults out
        assert _played(told) == _counted(_on_meta(config))


def test_qwen2_audio_as_published() -> None:
    model = _on_meta(Qwen2AudioConfig.from_dict(QWEN2_AUDIO))
    # Decoder: 32 layers of 4 x 4096^2 + 3 x 4096 x 11008; projector 1280 x 4096.
    linear = _ENCODER + 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 1280 * 4096
    assert _played(QWEN2_AUDIO) == _counted(model) and linear == _counted(model)[0] == 7_110_393_856
    # Others: encoder, both vocabularies, norms, biases of queries, keys and values, and of the projector.
    others = _ENCODER_OTHERS + 2 * 156032 * 4096 + 65 * 4096 + 32 * 3 * 4096 + 4096
    assert sum(p.numel() for p in model.parameters()) == linear + others == 8_397_094_912
    # Adapters, in units of 32: encoder 737,280; decoder 32 x (4 x 8192 + 3 x 15104) = 2,498,560; projector 5,376.
    assert _trained(model, Qwen2Audio.targets) == 32 * (737_280 + 2_498_560 + 5_376) == _adapters(QWEN2_AUDIO)


def test_voxtral_as_published() -> None:
    model = _on_meta(VoxtralConfig.from_dict(VOXTRAL))
    # Decoder: 30 layers of 2 x 3072 x 4096 (queries, output), 2 x 3072 x 1024 (keys, values), 3 x 3072 x 8192;
    # projector 5120 x 3072 + 3072^2.
    decoder = 30 * (2 * 3072 * 4096 + 2 * 3072 * 1024 + 3 * 3072 * 8192)
    linear = _ENCODER + decoder + 5120 * 3072 + 3072**2
    assert _played(VOXTRAL) == _counted(model) and linear == _counted(model)[0] == 3_862_953_984
    # Others: as for Qwen2-Audio, but no biases outside the encoder.
    others = _ENCODER_OTHERS + 2 * 131072 * 3072 + 61 * 3072
    assert sum(p.numel() for p in model.parameters()) == linear + others == 4_676_271_104
    # Adapters, in units of 32: encoder 737,280; decoder 30 x (2 x 7168 + 2 x 4096 + 3 x 11264) = 1,689,600;
    # projector 8192 + 6144 = 14,336.
    assert _trained(model, Voxtral.targets) == 32 * (737_280 + 1_689_600 + 14_336) == _adapters(VOXTRAL)
