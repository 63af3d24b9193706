"""The signal-to-noise ratio: near the truth where speech and noise are known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.segments.noise import snr_db
from engine.segments.segment import Span


@pytest.mark.parametrize("true_db", [0.0, 10.0, 25.0])
def test_it_is_that_of_a_tone_in_noise(true_db: float) -> None:
    generator = np.random.default_rng(0)
    noise_T = generator.standard_normal(3 * 16_000) * 0.01
    tone_T = np.zeros_like(noise_T)
    time_T = np.arange(16_000) / 16_000
    tone_T[16_000:32_000] = np.sqrt(2) * 0.01 * 10 ** (true_db / 20) * np.sin(2 * np.pi * 440 * time_T)
    wave_T = (noise_T + tone_T).astype(np.float32)
    assert snr_db(wave_T, [Span(1.0, 2.0)]) == pytest.approx(true_db, abs=0.7)


def test_it_stays_in_its_limits_and_does_without_pauses() -> None:
    assert snr_db(np.zeros(16_000, np.float32), []) == pytest.approx(-10.0, abs=40.0)
    assert snr_db(np.zeros(10, np.float32), []) == -10.0
    loud = np.sin(np.arange(16_000, dtype=np.float32))
    assert -10.0 <= snr_db(loud, [Span(0.0, 1.0)]) <= 60.0
