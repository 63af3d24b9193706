"""Common English words in addition to those of the domain, so that the model learns sounds.

A model trained only on the 35 words of the domain tells them apart by any difference in synthetic speech, which may not
exist in real speech (docs/LOG.md). To tell thousands of words apart, it has to learn sounds.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.recipes.whisper_pico.synthesis.espeak import transcribe
from engine.recipes.whisper_pico.synthesis.pronunciation import PLAIN_PHONEMES, WORDS

_LIST = Path(__file__).with_name("common_words.txt")

# Maps espeak-ng's names for the sounds of American English to the phonemes of `engine.recipes.whisper_pico.synthesis.pronunciation`.
_SOUNDS: Mapping[str, str] = {
    "t#": "t", "t2": "t", "I#": "I", "I2": "I", "i": "i:", "3": "@ R", "3:": "3: R", "@L": "@ l", "@-": "@", "@2": "@",
    "a#": "@", "aa": "A:", "A@": "A: R", "o@": "O: R", "O@": "O: R", "O2": "0", "e@": "E R", "i@": "i: @",
    "i@3": "i: R", "U@": "U R", "aI@": "aI @", "aI3": "aI R",
}  # fmt: skip
_VOWELS = "aeiouAEIOUV0@3"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that sound different from each other and from those of the domain."""

    words: tuple[str, ...]
    """All words, most frequent first, for English speakers."""
    phonemes: Mapping[str, str]
    """Phonemes, as in `PHONEMES`, of the words that speakers of other languages can say too."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """Words for all speakers."""
        return tuple(self.phonemes)


@functools.cache
def common_words(count: int) -> Vocabulary:
    """The most frequent English words of up to nine letters.

    Of words that sound alike, keeps the most frequent; drops words that sound like one of the domain ("for", "won").

    Args:
        count: number of words to consider.
    """
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    listed = [word for word in lines if word and not word.startswith("#")][:count]
    heard = {_bare(sounds) for sounds in transcribe(WORDS)}
    words, phonemes = [], {}
    for word, sounds in zip(listed, transcribe(listed), strict=True):
        if word in WORDS or _bare(sounds) in heard or not sounds:
            continue
        heard.add(_bare(sounds))
        words.append(word)
        known = _known(sounds)
        if known is not None:
            phonemes[word] = known
    return Vocabulary(tuple(words), phonemes)


def _bare(sounds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sound.lstrip("',") for sound in sounds)


def _known(sounds: tuple[str, ...]) -> str | None:
    """Sounds in the notation of `PHONEMES`; None if one has no known realisation in other accents."""
    symbols = []
    for sound in sounds:
        stress, plain = ("'" if sound.startswith("'") else ""), sound.lstrip("',")
        for symbol in _SOUNDS.get(plain, plain).split():
            if symbol not in PLAIN_PHONEMES:
                return None
            is_vowel = symbol[0] in _VOWELS
            symbols.append((stress if is_vowel else "") + symbol)
            stress = "" if is_vowel else stress
    return " ".join(symbols) if len(symbols) > 1 else None
