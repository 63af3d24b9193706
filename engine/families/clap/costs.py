"""What examples cost with CLAP, from its config.json and its feature extractor's settings. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.config.training import TrainingConfig
from engine.families.costing import Costing

_RATE_HZ: Final = 48_000
_WINDOW_SAMPLES: Final = 480_000


def costing(config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
    """Seconds of the recording that the model hears; the encoder always runs over a whole window."""
    features = model.get("feature_extractor") or {}
    window_s = features.get("nb_max_samples", _WINDOW_SAMPLES) / features.get("sampling_rate", _RATE_HZ)
    return Costing(
        "audio_s",
        own=lambda duration_s: min(duration_s, window_s),
        padded=lambda duration_s: window_s,
    )
