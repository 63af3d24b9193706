"""Draw random voices for training, and voices with held-out accents and variants for validation."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from engine.recipes.whisper_pico.synthesis.espeak import Voice, variants

TRAIN_ACCENTS = {
    "en-us": 5.0, "en": 4.0, "en-gb-x-rp": 3.0, "en-gb-scotland": 2.0, "en-gb-x-gbclan": 2.0, "en-029": 2.0,
    "de": 2.0, "fr": 1.5, "fr-be": 1.0, "fr-ch": 0.5, "el": 1.5, "hi": 1.5, "es": 0.7, "es-419": 0.5, "nl": 1.0,
    "pl": 0.7, "pt": 0.5, "pt-br": 0.5, "sv": 0.5, "tr": 0.5, "hu": 0.5, "fi": 0.5, "da": 0.5, "nb": 0.5,
    "bg": 0.4, "ta": 0.6, "id": 0.5, "ur": 0.5, "bn": 0.5, "mr": 0.5, "lb": 0.4, "af": 0.6, "et": 0.4, "sl": 0.4,
    "ja": 0.4, "hr": 0.4,
}  # fmt: skip
"""Accents of the training voices with their weights: about half are English."""

HELD_OUT_ACCENTS = (
    "en-us-nyc", "en-gb-x-gbcwmd", "it", "cs", "sk", "ro", "ru", "uk", "lt", "ko", "sw",
)  # fmt: skip
"""Accents that no training voice has."""

HELD_OUT_VARIANTS = (
    "m7", "f5", "klatt5", "Hugo", "linda", "boris", "steph2", "pablo", "grandma", "kaukovalta", "aunty", "michel",
    "Andrea", "Mike", "norbert",
)  # fmt: skip
"""Variants that no training voice has."""

_NOT_HUMAN = (
    "Demonic", "Mr serious", "Storm", "anika", "UniRobot", "anikaRobot", "robosoft", "robosoft2", "robosoft3", "robosoft4",
    "robosoft5", "robosoft6", "robosoft7", "robosoft8", "fast", "whisper", "whisperf", "Tweaky", "AnxiousAndy",
)  # fmt: skip
"""Robots, whispers and effects, unlike any speaker."""

_KLATT_ABLE = ("m1", "m2", "m3", "m4", "m5", "m6", "m8", "f1", "f2", "f3", "f4")
"""Variants that espeak-ng's Klatt synthesiser supports; it is silent with some others."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice and the size of the vocal tract behind it."""

    voice: Voice
    size_factor: float
    """Factor by which the synthesised wave is played faster, which raises all formants; the voice compensates."""


def train_variants() -> tuple[str, ...]:
    """Variants of the training voices: all human ones that are not held out."""
    return tuple(name for name in variants() if name not in _NOT_HUMAN and name not in HELD_OUT_VARIANTS)


def train_speaker(generator: np.random.Generator, timbre: float = 0.0) -> Speaker:
    """A random training speaker.

    Args:
        generator: draws the voice.
        timbre: how much of a random timbre the voice gets (formants' strengths and widths, loudness of consonants),
            from 0 for none to 1.
    """
    names, weights = list(TRAIN_ACCENTS), np.array(list(TRAIN_ACCENTS.values()))
    accent = names[int(generator.choice(len(names), p=weights / weights.sum()))]
    return _speaker(accent, train_variants(), generator, timbre)


def held_out_speaker(generator: np.random.Generator) -> Speaker:
    """A random speaker whose accent and variant no training speaker has."""
    accent = HELD_OUT_ACCENTS[int(generator.integers(len(HELD_OUT_ACCENTS)))]
    return _speaker(accent, HELD_OUT_VARIANTS, generator)


def _speaker(accent: str, names: tuple[str, ...], generator: np.random.Generator, timbre: float = 0.0) -> Speaker:
    variant = names[int(generator.integers(len(names)))]
    # Factor on the formants of espeak-ng's male voice: 0.85 for a large man, 1.15 for a woman, 1.3 for a child.
    tract = float(generator.triangular(0.84, 1.02, 1.32))
    size_factor = float(generator.uniform(0.9, 1.15))
    scale = tract / (size_factor * _formant_factor(variant))
    formant_factors = tuple(float(scale * factor) for factor in np.exp(generator.normal(0.0, 0.035, size=5)))
    pitch_hz = float(np.clip(92.0 * tract**3 * np.exp(generator.normal(0.0, 0.22)), 62.0, 330.0))
    pitch_range_hz = pitch_hz * float(generator.uniform(0.05, 0.75))
    rate_wpm = float(np.exp(generator.uniform(np.log(95.0), np.log(240.0))))
    settings = [f"flutter {generator.integers(0, 16)}"]
    if generator.random() < 0.3:
        settings.append(f"voicing {generator.integers(55, 130)}")
    if generator.random() < 0.3:
        settings.append(f"consonants {generator.integers(60, 150)} {generator.integers(60, 150)}")
    if generator.random() < 0.25:
        breath = generator.integers(5, 45)
        settings += [f"breath {breath} {breath} {breath * 2 // 3} {breath // 2}", "breathw 150 150 200 200 400 400"]
    if generator.random() < 0.2:
        settings.append(f"roughness {generator.integers(1, 7)}")
    if variant in _KLATT_ABLE and generator.random() < 0.3:
        settings.append(f"klatt {generator.integers(1, 5)}")
    voice = Voice(
        accent=accent,
        variant=variant,
        rate_wpm=int(np.clip(rate_wpm / size_factor, 85, 300)),
        pitch_hz=max(45.0, pitch_hz / size_factor),
        pitch_range_hz=pitch_range_hz / size_factor,
        word_gap_ms=int(generator.integers(0, 15)) * 10 if generator.random() < 0.4 else 0,
        formant_factors=formant_factors,
        settings=tuple(settings),
    )
    if timbre:
        voice = _with_timbre(voice, timbre, generator)
    return Speaker(voice, size_factor)


def _with_timbre(voice: Voice, amount: float, generator: np.random.Generator) -> Voice:
    """Change the strengths and widths of formants and the loudness of consonants, mostly making them softer.

    Some people have a strong second formant; in others it drowns in noise. Below 4 kHz the start of espeak-ng's "six"
    is 17 to 34 dB below its loudest moment, that of real speakers up to 53 dB.
    """
    slope_db = float(generator.uniform(-7.0, 3.0))  # per formant: a dull or a sharp voice
    levels_db = [slope_db * number + float(generator.normal(0.0, 4.0)) for number in range(5)]
    widths = np.exp(generator.normal(0.1, 0.3, size=5))
    soft_db, voiced_db = generator.uniform((-22.0, -12.0), (2.0, 2.0))
    consonants = [max(1, round(100 * 10 ** (amount * level_db / 20))) for level_db in (soft_db, voiced_db)]
    return replace(
        voice,
        formant_strengths=tuple(10 ** (amount * level_db / 20) for level_db in levels_db),
        formant_widths=tuple(float(width**amount) for width in widths),
        settings=(*voice.settings, f"consonants {consonants[0]} {consonants[1]}"),
    )


@functools.cache
def _formant_factor(variant: str) -> float:
    """Mean factor of a variant on formants 1 to 3."""
    factors = {1: 1.0, 2: 1.0, 3: 1.0}
    for line in variants()[variant].read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words[:1] == ["formant"] and int(words[1]) in factors:
            factors[int(words[1])] = float(words[2]) / 100
    return float(np.clip(np.mean(list(factors.values())), 0.8, 1.4))
