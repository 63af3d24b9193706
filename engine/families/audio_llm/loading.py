"""Load a Qwen2-Audio or a Voxtral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import (
    GenerationConfig,
    PreTrainedConfig,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
)
from transformers.models.whisper.modeling_whisper import sinusoids
from transformers.utils import logging as transformers_logging

from engine.audio.features import FFT_SAMPLES, HOP_SAMPLES, RATE_HZ
from engine.errors import ModelError
from engine.families.audio_llm.base import AudioLlmBase
from engine.families.audio_llm.qwen2_audio import Qwen2Audio
from engine.families.audio_llm.voxtral import Voxtral
from engine.families.contract import LoadOptions
from engine.families.pretrained import load_weights
from engine.models.four_bit import keep_layout

_TASKS: Final = ("speech_to_text", "captioning")
# The output layer decides the words; where it shares its weight with the token embedding, that stays in full precision.
KEPT_IN_FULL_PRECISION: Final = ("lm_head",)


@dataclass(frozen=True, slots=True)
class _Classes:
    config: Any
    model: Any
    processor: Any
    architecture: Any


_ARCHITECTURES: Final[Mapping[str, _Classes]] = {
    "qwen2_audio": _Classes(Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor, Qwen2Audio),
    "voxtral": _Classes(VoxtralConfig, VoxtralForConditionalGeneration, VoxtralProcessor, Voxtral),
}


def load(source: str, task: str, options: LoadOptions) -> AudioLlmBase:
    """Load a Qwen2-Audio or a Voxtral from a folder or a hub id.

    Raises:
        ModelError: a task that these models do not do, or a source that does not load as one of them.
    """
    if task not in _TASKS:
        allowed = ", ".join(_TASKS)
        raise ModelError(
            f"found the task {task!r}; these models do {allowed}: choose one, or a model of another family"
        )
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        config, classes = _read_config(source, options.revision)
        processor = classes.processor.from_pretrained(source, revision=options.revision)
        if options.from_scratch:
            model = _new_model(config, classes, source, options)
        else:
            model = load_weights(classes.model, source, options, kept=KEPT_IN_FULL_PRECISION)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"cannot load {source!r} as a language model that hears: {error}. Give a folder with config.json and "
            "model.safetensors, or a hub id that can be reached"
        ) from error
    keep_layout(model)
    # A layer that is skipped at random would be another one on each worker.
    model.model.audio_tower.layerdrop = 0.0
    model.eval()
    _check_features(source, config, processor.feature_extractor)
    return AudioLlmBase(model, processor, source, classes.architecture(config, processor, source))


def _read_config(source: str, revision: str) -> tuple[Any, _Classes]:
    values, _ = PreTrainedConfig.get_config_dict(source, revision=revision)
    kind = str(values.get("model_type") or "")
    if kind not in _ARCHITECTURES:
        found = f"the model_type {kind!r}" if kind else "no model_type"
        raise ModelError(f"the config.json of {source} names {found}; allowed: {', '.join(_ARCHITECTURES)}")
    classes = _ARCHITECTURES[kind]
    return classes.config.from_dict(values), classes


def _new_model(config: Any, classes: _Classes, source: str, options: LoadOptions) -> Any:
    model = classes.model(config)
    positions = model.model.audio_tower.embed_positions.weight
    # transformers draws them, although they are never trained; Whisper's encoder, which this is, has sinusoids.
    positions.data.copy_(sinusoids(*positions.shape))
    try:
        model.generation_config = GenerationConfig.from_pretrained(source, revision=options.revision)
    except OSError:
        model.generation_config = GenerationConfig()
    return model.to(device=options.device, dtype=torch.float32)


def _check_features(source: str, config: Any, extractor: Any) -> None:
    """Check that the processor computes the features of Whisper that the encoder takes."""
    found = (extractor.sampling_rate, extractor.n_fft, extractor.hop_length, extractor.feature_size)
    wanted = (RATE_HZ, FFT_SAMPLES, HOP_SAMPLES, config.audio_config.num_mel_bins)
    window = 2 * config.audio_config.max_source_positions * HOP_SAMPLES
    if found != wanted or extractor.n_samples != window:
        raise ModelError(
            f"the processor of {source} has rate, FFT, hop and mel bands {found} and windows of {extractor.n_samples} "
            f"samples; the model takes {wanted} and {window}: take config and processor from one model"
        )
