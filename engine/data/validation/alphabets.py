"""Find words that mix alphabets: a foreign stem with a native ending, or a letter replaced by a look-alike.

`Googleдан` and `PDFку` are usual spellings. A Latin `a` among Cyrillic letters looks the same to a reader, but makes
another word for a model.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Final, Literal

Alphabet = Literal["LATIN", "CYRILLIC", "GREEK", "ARMENIAN"]

_LOOK: Final[dict[str, dict[str, str]]] = {
    "CYRILLIC": dict(
        zip("аеорсухіјѕһԁԛԝәөҫкАВЕКМНОРСТХУІЈЅҺӀԌԚԜӘ", "aeopcyxijshdqwəɵçkABEKMHOPCTXYIJShIGQWƏ", strict=True)
    ),
    "GREEK": dict(zip("αγηικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aynikvoptuxwABEZHIKMNOPTYX", strict=True)),
    "ARMENIAN": dict(zip("օոսհցյքզՕՏՍԼ", "onuhgjpqOSUL", strict=True)),
}
"""Letters that look like a Latin one, by Unicode's table of confusable characters.

Source: Unicode Technical Standard 39, confusables.txt.
"""
_LONG_STEM: Final = 4  # letters; this many of another alphabet are seldom a slip
_WORD: Final = re.compile(r"[^\W\d_]+")


def confusable_letters(text: str, usual: str = "") -> str | None:
    """Describe the first word in which letters of another alphabet look like its own; None if there is none.

    Args:
        text: the transcript.
        usual: the alphabet of most words of the dataset, for a text that is a single word.
    """
    others = _OtherWords(text)
    for word, parts in _mixed(text):
        if _is_confusable(parts, others.alphabet(word) or usual):
            return f"the word {word!r} mixes {_named(parts)} letters that look alike; allowed: letters of one alphabet"
    return None


def foreign_stem(text: str) -> str | None:
    """Describe the first word with letters of several alphabets; None if there is none."""
    for word, parts in _mixed(text):
        return f"the word {word!r} has {_named(parts)} letters"
    return None


def usual_alphabet(texts: Iterable[str]) -> str:
    """The alphabet of most words; empty if no word is in one of these alphabets."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(filter(None, (_alphabet(word[0]) for word in _WORD.findall(text))))
    return counts.most_common(1)[0][0] if counts else ""


Parts = list[tuple[str, str]]
"""Alphabet and letters, in order."""


def _mixed(text: str) -> Iterable[tuple[str, Parts]]:
    """Words of several alphabets, except units and formulas."""
    if text.isascii():
        return
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        parts = [(name, "".join(letters)) for name, letters in groupby(word, _alphabet) if name]
        if len({name for name, _ in parts}) > 1 and not _is_symbolic(word, parts):
            yield word, parts


def _is_confusable(parts: Parts, around: str) -> bool:
    """Whether all letters of one of the alphabets look like letters of the other."""
    names = {name for name, _ in parts}
    if len(names) > 2:
        return True
    for name in names:
        own = "".join(letters for part, letters in parts if part == name)
        other = next(iter(names - {name}))
        if _is_palochka(name, own, parts) or not all(_looks_like(letter, name, other) for letter in own):
            continue
        (first, stem), (_, ending), *more = parts
        if not more and first == name and stem.isupper() and len(stem) > 1 and ending.islower():
            continue  # `PCом`: an abbreviation with an ending
        if not more and first == name and len(stem) >= _LONG_STEM and around != name:
            continue  # `Pepsiден`
        if not more and first != name and around == name and name != "LATIN":
            continue  # `Appleа`, in a text of that alphabet
        return True
    return False


def _is_palochka(name: str, own: str, parts: Parts) -> bool:
    """Whether the Latin letters are `I` typed for the palochka of Caucasian languages, which few keyboards have."""
    return name == "LATIN" and set(own) == {"I"} and all(p.islower() or q == "LATIN" for q, p in parts)


def _looks_like(letter: str, name: str, other: str) -> bool:
    """Whether a letter of one alphabet looks like one of another."""
    look = letter if name == "LATIN" else _LOOK[name].get(letter) or _LOOK[name].get(_base(letter))
    if look is None or other == "LATIN":
        return look is not None
    return look in _LOOK[other].values() or _base(look) in _LOOK[other].values()


class _OtherWords:
    """The alphabets of the words of a text, counted once."""

    def __init__(self, text: str) -> None:
        self._words = Counter(_WORD.findall(text))
        self._counts: Counter[str] = Counter()
        self._first_two: dict[str, list[str]] = {}
        for word, count in self._words.items():
            if alphabet := _alphabet(word[0]):
                self._counts[alphabet] += count
                first = self._first_two.setdefault(alphabet, [])
                if len(first) < 2:
                    first.append(word)
        self._places = {word: place for place, word in enumerate(self._words)}

    def alphabet(self, but: str) -> str:
        """The alphabet of most words, except the word `but`; in a tie, the one that comes first."""
        found = []
        for alphabet, first in self._first_two.items():
            count = self._counts[alphabet] - (self._words[but] if _alphabet(but[0]) == alphabet else 0)
            places = [self._places[word] for word in first if word != but]
            if count and places:
                found.append((-count, places[0], alphabet))
        return min(found)[2] if found else ""


def _is_symbolic(word: str, parts: Parts) -> bool:
    """Whether a word is a unit or a formula, with one Greek letter among Latin ones: `μm`, `Δt`."""
    greek = sum(len(letters) for name, letters in parts if name == "GREEK")
    return greek == 1 and {name for name, _ in parts} == {"GREEK", "LATIN"} and len(word) <= 4


def _named(parts: Parts) -> str:
    return " and ".join(sorted({name.capitalize() for name, _ in parts}))


@functools.lru_cache(maxsize=4096)
def _base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


@functools.lru_cache(maxsize=4096)
def _alphabet(letter: str) -> str:
    # ª, º and the micro sign are letters in Unicode, but not parts of words.
    name = unicodedata.name(letter, "")
    first = name.split()[0] if " LETTER " in f" {name} " else ""
    return first if first in ("LATIN", *_LOOK) else ""
