"""A question mark inside of a word: punctuation whose blank is missing, or what an encoding left of a letter.

Where a program could not write a letter it wrote `?`, for every letter beyond its encoding and in every text: `gr??er`,
`M?nchen`, `don?t`. One text alone cannot tell that from `what?no`; a whole dataset can.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.scripts import UNSPACED

_LETTER: Final = rf"(?:(?![{UNSPACED}])[^\W\d_])"
_ODD: Final = re.compile(rf"(?:(?<={_LETTER})|^)\?+(?={_LETTER})")
_ADDRESS: Final = re.compile(r"[=/&@]")  # on the web, where question marks stand inside of words
_WORD: Final = re.compile(rf"(?<!{_LETTER}){_LETTER}++(?:\?++{_LETTER}++)++")
_VOWELS: Final = frozenset("aeiouyæøœıəаеёиоуыэюяіїєәөүұαεηιουω")
_ORDINARY: Final = re.compile(r"(?<=\w)\?+(?!\w)")
_SEVERAL: Final = 2  # words, of which one is surely damaged
_MANY: Final = 5  # words, where a question mark is seldom anywhere else
_SURELY: Final = 3  # words that are surely damaged, where other letters are there


@dataclass(frozen=True, slots=True)
class LostLetters:
    """What question marks inside of words are, in one dataset."""

    are_lost: bool = False
    """Whether they stand for letters."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> LostLetters:
        """Look at all texts of a dataset."""
        words: list[str] = []
        ordinary = 0
        is_ascii = True
        for text in texts:
            is_ascii = is_ascii and (text.isascii() or not any(c.isalpha() and not c.isascii() for c in text))
            if "?" in text:
                found = [word for _, piece in _pieces(text) for word in _WORD.findall(piece)]
                words += [word for word in found if not _starts_sentence(word)]
                ordinary += len(_ORDINARY.findall(text))
        sure = sum(map(_is_damaged, words))
        if is_ascii:
            return cls(len(words) >= _SEVERAL if sure else len(words) >= _MANY and len(words) > ordinary)
        return cls(sure >= _SURELY)

    def find(self, text: str) -> tuple[int, bool] | None:
        """Where a question mark is inside or before a word, and whether it stands for a letter; None without one."""
        for start, piece in _pieces(text):
            if found := _ODD.search(piece):
                return start + found.start(), self.are_lost
        return None


def _pieces(text: str) -> list[tuple[int, str]]:
    """What stands between blanks and has a question mark, with where it begins."""
    if "?" not in text:
        return []
    pieces = [(piece.start(), piece[0]) for piece in re.finditer(r"\S+", text)]
    return [(start, piece) for start, piece in pieces if "?" in piece and not _ADDRESS.search(piece)]


def _starts_sentence(word: str) -> bool:
    """Whether a capital follows every question mark: `what?No`."""
    return all(part[0].isupper() for part in re.split(r"\?+", word)[1:]) and not word.isupper()


def _is_damaged(word: str) -> bool:
    """Whether a part of it cannot be a word: it has no vowel, or letters are missing in several places."""
    parts = re.split(r"\?+", word)
    return len(parts) > 2 or not all(any(_is_vowel(letter) for letter in part.casefold()) for part in parts)


def _is_vowel(letter: str) -> bool:
    base = unicodedata.normalize("NFD", letter)[0]
    # Other scripts write few vowels as letters: there is nothing to see.
    return base in _VOWELS or unicodedata.name(letter, "").split()[0] not in ("LATIN", "CYRILLIC", "GREEK")
