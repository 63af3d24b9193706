from __future__ import annotations

import numpy as np
import pytest

from engine.data.validation.config import ValidationConfig
from engine.data.validation.levels import measure_levels
from engine.data.validation.speech_rate import mismatch, syllables
from tests.unit.engine.data.validation.waves import RATE_HZ, voice


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("seven", 2), ("named", 1), ("idea", 3), ("the quick brown fox jumps over the lazy dog", 11), ("twenty-seven", 4),
        ("1914", 4), ("777", 7), ("FBI", 3), ("привет", 2), ("Größe", 2), ("你好世界", 4), ("こんにちは", 5), ("...", 0),
        ("안녕하세요", 5), ("शांति", 2), ("हिन्दी बोलो", 4), ("मैं स्कूल जाता हूँ", 5), ("வணக்கம்", 3), ("สวัสดีครับ", 4),
        ("ខ្ញុំទៅសាលា", 4), ("ကျွန်တော်သွားမယ်", 5), ("བཀྲ་ཤིས་བདེ་ལེགས", 4), ("كِتَابٌ", 3), ("שָׁלוֹם", 2), ("きょうは学校に行きます", 10),
        ("我用iPhone手机", 6), ("ሰላም", 2), ("бүгін ауа райы жақсы", 7), ("გამარჯობა", 4), ("Բարեւ", 2), ("প্রধানমন্ত্রী", 4),
    ],
)  # fmt: skip
def test_the_true_number_of_syllables_is_within_the_bounds(text: str, spoken: int) -> None:
    fewest, most = syllables(text)
    assert fewest <= spoken <= most


def test_pauses_are_no_speech_and_texts_are_held_against_what_is_left() -> None:
    config = ValidationConfig()
    for pause_s in (0.1, 3.0):
        wave_T = voice(1, syllables=6, pause_s=pause_s)
        levels = measure_levels(wave_T, RATE_HZ)
        assert 1.0 < levels.sound_s < 1.9, pause_s  # six of 0.2 s, and closures of 0.1 s where they are that short
        duration_s = len(wave_T) / RATE_HZ
        assert mismatch("one two three four five six", levels, duration_s, config) is None
        assert mismatch("no", levels, duration_s, config) is None
        reason = mismatch("a word " * 15, levels, duration_s, config)
        assert reason is not None
        assert reason.startswith("its text of 105 characters takes at least 30 syllables, and there are ")
    wave_T = voice(1, syllables=30)
    reason = mismatch("no", measure_levels(wave_T, RATE_HZ), len(wave_T) / RATE_HZ, config)
    assert reason is not None
    assert "has at most 1 syllables, and there are " in reason
    assert reason.endswith("allowed: at most 2.25 s (0.65 s for a syllable, and 1.6 s)")


def test_soft_syllables_of_speech_without_pauses_are_no_silence() -> None:
    config = ValidationConfig()
    wave_T = voice(1, syllables=20, pause_s=0.0)[1600:-1600]
    for start in range(0, len(wave_T), 6400):  # every second syllable is 12 dB softer
        wave_T[start : start + 3200] *= 0.25
    wave_T = wave_T + (0.03 * np.random.default_rng(1).standard_normal(len(wave_T))).astype(np.float32)
    levels, duration_s = measure_levels(wave_T, RATE_HZ), len(wave_T) / RATE_HZ
    assert 10.0 < levels.range_db < config.clear_range_db
    assert levels.sound_s < 0.7 * duration_s
    assert mismatch("今" * round(9 * duration_s), levels, duration_s, config) is None
    assert mismatch("今" * round(15 * duration_s), levels, duration_s, config) is not None


def test_levels_of_noise_and_speech() -> None:
    generator = np.random.default_rng(0)
    noise_T = (0.001 * generator.standard_normal(RATE_HZ)).astype(np.float32)
    steady = measure_levels(noise_T + np.float32(0.3), RATE_HZ)  # a constant offset is no sound
    assert steady.range_db < 3.0
    assert steady.speech_dbfs == pytest.approx(-60.0, abs=0.5)
    assert not steady.pauses_known
    speech = measure_levels(voice(2), RATE_HZ)
    assert speech.range_db > 30.0
    assert speech.pauses_known
    # One word in ten seconds of noise is found.
    long_T = np.concatenate([noise_T] * 10)
    long_T[40_000 : 40_000 + 4800] += voice(3, syllables=1)[:4800] * 0.05
    found = measure_levels(long_T, RATE_HZ)
    assert found.range_db > 10.0
    assert 0.1 < found.sound_s < 0.5


@pytest.mark.parametrize(
    ("text", "least"),
    [("लिखना सोना", 4), ("今天天气很好", 4.8), ("слова на русском", 5), ("كتب الولد الدرس", 5), ("안녕하세요", 4)],
)
def test_a_text_has_about_as_many_syllables_as_its_script_shows(text: str, least: float) -> None:
    assert syllables(text)[0] >= least
