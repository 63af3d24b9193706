"""Good items that are hard to tell from bad ones: quiet, breathy, hurried, slow, with pauses, said twice, in accents."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audio.reading import resample
from engine.recipes.whisper_pico.synthesis.corpus import trim
from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ, RATES_WPM, Synthesizer, Voice
from engine.recipes.whisper_pico.synthesis.pronunciation import is_english
from engine.recipes.whisper_pico.synthesis.voices import train_speaker
from tests.corpora.languages import ENGLISH, Language

Wave = npt.NDArray[np.float32]
Generator = np.random.Generator

CORPUS_RATE_HZ = 16_000
_LIMITED = 0.96  # espeak-ng cuts off what would be louder
SPEAKERS = 60

GOOD_KINDS = (
    "plain", "plain", "plain", "quiet", "breathy", "short_word", "long_pauses", "loud", "slow", "fast", "digit_words",
    "digit_string", "name", "hard_text", "same_text", "said_twice", "noisy", "rumble",
)  # fmt: skip
"""Kinds of good items, drawn evenly."""


@dataclass(frozen=True, slots=True)
class Said:
    """Speech and its text."""

    wave_T: Wave
    """At 16 kHz, in [-1, 1]."""
    text: str
    speaker: str
    language: Language
    words: tuple[str, ...]
    """Those of the text, also where no blanks stand between them."""


class Talkers:
    """Speakers of a corpus, each with a voice of their own."""

    def __init__(self, seed: int, synthesizer: Synthesizer, language: Language = ENGLISH) -> None:
        self.language = language
        self._seed = seed
        self._synthesizer = synthesizer
        self._voices: list[Voice] = []
        number = 0
        while len(self._voices) < SPEAKERS:
            voice = train_speaker(np.random.default_rng([seed, 7, number])).voice
            number += 1
            # With other accents espeak-ng spells English words letter by letter.
            can_speak = is_english(voice.accent) or language.accent is not None
            if language.accent is not None:
                voice = dataclasses.replace(voice, accent=language.accent)
            said = "no yes seven go" if language is ENGLISH else " ".join(language.short[:4])
            wave_T = synthesizer.speak(said, voice)
            if can_speak and float(np.abs(wave_T).max()) < _LIMITED:
                rate_wpm = int(np.clip(voice.rate_wpm, 120, 210))
                self._voices.append(dataclasses.replace(voice, word_gap_ms=0, rate_wpm=rate_wpm))

    def say(self, kind: str, index: int) -> Said:
        """A good item: a function of the seed, the kind and the number."""
        generator = np.random.default_rng([self._seed, 1, index])
        while True:
            said = self._try(kind, index, generator)
            if said is not None:
                return said

    def _try(self, kind: str, index: int, generator: Generator) -> Said | None:
        """One draw; None where espeak-ng's own limiter has cut the peaks of a loud voice."""
        number = int(generator.integers(20 if kind == "said_twice" else SPEAKERS))
        voice = self._voices[number]
        # Nobody says anything twice in the same length, pitch and mouth.
        pitch_hz = max(45.0, (voice.pitch_hz or 100.0) * float(generator.uniform(0.93, 1.07)))
        formant_factors = tuple(factor * float(np.exp(generator.normal(0.0, 0.03))) for factor in voice.formant_factors)
        voice = dataclasses.replace(
            voice,
            pitch_hz=pitch_hz,
            pitch_range_hz=voice.pitch_range_hz * float(generator.uniform(0.6, 1.5)),
            rate_wpm=voice.rate_wpm + int(generator.integers(-15, 16)),
            formant_factors=formant_factors,
        )
        language = self.language
        words = spoken = _words(kind, language, generator)
        if kind == "breathy":
            voice = dataclasses.replace(voice, settings=(*voice.settings, "breath 40 40 27 20", "voicing 60"))
        elif kind == "slow":
            voice = dataclasses.replace(voice, rate_wpm=int(generator.integers(85, 110)))
        elif kind == "fast":
            voice = dataclasses.replace(voice, rate_wpm=int(generator.integers(260, 320)))
        elif kind == "said_twice":
            spoken = words = (language.digits[int(generator.integers(10))],)
        elif kind == "digit_string":
            spoken = tuple(language.digits[int(digit)] for digit in words)
            words = tuple(language.figures[int(digit)] for digit in words)
        voice = dataclasses.replace(voice, rate_wpm=max(RATES_WPM[0], round(voice.rate_wpm * language.pace)))
        pieces = spoken if kind == "long_pauses" else (language.blank.join(spoken),)
        wave_T = self._speak(pieces, voice, generator, pauses=kind == "long_pauses")
        if wave_T is None:
            return None
        blank = " " if kind == "digit_string" else language.blank
        return Said(_recorded(wave_T, kind, generator), blank.join(words), f"talker{number:02d}", language, words)

    def _speak(self, pieces: tuple[str, ...], voice: Voice, generator: Generator, pauses: bool) -> Wave | None:
        waves = []
        for piece in pieces:
            wave_T = self._synthesizer.speak(piece, voice, seed=int(generator.integers(1, 2**31)))
            if float(np.abs(wave_T).max()) > _LIMITED:
                return None
            wave_T = trim(resample(wave_T, RATE_HZ, CORPUS_RATE_HZ), CORPUS_RATE_HZ, 0.05, 0.05)
            waves.append(wave_T)
            if pauses:
                waves.append(np.zeros(int(generator.uniform(0.5, 2.0) * CORPUS_RATE_HZ), np.float32))
        return np.concatenate(waves)[: 29 * CORPUS_RATE_HZ]


def _words(kind: str, language: Language, generator: Generator) -> tuple[str, ...]:
    if kind in ("short_word", "same_text"):
        return (language.short[int(generator.integers(len(language.short) if kind == "short_word" else 2))],)
    if kind == "long_pauses":
        return tuple(generator.choice(language.words, size=int(generator.integers(2, 5))).tolist())
    if kind in ("digit_words", "digit_string"):
        digits = generator.integers(10, size=int(generator.integers(2, 7))).tolist()
        return tuple(language.digits[digit] if kind == "digit_words" else str(digit) for digit in digits)
    words: list[str] = generator.choice(language.words, size=int(generator.integers(2, 15))).tolist()
    if kind == "name":
        words[int(generator.integers(len(words)))] = " ".join(generator.choice(language.names, size=2).tolist())
    if kind == "hard_text":
        words[int(generator.integers(len(words)))] = language.hard[int(generator.integers(len(language.hard)))]
    return tuple(words)


def _recorded(wave_T: Wave, kind: str, generator: Generator) -> Wave:
    """The wave at a level, with the noise of a recorder."""
    peak_db = float(generator.uniform(-15.0, -2.0))
    snr_db = float(generator.uniform(35.0, 60.0))
    if kind == "quiet":
        peak_db = float(generator.uniform(-40.0, -28.0))
    elif kind == "loud":
        peak_db = float(generator.uniform(-0.3, -0.001))
    elif kind == "noisy":
        snr_db = float(generator.uniform(14.0, 25.0))
    wave_T = wave_T + noise(len(wave_T), rms(wave_T) * 10 ** (-snr_db / 20), generator)
    if kind == "rumble":
        rumble_T = np.cumsum(generator.standard_normal(len(wave_T))).astype(np.float32)
        rumble_T -= np.linspace(rumble_T[0], rumble_T[-1], len(rumble_T), dtype=np.float32)
        wave_T = wave_T + rumble_T * (0.15 * rms(wave_T) / max(rms(rumble_T), 1e-9))
    return at_peak(wave_T, peak_db)


def at_peak(wave_T: Wave, peak_db: float) -> Wave:
    """The wave with its highest sample at a level, in dB of full scale."""
    return (wave_T * (10 ** (peak_db / 20) / max(float(np.abs(wave_T).max()), 1e-9))).astype(np.float32)


def rms(wave_T: Wave) -> float:
    """Root of the mean power."""
    return float(np.sqrt(np.mean(np.square(wave_T))))


def noise(samples: int, level: float, generator: Generator) -> Wave:
    """White noise of an RMS level."""
    return (level * generator.standard_normal(samples)).astype(np.float32)
