"""Normalise texts before counting errors; whisper-pico's targets use the same function."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from engine.config.tasks.speech_to_text import Normalizer
from engine.scripts import JOINING

_APOSTROPHES: Final = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u02bb\ua78c\u055a\u05f3`\u00b4"), "'")
_NOT_WORD_ASCII: Final = re.compile(r"[^\w\s']|_", re.ASCII)

# Written but not spoken: hyphenation, emphasis inside an Armenian word, direction marks, glyph variants, tatweel.
_SILENT: Final = re.compile(
    "[\u00ad\u034f\u0640\u055b\u055c\u055e\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_JOINERS: Final = re.compile(rf"(?<=[{JOINING}])([\u200c\u200d])[\u200c\u200d]*(?=[{JOINING}])|[\u200c\u200d]+")
# A Malayalam or Bengali consonant without vowel, in the spelling from before Unicode had a letter for it.
_CHILLU: Final = re.compile("([\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15])\u0d4d\u200d|\u09a4\u09cd\u200d")
_CHILLUS: Final = dict(zip("\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15", "\u0d7a\u0d7b\u0d7c\u0d7d\u0d7e\u0d7f", strict=True))
# NFKC decomposes the vowel AM of Thai and Lao, which no keyboard does.
_AM: Final = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32|\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")
_HEBREW: Final = "\u05b0-\u05bd\u05c1\u05c2\u05d0-\u05ea"
# Signs inside words: the Catalan dot, and the Hebrew abbreviation mark, often typed as a quote.
_INSIDE: Final = re.compile(f'((?<=l)\u00b7(?=l)|(?<=[{_HEBREW}])["\u05f4\u201c\u201d\u201e](?=[{_HEBREW}]))')
_BURMESE_WORDS: Final = "\u104c\u104d\u104e\u104f"  # spoken as words, although Unicode classes them as punctuation


class _Kept(dict[int, str]):
    """Keep letters, marks, numbers, joiners and apostrophes; map digits of every script to 0-9, the rest to spaces."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        is_kept = character.isalnum() or kind in ("Mn", "Mc") or character in f"'\u200c\u200d{_BURMESE_WORDS}"
        self[code] = str(unicodedata.decimal(character)) if kind == "Nd" else character if is_kept else " "
        return self[code]


_KEPT: Final = _Kept()


def normalize_basic(text: str) -> str:
    """Letters, marks and numbers of every script, without case and punctuation, separated by single spaces.

    NFKC replaces presentation forms, ligatures and full-width characters by plain ones. Digits of every script become 0
    to 9. Zero-width joiners stay in scripts that are spelt with them. Every apostrophe inside a word becomes `'`.
    """
    if text.isascii():
        text = _NOT_WORD_ASCII.sub(" ", text.lower())
        return " ".join(stripped for word in text.split() if (stripped := word.strip("'")))
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES)
    # The language is unknown: the Turkish dotted capital becomes i, and the dotless small letter stays.
    text = text.replace("\u0130", "i").casefold().replace("i\u0307", "i")
    text = unicodedata.normalize("NFKC", text)
    text = _SILENT.sub("", text)
    text = _CHILLU.sub(lambda found: _CHILLUS[found[1]] if found[1] else "\u09ce", text)
    text = _JOINERS.sub(r"\1", text)
    text = _AM.sub(lambda found: found[1] + "\u0e33" if found[1] is not None else found[2] + "\u0eb3", text)
    parts = _INSIDE.split(text)
    parts[::2] = [part.translate(_KEPT) for part in parts[::2]]
    parts[1::2] = [sign if sign == "\u00b7" else "\u05f4" for sign in parts[1::2]]
    return " ".join(word for word in map(_word, "".join(parts).split()) if word)


def normalizer(name: Normalizer, spellings: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """The normaliser of this name.

    Args:
        name: name of the normaliser.
        spellings: British spellings and their American ones, for `english`, as published with a model.
    """
    if name == "none":
        return str.strip
    if name == "basic":
        return normalize_basic
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    english = EnglishTextNormalizer(dict(spellings or {}))
    return lambda text: str(english(text)).strip()


def _word(word: str) -> str:
    """Strip apostrophes and joiners around a word, and leading marks, which have no letter."""
    word = word.strip("'\u200c\u200d")
    start = next((at for at, character in enumerate(word) if unicodedata.category(character)[0] != "M"), len(word))
    return word[start:]
