"""Tiny CTC models with random weights, and tones that stand for letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from transformers import (
    HubertConfig,
    HubertForCTC,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForCTC,
    Wav2Vec2ConformerModel,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Model,
)

from engine.config.quantization import Quantization
from engine.config.training import TrainingConfig
from engine.data.example import Utterance, make_utterance
from engine.families.contract import LoadOptions, TargetSpace
from engine.families.ctc.base import CtcBase
from engine.families.ctc.learner import CtcLearner
from engine.families.ctc.loading import load

CPU = torch.device("cpu")
RATE_HZ = 16_000
LETTERS = "abc"
VOCABULARY = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "a": 5, "b": 6, "c": 7}
TINY: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "conv_dim": (32, 32),
    "conv_kernel": (80, 8),
    "conv_stride": (20, 8),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.1,  # lively logits, so that comparisons mean something
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "conformer_conv_dropout": 0.0,
    "layerdrop": 0.5,
    "mask_time_prob": 0.5,
    "ctc_loss_reduction": "sum",
    "vocab_size": len(VOCABULARY),
}
LAYER = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
KINDS: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model, LAYER),
    "wav2vec2-group": (Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model, {}),
    "wav2vec2-stacked": (Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model, {**LAYER, "add_adapter": True}),
    "hubert": (HubertConfig, HubertForCTC, HubertModel, LAYER),
    "hubert-group": (HubertConfig, HubertForCTC, HubertModel, {}),
    "hubert-batch-norm": (HubertConfig, HubertForCTC, HubertModel, {**LAYER, "conv_pos_batch_norm": True}),
    "conformer-relative": (Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC, Wav2Vec2ConformerModel, LAYER),
    "conformer-rotary": (
        Wav2Vec2ConformerConfig,
        Wav2Vec2ConformerForCTC,
        Wav2Vec2ConformerModel,
        {**LAYER, "position_embeddings_type": "rotary"},
    ),
}
"""Config, model with head, model without head, and what is special, by name."""


def write_model(folder: Path, kind: str, *, head: bool = True, normalize: bool = True, **fields: Any) -> Path:
    """A model folder as transformers would save it; without a head, as it is after pre-training."""
    config_class, with_head, without_head, special = KINDS[kind]
    config = config_class(**{**TINY, **special, **fields})
    torch.manual_seed(7)
    model = (with_head if head else without_head)(config)
    for module in model.modules():  # as after training
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    if head:  # letters are more likely than the blank
        torch.nn.init.constant_(model.lm_head.bias[:5], -2.0)
    model.save_pretrained(str(folder))
    masks = config.feat_extract_norm == "layer"
    Wav2Vec2FeatureExtractor(do_normalize=normalize, return_attention_mask=masks).save_pretrained(str(folder))
    if head:
        (folder / "vocab.json").write_text(json.dumps(VOCABULARY), encoding="utf-8")
    return folder


def load_model(
    folder: Path, *, quantization: Quantization | None = None, alphabet: Sequence[str] = (), from_scratch: bool = False
) -> CtcBase:
    options = LoadOptions(
        CPU, quantization=quantization, from_scratch=from_scratch, space=TargetSpace(alphabet=tuple(alphabet))
    )
    return load(str(folder), "speech_to_text", options)


def learner_of(base: CtcBase, **fields: Any) -> CtcLearner:
    return CtcLearner(base, TrainingConfig.model_validate(fields), CPU, torch.float32)


def write_letters(folder: Path, texts: Sequence[str], *, letter_s: float = 0.1, seed: int = 0) -> list[Utterance]:
    """A dataset version in which each letter is a tone of its own, and a space is silence."""
    generator = np.random.default_rng(seed)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    pieces, examples, start = [], [], 0
    for number, text in enumerate(texts):
        parts = []
        for letter in f" {text} ":
            samples = int(RATE_HZ * letter_s * generator.uniform(0.8, 1.2))
            time_T = np.arange(samples) / RATE_HZ
            hz = 300 + 500 * (ord(letter) - ord("a"))
            parts.append(0.3 * np.sin(2 * np.pi * hz * time_T) * np.hanning(samples) if letter != " " else 0.0 * time_T)
        wave_T = np.concatenate(parts)
        wave_T = (wave_T + 0.01 * generator.standard_normal(len(wave_T))).astype(np.float32)
        seconds = len(wave_T) / RATE_HZ
        examples.append(make_utterance(f"u{number}", "audio/0.wav", start / RATE_HZ, seconds, text))
        pieces.append(wave_T)
        start += len(wave_T)
    soundfile.write(folder / "audio" / "0.wav", np.concatenate(pieces), RATE_HZ, subtype="FLOAT")
    return examples
