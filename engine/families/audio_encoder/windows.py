"""Windows of recordings: a model takes a limited length of audio in one piece."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave, read_audio
from engine.data.example import AudioInput

_SLACK_S = 1e-3
"""Times in a manifest may be rounded to milliseconds."""


def windows(duration_s: float, window_s: float) -> list[tuple[float, float]]:
    """Start and length, in seconds, of as few windows as cover a recording; they overlap evenly."""
    if duration_s <= window_s + _SLACK_S:
        return [(0.0, duration_s)]
    count = math.ceil((duration_s - _SLACK_S) / window_s)
    return [(index * (duration_s - window_s) / (count - 1), window_s) for index in range(count)]


def draw_window(duration_s: float, window_s: float, generator: np.random.Generator | None) -> tuple[float, float]:
    """Start and length, in seconds, of one window: a random one, or the one in the middle without a generator."""
    if duration_s <= window_s + _SLACK_S:
        return 0.0, duration_s
    last_s = duration_s - window_s
    return (last_s / 2 if generator is None else float(generator.uniform(0.0, last_s))), window_s


def read_window(folder: Path, audio: AudioInput, start_s: float, length_s: float) -> Wave:
    """Samples of a part of an input at 16 kHz; nothing else of it is read.

    Args:
        folder: of the dataset version.
        audio: the input.
        start_s: start of the part in the input, in seconds.
        length_s: its length in seconds.

    Returns:
        wave_T: float32, T samples.

    Raises:
        AudioError: a file cannot be read, or lacks the part.
    """
    waves, at_s, end_s = [], 0.0, start_s + length_s
    for piece in audio.stretches():
        skipped_s = max(0.0, start_s - at_s)
        wanted_s = min(piece.duration_s, end_s - at_s) - skipped_s
        if wanted_s >= _SLACK_S:
            waves.append(read_audio(folder / piece.audio, RATE_HZ, piece.start_s + skipped_s, wanted_s))
        at_s += piece.duration_s
    return waves[0] if len(waves) == 1 else np.concatenate(waves)
