"""The shape of a batch, as far as memory depends on it. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchShape:
    """Padded sizes of one forward pass."""

    examples: int
    audio_s: float
    """Seconds of audio of each example, padding included."""
    tokens: int
    """Text tokens of each example, padding included; 0: the model reads no text."""
