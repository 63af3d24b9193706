"""Recordings whose speech is where we put it: espeak-ng's words between stretches of silence or noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audio.reading import resample
from engine.data.example import TimedText
from engine.recipes.whisper_pico.synthesis.corpus import trim
from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ as ESPEAK_RATE_HZ
from engine.recipes.whisper_pico.synthesis.espeak import Synthesizer, Voice

RATE_HZ = 16_000


@dataclass(frozen=True)
class Recording:
    """A wave at 16 kHz and what is said in it when."""

    wave_T: npt.NDArray[np.float32]
    times: tuple[TimedText, ...]

    @property
    def duration_s(self) -> float:
        return len(self.wave_T) / RATE_HZ

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.times)


def record(phrases: Sequence[str], pauses_s: Sequence[float], *, noise: float = 0.001, seed: int = 0) -> Recording:
    """Phrases with `pauses_s` before, between and after them, over soft noise."""
    assert len(pauses_s) == len(phrases) + 1
    parts: list[npt.NDArray[np.float32]] = []
    times = []
    at = round(pauses_s[0] * RATE_HZ)
    parts.append(np.zeros(at, np.float32))
    with Synthesizer() as synthesizer:
        for phrase, pause_s in zip(phrases, pauses_s[1:], strict=True):
            spoken_T = resample(synthesizer.speak(phrase, Voice("en-us")), ESPEAK_RATE_HZ, RATE_HZ)
            spoken_T = trim(spoken_T, RATE_HZ, 0.0, 0.0)
            parts.append(0.5 * spoken_T / np.abs(spoken_T).max())
            times.append(TimedText(at / RATE_HZ, (at + len(spoken_T)) / RATE_HZ, phrase))
            silence = np.zeros(round(pause_s * RATE_HZ), np.float32)
            parts.append(silence)
            at += len(spoken_T) + len(silence)
    wave_T = np.concatenate(parts)
    wave_T = wave_T + np.float32(noise) * np.random.default_rng(seed).standard_normal(len(wave_T), dtype=np.float32)
    return Recording(wave_T, tuple(times))
