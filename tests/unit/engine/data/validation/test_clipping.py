from __future__ import annotations

import numpy as np
import pytest

from engine.data.validation.clipping import clipped_samples
from tests.unit.engine.data.validation.waves import RATE_HZ, int16, voice


def _as_file(wave_T: np.ndarray) -> np.ndarray:
    return int16(wave_T).astype(np.float32) / 32768


@pytest.mark.parametrize("gain_db", [6, 12, 20])
@pytest.mark.parametrize("after", [1.0, 0.3, 0.02])
def test_flat_tops_are_found_at_every_level(gain_db: float, after: float) -> None:
    for seed in range(10):
        driven_T = voice(seed) * 2 * 10 ** (gain_db / 20)
        beyond = int((np.abs(driven_T) > 1).sum())
        found = clipped_samples(_as_file(np.clip(driven_T, -1, 1) * after))
        assert 0.7 * beyond < found < 1.5 * beyond + 20, (seed, found, beyond)


def test_flat_tops_that_noise_has_blurred_are_found() -> None:
    generator = np.random.default_rng(0)
    for seed in range(10):
        driven_T = np.clip(voice(seed) * 8, -1, 1) * 0.5
        blurred_T = driven_T + 0.5 * 10 ** (-50 / 20) * generator.standard_normal(len(driven_T))
        assert clipped_samples(_as_file(blurred_T)) > 0.02 * len(driven_T)


def test_one_side_is_enough() -> None:
    wave_T = voice(1)
    assert clipped_samples(_as_file(np.minimum(wave_T, wave_T.max() / 4))) > 100


def test_loud_speech_is_not_clipped() -> None:
    for seed in range(50):
        wave_T = voice(seed)
        assert clipped_samples(_as_file(wave_T / np.abs(wave_T).max() * 0.99997)) == 0, seed


@pytest.mark.parametrize("hz", [50, 125, 300, 400, 440, 500, 800, 1000, 1234.5, 2000, 4000])
def test_tones_are_not_clipped(hz: float) -> None:
    """Every period of a tone reaches the same height, and the few phases of some reach it exactly."""
    for phase in np.linspace(0, np.pi, 7):
        tone_T = np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ + phase)
        assert clipped_samples(_as_file((tone_T * 0.9).astype(np.float32))) == 0, phase


def test_coarse_steps_are_no_flat_tops() -> None:
    for seed in range(20):
        coarse_T = np.rint(voice(seed) * 24) / 128  # 8 bits, of which a quiet recording uses a few steps
        assert clipped_samples(coarse_T.astype(np.float32)) == 0, seed
    assert clipped_samples(np.zeros(100, np.float32)) == 0
