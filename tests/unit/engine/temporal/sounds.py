"""Recordings of speech, and mixes of them with noise and silence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave, read_audio
from engine.models.catalogue import PROJECT_ROOT
from engine.segments.speech_activity import Probabilities, load_speech_activity

SPEECH: Final = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
VOICES: Final = tuple(sorted(path.name for path in SPEECH.iterdir() if path.is_dir()))
HOP: Final = 320
"""Samples between frames of Whisper's encoder and of published wav2vec 2.0 models."""


def spoken(voice: str, words: slice = slice(0, None, 10)) -> Wave:
    """Words of one voice, one after another; by default its first take of each of ten digits."""
    return np.concatenate([read_audio(path, RATE_HZ) for path in sorted(Path(SPEECH / voice).glob("*.flac"))[words]])


def noise(seconds: float, level: float = 0.01, seed: int = 0) -> Wave:
    """White noise."""
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def silence(seconds: float) -> Wave:
    """Zeros."""
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def probabilities(wave_T: Wave) -> Probabilities:
    """What the speech detector says."""
    return load_speech_activity().probabilities([wave_T])[0]
