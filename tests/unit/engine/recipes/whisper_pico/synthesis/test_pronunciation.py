from __future__ import annotations

import numpy as np
import pytest

from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ, Synthesizer, Voice, accents
from engine.recipes.whisper_pico.synthesis.pronunciation import (
    DIGITS,
    FOREIGN_ACCENTS,
    PHONEMES,
    WORDS,
    is_english,
    pronounce,
)
from engine.recipes.whisper_pico.synthesis.voices import HELD_OUT_ACCENTS, TRAIN_ACCENTS


def test_every_word_has_phonemes_and_every_accent_a_voice() -> None:
    assert set(PHONEMES) == set(WORDS)
    assert set(FOREIGN_ACCENTS) <= set(accents())
    spoken = {*TRAIN_ACCENTS, *HELD_OUT_ACCENTS}
    assert spoken <= set(accents())
    assert all(is_english(accent) or accent in FOREIGN_ACCENTS for accent in spoken)


def test_the_plain_pronunciation_is_the_english_one() -> None:
    generator = np.random.default_rng(0)
    assert pronounce("seven", "fr", generator, strength=0.0) == "[[s|'E|v|@|n]]"
    assert pronounce("one", "de", generator, strength=0.0) == "[[w|'a|n]]"  # German has no V


def test_strength_gives_accents_their_own_sounds() -> None:
    generator = np.random.default_rng(0)
    threes = {pronounce("three", "fr", generator, strength=0.5) for _ in range(50)}
    assert {"[[T|r|'i:]]", "[[t|r|'i:]]", "[[s|r|'i:]]"} <= threes


@pytest.mark.parametrize("accent", sorted({*TRAIN_ACCENTS, *HELD_OUT_ACCENTS}))
def test_no_accent_cuts_a_digit_short(accent: str) -> None:
    """A phoneme that a language lacks ends the word there; then `six` would be as short as its s."""
    generator = np.random.default_rng(1)
    with Synthesizer() as synthesizer:
        for word in DIGITS:
            wave_T = synthesizer.speak(pronounce(word, accent, generator), Voice(accent))
            assert len(wave_T) / RATE_HZ > 0.15, word
