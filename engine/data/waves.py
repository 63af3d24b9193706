"""The samples of an utterance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave, read_audio
from engine.data.example import Utterance


def read_wave(folder: Path, utterance: Utterance) -> Wave:
    """An utterance's samples at 16 kHz: its concatenated stretches of audio.

    Args:
        folder: of the dataset version.
        utterance: to read.

    Returns:
        wave_T: float32, T samples.

    Raises:
        AudioError: a file cannot be read, or lacks the stretch.
    """
    waves = [read_audio(folder / p.audio, RATE_HZ, p.start_s, p.duration_s) for p in utterance.input.stretches()]
    return waves[0] if len(waves) == 1 else np.concatenate(waves)
