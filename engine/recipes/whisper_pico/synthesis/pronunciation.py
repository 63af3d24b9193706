"""Pronounce the words of the domain in espeak-ng's phonemes, as each accent realises them.

An English accent reads the word itself. A speaker of another language uses the sounds of that language: each English
phoneme is replaced by one of its likely realisations that espeak-ng supports for the language.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHER_WORDS = (
    "forward", "backward", "follow", "learn", "visual", "bed", "bird", "cat", "dog", "happy", "house", "marvin",
    "sheila", "tree", "wow",
)  # fmt: skip
WORDS = DIGITS + COMMANDS + OTHER_WORDS

PHONEMES: Mapping[str, str] = {
    "zero": "z 'i: r oU", "one": "w 'V n", "two": "t 'u:", "three": "T r 'i:", "four": "f 'O: R", "five": "f 'aI v",
    "six": "s 'I k s", "seven": "s 'E v @ n", "eight": "'eI t", "nine": "n 'aI n",
    "yes": "j 'E s", "no": "n 'oU", "up": "'V p", "down": "d 'aU n", "left": "l 'E f t", "right": "r 'aI t",
    "on": "'0 n", "off": "'0 f", "stop": "s t '0 p", "go": "g 'oU",
    "forward": "f 'O: R w @ R d", "backward": "b 'a k w @ R d", "follow": "f '0 l oU", "learn": "l '3: R n",
    "visual": "v 'I Z u: @ l", "bed": "b 'E d", "bird": "b '3: R d", "cat": "k 'a t", "dog": "d '0 g",
    "happy": "h 'a p i:", "house": "h 'aU s", "marvin": "m 'A: R v I n", "sheila": "S 'i: l @", "tree": "t r 'i:",
    "wow": "w 'aU",
}  # fmt: skip
"""English phonemes; `R` is an r that only some accents pronounce, `'` marks the stressed vowel."""

_REALISATIONS: Mapping[str, tuple[str, ...]] = {
    "T": ("T", "t", "s", "f"), "w": ("w", "v"), "v": ("v", "f", "b"), "z": ("z", "dz", "s"), "h": ("h", "x"),
    "Z": ("Z", "S", "dZ", "z"), "S": ("S", "s"), "j": ("j",), "R": ("r", ""),
    "d": ("d", "t"), "g": ("g", "k"),
    "V": ("V", "a", "o"), "I": ("I", "i"), "E": ("E", "e"), "i:": ("i:", "i"), "u:": ("u:", "u"),
    "O:": ("O:", "o:", "O", "o"), "0": ("0", "O", "o"), "a": ("a", "E", "e"), "A:": ("A:", "a:", "a"),
    "U": ("U", "u"), "@": ("@", "e", "a"), "3:": ("3:", "Y:", "@", "e", "o"),
    "aI": ("aI", "ai"), "eI": ("eI", "ei", "e:", "e"), "oU": ("oU", "ou", "o:", "o"), "aU": ("aU", "au"),
}  # fmt: skip

PLAIN_PHONEMES = frozenset((*_REALISATIONS, "s", "n", "t", "l", "k", "r", "m", "p", "f", "b"))
"""Phonemes with a known realisation in every accent. `N`, `tS`, `dZ`, `D` and `OI` have none: only English speakers get
words with them."""

_WITHOUT: Mapping[str, str] = {
    "af": "A 0 U V Y: oU", "bg": "I A A: 0 U V 3: Y: aI eI oU aU", "bn": "A A: 0 3: Y:",
    "cs": "I A A: 0 U V 3: Y:", "da": "U oU aU", "de": "0 V", "el": "I A A: 0 V 3:", "es": "I A A: 0 V 3:",
    "es-419": "I A A: 0 V 3:", "et": "I E A A: 0 O O: U V 3: aI eI oU aU", "fi": "E A A: 0 O O: V 3:",
    "fr": "A A: 0 U 3: aU", "fr-be": "A A: 0 U 3: aU", "fr-ch": "A A: 0 U 3: aU", "hi": "A A: 0 3: Y:",
    "hr": "0 V 3: Y:", "hu": "I 0 O O: U V 3: aI eI oU aU", "id": "I A A: 0 V 3:", "it": "A A: 0 V 3:",
    "ja": "I E A A: 0 O O: U V 3: Y: aI eI oU aU", "ko": "I A A: 0 O O: U V 3: Y: aI eI oU aU",
    "lb": "I A A: 0 O O: U V 3: Y:", "lt": "0 V 3: Y:", "mr": "A A: 0 3: Y:", "nb": "0 V 3:",
    "nl": "0 U V 3: oU aU", "pl": "I A A: 0 U V 3: Y: aI eI oU aU", "pt": "0 V 3:", "pt-br": "0 V 3:",
    "ro": "I A A: 0 V 3:", "ru": "0 U 3: oU aU", "sk": "I A A: 0 U V 3: Y:",
    "sl": "I A A: 0 U V 3: Y: aI eI oU aU", "sv": "A 0 V 3:", "sw": "I E A A: 0 O O: U V 3: Y: aI eI oU aU",
    "ta": "A A: 0 3: Y:", "tr": "A A: 0 V 3:", "uk": "A A: 0 O O: U V 3: Y: oU aU", "ur": "A A: 0 3: Y:",
    "vi": "I A A: 0 U V Y: oU",
}  # fmt: skip
"""Phonemes that espeak-ng lacks for a language; it would break off the word there."""

_ENGLISH_WITHOUT = "A Y:"

FOREIGN_ACCENTS = tuple(_WITHOUT)
"""Languages other than English in which the words can be pronounced."""


def is_english(accent: str) -> bool:
    """Whether an accent reads English words by itself."""
    return accent == "en" or accent.startswith("en-")


def pronounce(
    word: str,
    accent: str,
    generator: np.random.Generator,
    strength: float = 0.35,
    phonemes: Mapping[str, str] = PHONEMES,
) -> str:
    """A word in phonemes that espeak-ng supports in this accent, between double brackets.

    Args:
        word: one of `phonemes`.
        accent: an English accent or one of `FOREIGN_ACCENTS`.
        generator: draws among the realisations.
        strength: probability of replacing a phoneme that the accent has.
        phonemes: phonemes by word; by default those of the domain.
    """
    without = set(_WITHOUT.get(accent, _ENGLISH_WITHOUT).split())
    spoken = []
    for symbol in phonemes[word].split():
        stress, phoneme = ("'", symbol[1:]) if symbol.startswith("'") else ("", symbol)
        usable = [choice for choice in _REALISATIONS.get(phoneme, (phoneme,)) if choice not in without]
        index = 0
        if len(usable) > 1 and generator.random() < strength:
            index = 1 + int(generator.integers(len(usable) - 1))
        if usable[index]:
            spoken.append(stress + usable[index])
    return f"[[{'|'.join(spoken)}]]"
