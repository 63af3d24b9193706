"""Audio encoders with random weights, as they are published: none has a head for the labels of the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    HubertConfig,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForPreTraining,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from engine.config.quantization import Quantization
from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Example, Label, Labels
from engine.families.audio_encoder.classification import AudioClassification
from engine.families.audio_encoder.labels import ClassWeights
from engine.families.audio_encoder.loading import load
from engine.families.contract import LoadOptions, TargetSpace

LABELS = ("high", "low", "noise")
CPU = torch.device("cpu")
RATE_HZ = 16_000
_HZ = {"high": 2000.0, "low": 300.0}
_DROPOUTS = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "final_dropout")
_WAVE: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 32,
    "initializer_range": 0.2,
    "layerdrop": 0.5,
    "mask_time_prob": 0.5,
    **dict.fromkeys(_DROPOUTS, 0.0),
}


def whisper(folder: Path, **changes: Any) -> None:
    """A speech recogniser with a window of 3 s."""
    config = WhisperConfig(
        **{
            "d_model": 64,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 128,
            "decoder_ffn_dim": 128,
            "max_source_positions": 150,
            "vocab_size": 300,
            "classifier_proj_size": 32,
            "pad_token_id": 256,
            "bos_token_id": 256,
            "eos_token_id": 256,
            "decoder_start_token_id": 257,
            "init_std": 0.1,
            "encoder_layerdrop": 0.5,
            "apply_spec_augment": True,
            **changes,
        }
    )
    _write(folder, WhisperForConditionalGeneration(config), WhisperFeatureExtractor(chunk_length=3))


def wav2vec2(folder: Path, **changes: Any) -> None:
    """The base of wav2vec 2.0 as it was pre-trained: group norm over time, no masks."""
    config = Wav2Vec2Config(**{**_WAVE, "codevector_dim": 16, "proj_codevector_dim": 16, **changes})
    _write(folder, Wav2Vec2ForPreTraining(config), Wav2Vec2FeatureExtractor(return_attention_mask=False))


def wav2vec2_large(folder: Path) -> None:
    """The large kind: layer norm everywhere."""
    wav2vec2(folder, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)


def hubert(folder: Path, **changes: Any) -> None:
    """HuBERT without any head, whose weights have no prefix."""
    _write(folder, HubertModel(HubertConfig(**{**_WAVE, **changes})), Wav2Vec2FeatureExtractor())


def spectrogram(folder: Path, **changes: Any) -> None:
    """An Audio Spectrogram Transformer of 1.3 s for other labels."""
    config = ASTConfig(
        **{
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "max_length": 128,
            "num_mel_bins": 64,
            "initializer_range": 0.2,
            "id2label": {0: "car", 1: "bird", 2: "rain", 3: "wind"},
            "label2id": {"car": 0, "bird": 1, "rain": 2, "wind": 3},
            **changes,
        }
    )
    _write(folder, ASTForAudioClassification(config), ASTFeatureExtractor(max_length=128, num_mel_bins=64))


def _write(folder: Path, model: Any, extractor: Any) -> None:
    model.save_pretrained(str(folder))
    extractor.save_pretrained(str(folder))


WRITERS: dict[str, Callable[[Path], None]] = {
    "whisper": whisper,
    "wav2vec2": wav2vec2,
    "wav2vec2_large": wav2vec2_large,
    "hubert": hubert,
    "spectrogram": spectrogram,
}
KINDS = tuple(WRITERS)


def base_of(source: Path, labels: tuple[str, ...] = LABELS, **options: Any) -> Any:
    """The loaded base, with a new head from a fixed seed."""
    torch.manual_seed(1)
    return load(str(source), "audio_classification", LoadOptions(CPU, space=TargetSpace(labels=labels), **options))


def four_bit_base_of(source: Path) -> Any:
    return base_of(source, quantization=Quantization())


def learner_of(
    base: Any,
    weights: ClassWeights | None = None,
    *,
    training: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    **task: Any,
) -> AudioClassification:
    return AudioClassification(
        base,
        TrainingConfig.model_validate(training or {}),
        CPU,
        dtype,
        AudioClassificationConfig.model_validate(task),
        weights,
    )


def sound(label: str, duration_s: float, seed: int = 0) -> np.ndarray:
    """A tone or a noise."""
    generator = np.random.default_rng(seed)
    samples = round(duration_s * RATE_HZ)
    wave_T = 0.05 * generator.standard_normal(samples)
    if label in _HZ:
        wave_T += 0.3 * np.sin(2 * np.pi * _HZ[label] * np.arange(samples) / RATE_HZ + generator.uniform(0, 6))
    else:
        wave_T *= 4
    return wave_T.astype(np.float32)


def example(folder: Path, label: str, duration_s: float, seed: int = 0, **fields: Any) -> Example[AudioInput, Label]:
    """A recording in a file of its own."""
    name = f"{label}_{duration_s:g}_{seed}"
    soundfile.write(folder / f"{name}.wav", sound(label, duration_s, seed), RATE_HZ, subtype="FLOAT")
    return Example(name, AudioInput(f"{name}.wav", 0.0, duration_s), Label(label), **fields)


def with_labels(recording: Example[AudioInput, Label], *labels: str) -> Example[AudioInput, Labels]:
    return Example(recording.id, recording.input, Labels(labels), weight=recording.weight)
