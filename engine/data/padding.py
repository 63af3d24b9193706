"""How long audio is for the encoder. Imports no NumPy: the API counts with it too."""

from __future__ import annotations

import math

from engine.config.training import ContextConfig, ShortContextConfig


def padded_s(duration_s: float, context: ContextConfig, window_s: float) -> float:
    """Seconds that the encoder runs over for audio of this length."""
    if not isinstance(context, ShortContextConfig):
        return window_s
    buckets = max(1, math.ceil(round((duration_s + context.tail_s) / context.bucket_s, 6)))
    return min(window_s, buckets * context.bucket_s)
