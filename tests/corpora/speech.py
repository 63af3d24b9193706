"""Good items that are hard to tell from bad ones: quiet, breathy, hurried, slow, with pauses, said twice, in accents."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audio.reading import resample
from engine.synthesis.corpus import trim
from engine.synthesis.espeak import RATE_HZ, Synthesizer, Voice
from engine.synthesis.pronunciation import is_english
from engine.synthesis.voices import train_speaker

Wave = npt.NDArray[np.float32]
Generator = np.random.Generator

CORPUS_RATE_HZ = 16_000
_LIMITED = 0.96  # espeak-ng cuts off what would be louder
SPEAKERS = 60

_WORDS = (
    "the a of to and in is it you that he was for on are with as his they at be this from have or by one had not but "
    "what all were when we there can an your which their said if do will each about how up out them then she many some "
    "so these would other into has more her two like him see time could no make than first been its who now people my "
    "made over did down only way find use may water long little very after words called just where most know get "
    "through back much before go good new write our used me man too any day same right look think also around another "
    "came come work three word must because does part even place well such here take why things help put years different "
    "away again off went old number great tell men say small every found still between name should home big give air "
    "line set own under read last never us left end along while might next sound below saw something thought both few"
)
WORDS = tuple(_WORDS.split())
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES = ("Maria", "Ahmed", "Chloe", "Lars", "Priya", "Yuki", "Lagos", "Warsaw", "Kyoto", "Lima")
FOREIGN = (
    "café au lait", "naïve Élodie", "señor Muñoz", "Łódź und Kraków", "smørrebrød og øl", "über größere Straßen",
    "crème brûlée", "São João", "Dvořák a Smetana", "İstanbul ve Çeşme", "l'été où déjà", "Þórður og Æsa", "“quoted” – yes…",
)  # fmt: skip
SHORT = ("no", "yes", "go", "up", "on", "off", "stop", "left", "right", "one", "two", "six", "eight")

GOOD_KINDS = (
    "plain", "plain", "plain", "quiet", "breathy", "short_word", "long_pauses", "loud", "slow", "fast", "digit_words",
    "digit_string", "name", "foreign_letters", "same_text", "said_twice", "noisy", "rumble",
)  # fmt: skip
"""Kinds of good items, drawn evenly."""


@dataclass(frozen=True, slots=True)
class Said:
    """Speech and its text."""

    wave_T: Wave
    """At 16 kHz, in [-1, 1]."""
    text: str
    speaker: str


class Talkers:
    """Speakers of a corpus, each with a voice of their own."""

    def __init__(self, seed: int, synthesizer: Synthesizer) -> None:
        self._seed = seed
        self._synthesizer = synthesizer
        self._voices: list[Voice] = []
        number = 0
        while len(self._voices) < SPEAKERS:
            voice = train_speaker(np.random.default_rng([seed, 7, number])).voice
            number += 1
            wave_T = synthesizer.speak("no yes seven go", voice)
            # With other accents espeak-ng spells English words letter by letter.
            if is_english(voice.accent) and float(np.abs(wave_T).max()) < _LIMITED:
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
        text = _text(kind, generator)
        spoken = text
        if kind == "breathy":
            voice = dataclasses.replace(voice, settings=(*voice.settings, "breath 40 40 27 20", "voicing 60"))
        elif kind == "slow":
            voice = dataclasses.replace(voice, rate_wpm=int(generator.integers(85, 110)))
        elif kind == "fast":
            voice = dataclasses.replace(voice, rate_wpm=int(generator.integers(260, 320)))
        elif kind == "said_twice":
            spoken = text = DIGITS[int(generator.integers(10))]
        elif kind == "digit_string":
            spoken = " ".join(DIGITS[int(digit)] for digit in text.split())
        wave_T = self._speak(spoken, voice, generator, pauses=kind == "long_pauses")
        if wave_T is None:
            return None
        return Said(_recorded(wave_T, kind, generator), text, f"talker{number:02d}")

    def _speak(self, text: str, voice: Voice, generator: Generator, pauses: bool) -> Wave | None:
        pieces = text.split() if pauses else [text]
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


def _text(kind: str, generator: Generator) -> str:
    if kind in ("short_word", "same_text"):
        return SHORT[int(generator.integers(len(SHORT) if kind == "short_word" else 2))]
    if kind == "long_pauses":
        return " ".join(generator.choice(WORDS, size=int(generator.integers(2, 5))).tolist())
    if kind in ("digit_words", "digit_string"):
        digits = generator.integers(10, size=int(generator.integers(2, 7))).tolist()
        return " ".join(DIGITS[digit] if kind == "digit_words" else str(digit) for digit in digits)
    words = generator.choice(WORDS, size=int(generator.integers(2, 15))).tolist()
    if kind == "name":
        words[int(generator.integers(len(words)))] = " ".join(generator.choice(NAMES, size=2).tolist())
    if kind == "foreign_letters":
        words[int(generator.integers(len(words)))] = FOREIGN[int(generator.integers(len(FOREIGN)))]
    return " ".join(words)


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
