"""Weights that the memory model counts, against the models; and published shapes on the meta device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    HubertConfig,
    HubertForSequenceClassification,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
    WhisperConfig,
    WhisperForAudioClassification,
)

from engine.families.audio_encoder.spectrogram import SpectrogramClassifier
from engine.families.audio_encoder.wave import WaveClassifier
from engine.families.audio_encoder.whisper import WhisperClassifier
from tests.played import count, played
from tests.unit.engine.families.audio_encoder.tiny_encoders import base_of

# What differs from the defaults of transformers. Source: the config.json of each model on the hub.
_TINY_EN = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}
_LARGE_V3 = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "num_mel_bins": 128,
}
_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}
_UNMASKED = {"mask_time_prob": 0.0}
# Name, config, model, encoder, labels, all parameters, those that LoRA of rank 32 trains (adapters and heads).
#
# Linear layers: layers x 12 d^2, because the feed-forward width is 4 d.
# Others, in this order:
#   Whisper: layers x 12 d; two convolutions of 3 frames; 1,500 positions; last norm 2 d.
#   wav2vec 2.0, HuBERT: layers x 13 d; convolutions 512 x 10 + 512^2 x 16 = 4,199,424, large with 7 x 512 biases; norms
#     of one layer, large of all; the projection with its norm, 512 d + d + 1,024; position convolution d x d / 16 x 128 + 128 + d;
#     norm 2 d.
#   AST: layers x 13 d; 12 x 101 patches and 2 tokens, as positions; the 2 tokens; 16 x 16 convolution; last norm 2 d.
# Heads: d x 256 + 256 + 256 x 10 + 10; AST: norm 2 d, d x 527 + 527.
# Adapters: layers x 32 x (4 x 2 d + 2 x 5 d) = layers x 32 x 18 d.
_PUBLISHED: list[tuple[str, Any, Any, Any, int, int, int]] = [
    (
        "openai/whisper-tiny.en",
        WhisperConfig(**_TINY_EN),
        WhisperForAudioClassification,
        WhisperClassifier,
        10,
        7_077_888 + 18_432 + 92_544 + 442_752 + 576_000 + 768 + 101_130,
        884_736 + 101_130,
    ),
    (
        "openai/whisper-large-v3",
        WhisperConfig(**_LARGE_V3),
        WhisperForAudioClassification,
        WhisperClassifier,
        10,
        629_145_600 + 491_520 + 492_800 + 4_916_480 + 1_920_000 + 2_560 + 330_506,
        23_592_960 + 330_506,
    ),
    (
        "facebook/wav2vec2-base",
        Wav2Vec2Config(**_UNMASKED),
        Wav2Vec2ForSequenceClassification,
        WaveClassifier,
        10,
        84_934_656 + 119_808 + 4_199_424 + 1_024 + 395_008 + 4_719_488 + 1_536 + 199_434,
        5_308_416 + 199_434,
    ),
    (
        "facebook/hubert-large-ll60k",
        HubertConfig(**_LARGE, **_UNMASKED),
        HubertForSequenceClassification,
        WaveClassifier,
        10,
        301_989_888 + 319_488 + 4_203_008 + 7_168 + 526_336 + 8_389_760 + 2_048 + 264_970,
        14_155_776 + 264_970,
    ),
    (
        "MIT/ast-finetuned-audioset-10-10-0.4593",
        ASTConfig(),
        ASTForAudioClassification,
        SpectrogramClassifier,
        527,
        84_934_656 + 119_808 + 932_352 + 1_536 + 197_376 + 1_536 + 406_799,
        5_308_416 + 406_799,
    ),
]


def _counts(model: Any, heads: tuple[str, ...]) -> tuple[int, int, int]:
    """Weights of linear layers in 4 bits, others, heads."""
    linear = other = head = 0
    for name, parameter in model.named_parameters():
        module = model.get_submodule(name.rpartition(".")[0])
        if name.split(".")[0] in heads:
            head += parameter.numel()
        elif isinstance(module, torch.nn.Linear) and name.endswith(".weight") and "projection" not in name:
            linear += parameter.numel()
        else:
            other += parameter.numel()
    return linear, other, head


@pytest.mark.parametrize(
    ("config", "model_class", "encoder", "labels", "total", "trained"),
    [entry[1:] for entry in _PUBLISHED],
    ids=[entry[0] for entry in _PUBLISHED],
)
def test_published_models_have_their_sizes(
    config: Any, model_class: Any, encoder: Any, labels: int, total: int, trained: int
) -> None:
    config.id2label = {index: str(index) for index in range(labels)}
    with torch.device("meta"):
        model = model_class(config)
        counts = _counts(model, encoder.heads)
        lora = peft.LoraConfig(r=32, target_modules=list(encoder.targets), modules_to_save=list(encoder.heads))
        adapted = peft.get_peft_model(model, lora, low_cpu_mem_usage=True)
    assert sum(p.numel() for p in adapted.parameters() if p.requires_grad) == trained
    assert sum(counts) == total
    tape = played(config.to_dict(), "audio_classification", classes=labels)
    assert (count(tape, "four_bit"), count(tape, "base"), count(tape, "head")) == counts
    assert count(tape, "adapter", "head") == sum(each.count for each in tape.weights if each.trains) == trained


def test_sizes_are_those_of_the_loaded_model(source: Path) -> None:
    base = base_of(source)
    config = json.loads((source / "config.json").read_text())
    tape = played(config, "audio_classification", classes=3)
    assert (count(tape, "four_bit"), count(tape, "base"), count(tape, "head")) == _counts(base.model, base.heads)


def test_variants_have_their_sizes() -> None:
    variants: list[tuple[Any, Any]] = [
        (WhisperConfig(use_weighted_layer_sum=True), WhisperForAudioClassification),
        (HubertConfig(feat_proj_layer_norm=False, **_UNMASKED), HubertForSequenceClassification),
        (ASTConfig(qkv_bias=False, max_length=128), ASTForAudioClassification),
    ]
    for config, model_class in variants:
        with torch.device("meta"):
            model = model_class(config)
        tape = played(config.to_dict(), "audio_classification", classes=2)
        assert count(tape, "four_bit", "base", "head") == sum(p.numel() for p in model.parameters())
