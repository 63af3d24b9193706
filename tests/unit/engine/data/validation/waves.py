"""Waves like speech, made by hand: syllables of a voice with harmonics, and pauses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]
RATE_HZ = 16_000


def voice(seed: int, syllables: int = 4, pause_s: float = 0.1, pitch_hz: float = 130.0) -> Wave:
    """Syllables of 0.2 s, each with its own pitch glide and formant; no two seeds are alike."""
    generator = np.random.default_rng(seed)
    time_T = np.arange(round(0.2 * RATE_HZ)) / RATE_HZ
    waves = [np.zeros(round(0.1 * RATE_HZ))]
    for _ in range(syllables):
        glide_T = pitch_hz * generator.uniform(0.8, 1.3) * (1 + generator.uniform(-0.5, 0.5) * time_T)
        phase_T = 2 * np.pi * np.cumsum(glide_T) / RATE_HZ
        formants_hz = generator.uniform((300, 1000, 2200), (800, 2000, 3200))
        total_T = np.zeros_like(time_T)
        for harmonic in range(1, 25):
            hz = harmonic * pitch_hz
            level = sum(np.exp(-0.5 * ((hz - formant) / 150) ** 2) for formant in formants_hz) + 0.02
            total_T += level / harmonic**0.5 * np.sin(harmonic * phase_T + generator.uniform(0, 2 * np.pi))
        total_T += 0.02 * generator.standard_normal(len(time_T))
        waves += [total_T * np.hanning(len(time_T)) ** 0.5, np.zeros(round(pause_s * RATE_HZ))]
    wave_T = np.concatenate(waves) + 3e-4 * generator.standard_normal(sum(map(len, waves)))
    return (0.5 * wave_T / np.abs(wave_T).max()).astype(np.float32)


def int16(wave_T: Wave) -> npt.NDArray[np.int16]:
    """Samples as they stand in a file."""
    return np.clip(np.rint(wave_T * 32768), -32768, 32767).astype(np.int16)
