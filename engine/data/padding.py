"""Padded length of audio for the encoder. Imports no NumPy, because the API uses it too."""

from __future__ import annotations

import math

from engine.config.context import AutoContextConfig, ContextConfig, FullContextConfig


def padded_s(duration_s: float, context: ContextConfig, window_s: float) -> float:
    """Seconds that the encoder runs over for audio of this length; the context is resolved for the model."""
    if isinstance(context, FullContextConfig):
        return window_s
    if isinstance(context, AutoContextConfig) or context.tail_s is None:
        raise TypeError("what pads depends on the model: `resolve_context` first")
    buckets = max(1, math.ceil(round((duration_s + context.tail_s) / context.bucket_s, 6)))
    return min(window_s, buckets * context.bucket_s)
