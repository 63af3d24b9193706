"""What examples cost with Whisper, from a model's config.json. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.config.context import ShortContextConfig, resolve_context
from engine.config.training import TrainingConfig
from engine.data.padding import padded_s
from engine.families.costing import Costing
from engine.models.catalogue import trained_context

_POSITIONS_PER_S: Final = 50


def costing(config: TrainingConfig, model: Mapping[str, Any], targets: float) -> Costing:
    """Seconds of audio, padded to the context's buckets or to the whole window."""
    window_s = int(model.get("max_source_positions", 1500)) / _POSITIONS_PER_S
    context = resolve_context(config.context, trained_context(model))
    share = context.whole_window_share if isinstance(context, ShortContextConfig) else 0.0
    return Costing(
        "audio_s",
        own=lambda duration_s: duration_s,
        padded=lambda duration_s: padded_s(duration_s, context, window_s),
        whole_window_share=share,
        whole_window_cost=window_s,
    )
