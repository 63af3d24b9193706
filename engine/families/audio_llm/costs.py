"""What examples cost with a language model that hears, from a model's config.json. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.families.costing import Costing

_POSITIONS_PER_S: Final = 50


def costing(config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
    """Seconds of audio in whole windows, once for each answer."""
    audio = model.get("audio_config") or {}
    window_s = int(audio.get("max_source_positions", 1500)) / _POSITIONS_PER_S
    most = 1 if model.get("model_type") == "qwen2_audio" else math.inf

    def padded(duration_s: float) -> float:
        windows = max(1, math.ceil(round(duration_s / window_s, 6)))
        return window_s * min(windows, most) * targets

    return Costing("audio_s", own=lambda duration_s: duration_s * targets, padded=padded)
