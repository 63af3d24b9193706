from __future__ import annotations

import numpy as np

from engine.data.validation.damage import random_samples
from tests.unit.engine.data.validation.waves import voice


def test_a_stretch_of_random_numbers_is_damage_and_scattered_ones_are_loud_speech() -> None:
    generator = np.random.default_rng(0)
    damaged_T = voice(1)
    damaged_T[5000:5300] = generator.uniform(-1, 1, 300)
    assert random_samples(damaged_T) >= 150
    # A frame in each of 40 periods of a voice at 190 Hz.
    spoken_T = voice(1)
    for start in range(3000, 6360, 84):
        spoken_T[start : start + 24] = generator.uniform(-1, 1, 24)
    assert random_samples(spoken_T) == 0
