from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine.errors import EngineError
from engine.recipes.whisper_pico.synthesis.espeak import (
    RATE_HZ,
    SynthesisError,
    Synthesizer,
    Voice,
    accents,
    variants,
    voice_file,
)


@pytest.fixture(scope="module")
def synthesizer() -> Iterator[Synthesizer]:
    with Synthesizer() as opened:
        yield opened


def _pitch_hz(wave_T: npt.NDArray[np.float32]) -> float:
    """The median over loud frames of the lag at which a frame is most like itself."""
    frame, pitches = 1102, []
    for start in range(0, len(wave_T) - 2 * frame, frame // 2):
        piece_T = wave_T[start : start + 2 * frame]
        if np.sqrt(np.square(piece_T).mean()) > 0.5 * np.sqrt(np.square(wave_T).mean()):
            likeness = np.correlate(piece_T, piece_T[:frame])
            shortest = RATE_HZ // 400
            pitches.append(RATE_HZ / (shortest + int(likeness[shortest:].argmax())))
    return float(np.median(pitches))


def test_a_word_is_speech_of_plausible_length(synthesizer: Synthesizer) -> None:
    wave_T = synthesizer.speak("seven", Voice())
    assert wave_T.dtype == np.float32
    assert 0.25 < len(wave_T) / RATE_HZ < 1.0
    assert 0.02 < np.sqrt(np.square(wave_T).mean()) < 0.5
    assert np.abs(wave_T).max() <= 1.0


def test_more_words_take_longer(synthesizer: Synthesizer) -> None:
    lengths = [len(synthesizer.speak(text, Voice())) for text in ("one", "one two", "one two three")]
    assert lengths[0] * 1.3 < lengths[1] and lengths[1] * 1.2 < lengths[2]


@pytest.mark.parametrize("variant", [None, "f3", "klatt4", "whisper", "Hugo"])
def test_what_was_said_before_does_not_matter(variant: str | None) -> None:
    voice = Voice("en-us", variant, settings=("flutter 15", "roughness 3"))
    with Synthesizer() as first, Synthesizer() as second:
        second.speak("something else, and longer", Voice("de", "m3"), seed=9)
        assert np.array_equal(first.speak("three one", voice, seed=5), second.speak("three one", voice, seed=5))


def test_rate_pitch_and_gaps_are_obeyed(synthesizer: Synthesizer) -> None:
    voice = Voice("en-us", "m3", pitch_hz=100, pitch_range_hz=10)
    usual_T = synthesizer.speak("nine nine", voice)
    assert len(synthesizer.speak("nine nine", replace(voice, rate_wpm=120))) > 1.2 * len(usual_T)
    assert len(synthesizer.speak("nine nine", replace(voice, word_gap_ms=300))) > len(usual_T) + 0.1 * RATE_HZ
    high_T = synthesizer.speak("nine nine", replace(voice, pitch_hz=200))
    assert _pitch_hz(usual_T) == pytest.approx(105, rel=0.15)
    assert _pitch_hz(high_T) == pytest.approx(205, rel=0.15)


def test_formant_factors_move_the_spectrum_up(synthesizer: Synthesizer) -> None:
    def centroid_hz(voice: Voice) -> float:
        wave_T = synthesizer.speak("one nine", voice)
        power_K = np.square(np.abs(np.fft.rfft(wave_T)))
        frequencies_K = np.fft.rfftfreq(len(wave_T), 1 / RATE_HZ)
        return float((power_K * frequencies_K).sum() / power_K.sum())

    assert centroid_hz(Voice(formant_factors=(1.3, 1.3, 1.3))) > 1.1 * centroid_hz(Voice())


def test_a_weak_formant_is_weak_and_soft_consonants_are_soft(synthesizer: Synthesizer) -> None:
    def level_db(text: str, voice: Voice, low_hz: float, high_hz: float) -> float:
        """Of a band, against the whole."""
        wave_T = synthesizer.speak(text, voice)
        power_K = np.square(np.abs(np.fft.rfft(wave_T)))
        frequencies_K = np.fft.rfftfreq(len(wave_T), 1 / RATE_HZ)
        band_K = (frequencies_K >= low_hz) & (frequencies_K < high_hz)
        return float(10 * np.log10(power_K[band_K].sum() / power_K.sum()))

    # [i:]: the second formant is at 2.3 kHz, the third one near it.
    weak = Voice(formant_strengths=(1.0, 0.1, 0.1))
    assert level_db("[[i:]]", weak, 1800, 3000) < level_db("[[i:]]", Voice(), 1800, 3000) - 10
    assert level_db("[[i:]]", Voice(formant_widths=(1.0, 4.0)), 1000, 1800) > level_db("[[i:]]", Voice(), 1000, 1800)
    assert (
        level_db("six", Voice(settings=("consonants 10 10",)), 4500, 9000) < level_db("six", Voice(), 4500, 9000) - 10
    )


def test_phonemes_are_said_in_other_languages(synthesizer: Synthesizer) -> None:
    waves = [synthesizer.speak("[[s|'E|v|@|n]]", Voice(accent)) for accent in ("en-us", "de", "fr", "el", "hi")]
    assert all(0.25 < len(wave_T) / RATE_HZ < 1.0 for wave_T in waves)
    assert len({wave_T.tobytes() for wave_T in waves}) == len(waves)


def test_the_installed_voices_are_found() -> None:
    assert {"en-us", "en", "en-gb-scotland", "de", "fr-be", "el", "hi"} <= set(accents())
    assert {"f1", "f5", "m1", "m8", "klatt", "croak", "whisper"} <= set(variants())


def test_a_voice_file_scales_the_formants_of_its_variant() -> None:
    lines = voice_file(Voice("en-us", "f1", pitch_hz=150, formant_factors=(1.1,), settings=("flutter 3",))).splitlines()
    assert "formant 1 132 80 180" in lines  # f1 itself has 120 80 180
    assert "formant 2 100 70 150 150" in lines
    louder = voice_file(
        Voice("en-us", "f1", formant_factors=(1.1,), formant_strengths=(1.0, 0.5), formant_widths=(2.0,))
    )
    assert {"formant 1 132 80 360", "formant 2 100 35 150 150"} <= set(louder.splitlines())
    assert "formant 2 100 50" in voice_file(Voice(formant_strengths=(1.0, 0.5))).splitlines()
    assert lines[-2:] == ["pitch 150 190", "flutter 3"]
    assert "language variant" not in lines and "language en-us 2" in lines


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        (Voice("klingon"), r"no accent 'klingon'; allowed: .*en-us"),
        (Voice(variant="f99"), r"no voice variant 'f99'; allowed: .*f1"),
        (Voice(rate_wpm=20), r"rate_wpm is 20; allowed: 80 to 450"),
        (Voice(pitch_hz=5.0), r"pitch_hz is 5.0; allowed: 30 to 500"),
        (Voice(pitch_range_hz=-1.0), r"pitch_range_hz is -1.0; it must be 0 or more"),
        (Voice(word_gap_ms=-10), r"word_gap_ms is -10; it must be 0 or more"),
        (Voice(formant_factors=(1.0,) * 9), r"9 formant factors; allowed: up to 8"),
        (Voice(formant_strengths=(1.0,) * 9), r"9 formant strengths; allowed: up to 8"),
        (Voice(formant_widths=(1.0,) * 10), r"10 formant widths; allowed: up to 8"),
    ],
)
def test_faulty_voices_are_refused(synthesizer: Synthesizer, voice: Voice, message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        synthesizer.speak("one", voice)


def test_nothing_to_say_is_an_error(synthesizer: Synthesizer) -> None:
    with pytest.raises(EngineError, match=r"en-us says nothing for '\.'; give words or \[\[phonemes\]\]"):
        synthesizer.speak(".", Voice())
