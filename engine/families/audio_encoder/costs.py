"""What examples cost with an audio encoder, from a model's config.json. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.config.context import (
    ContextConfig,
    FullContextConfig,
    ResolvedContext,
    ShortContextConfig,
    TrainedContext,
    resolve_context,
)
from engine.config.training import TrainingConfig
from engine.data.padding import padded_s
from engine.families.costing import Costing
from engine.models.catalogue import trained_context

WAVE_WINDOW_S: Final = 30.0
"""wav2vec 2.0 and HuBERT take any length, in memory that grows with its square; this is Whisper's window."""
_RATE_HZ: Final = 16_000
_FRAME_SAMPLES: Final = 400
_HOP_SAMPLES: Final = 160
_POSITIONS_PER_S: Final = 50
# A decoder needs a long silence to find the end of a text; a mean over positions does not.
_TAIL_S: Final = 0.1


def costing(config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
    """Seconds of audio, at most one window, padded as the model's kind does."""
    window_s, context = _window_s(model), _context(config.context, model)
    return Costing(
        "audio_s",
        own=lambda duration_s: min(duration_s, window_s),
        padded=lambda duration_s: padded_s(min(duration_s, window_s), context, window_s),
    )


def whisper_context(context: ContextConfig, trained: TrainedContext) -> ResolvedContext:
    """The context of Whisper's encoder under a classifier."""
    if isinstance(context, ShortContextConfig) and context.tail_s is None:
        return context.model_copy(update={"tail_s": _TAIL_S})
    return resolve_context(context, trained)


def _window_s(model: Mapping[str, Any]) -> float:
    match model.get("model_type"):
        case "audio-spectrogram-transformer":
            frames = int(model.get("max_length", 1024))
            return (_FRAME_SAMPLES + (frames - 1) * _HOP_SAMPLES) / _RATE_HZ
        case "whisper":
            return int(model.get("max_source_positions", 1500)) / _POSITIONS_PER_S
        case _:
            return WAVE_WINDOW_S


def _context(context: ContextConfig, model: Mapping[str, Any]) -> ResolvedContext:
    match model.get("model_type"):
        case "audio-spectrogram-transformer":
            return FullContextConfig()
        case "whisper":
            return whisper_context(context, trained_context(model))
        case _:
            short = context if isinstance(context, ShortContextConfig) else ShortContextConfig()
            return short.model_copy(update={"tail_s": 0.0})
