"""Decide what question marks inside words are: punctuation without a blank, or letters lost in an encoding.

A program that cannot encode a letter writes `?` for it, in every text: `gr??er`, `M?nchen`, `don?t`. In one text alone,
that cannot be told apart from `what?no`; in a whole dataset it can.
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
_ADDRESS: Final = re.compile(r"[=/&@]")  # as in URLs, which have question marks inside words
_WORD: Final = re.compile(rf"(?<!{_LETTER}){_LETTER}++(?:\?++{_LETTER}++)++")
_VOWELS: Final = frozenset("aeiouyæøœıəаеёиоуыэюяіїєәөүұαεηιουω")
_ORDINARY: Final = re.compile(r"(?<=\w)\?+(?!\w)")
_SEVERAL: Final = 2  # words with question marks, if at least one is surely damaged
_MANY: Final = 5  # words with question marks, if fewer question marks are at the ends of words
_SURELY: Final = 3  # surely damaged words, if the texts have letters beyond ASCII


@dataclass(frozen=True, slots=True)
class LostLetters:
    """The meaning of question marks inside words, in one dataset."""

    are_lost: bool = False
    """Whether they stand for letters."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> LostLetters:
        """Decide from all texts of a dataset."""
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
        """Position of a question mark inside or before a word, and whether it stands for a letter; None without one."""
        for start, piece in _pieces(text):
            if found := _ODD.search(piece):
                return start + found.start(), self.are_lost
        return None


def _pieces(text: str) -> list[tuple[int, str]]:
    """Start and text of the blank-separated pieces with a question mark, without URLs."""
    if "?" not in text:
        return []
    pieces = [(piece.start(), piece[0]) for piece in re.finditer(r"\S+", text)]
    return [(start, piece) for start, piece in pieces if "?" in piece and not _ADDRESS.search(piece)]


def _starts_sentence(word: str) -> bool:
    """Whether a capital follows every question mark: `what?No`."""
    return all(part[0].isupper() for part in re.split(r"\?+", word)[1:]) and not word.isupper()


def _is_damaged(word: str) -> bool:
    """Whether a part of the word has no vowel, or letters are missing in several places."""
    parts = re.split(r"\?+", word)
    return len(parts) > 2 or not all(any(_is_vowel(letter) for letter in part.casefold()) for part in parts)


def _is_vowel(letter: str) -> bool:
    base = unicodedata.normalize("NFD", letter)[0]
    # Other scripts write few vowels as letters, so their letters all count as vowels.
    return base in _VOWELS or unicodedata.name(letter, "").split()[0] not in ("LATIN", "CYRILLIC", "GREEK")
