"""Word and character error rates, counted with jiwer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import jiwer

from engine.scripts import UNSPACED

_BLANKS_OF_UNSPACED: Final = re.compile(rf"(?<=[{UNSPACED}])\s+|\s+(?=[{UNSPACED}])")


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors and reference lengths over a set of utterances; sums of counts are the counts of the union."""

    word_errors: int = 0
    words: int = 0
    character_errors: int = 0
    characters: int = 0

    @property
    def wer(self) -> float:
        """Word error rate: substitutions, deletions and insertions over reference words."""
        return self.word_errors / max(self.words, 1)

    @property
    def cer(self) -> float:
        """Character error rate; spaces count, except next to characters of scripts without spaces between words."""
        return self.character_errors / max(self.characters, 1)


def count_errors(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorCounts:
    """Count errors of normalised texts; an empty reference counts every hypothesis word as an insertion."""
    spoken = [(r, h) for r, h in zip(references, hypotheses, strict=True) if r]
    silent = [h for r, h in zip(references, hypotheses, strict=True) if not r]
    word_errors = sum(len(h.split()) for h in silent)
    character_errors = sum(len(_characters(h)) for h in silent)
    words = characters = 0
    if spoken:
        by_word = jiwer.process_words([r for r, _ in spoken], [h for _, h in spoken])
        by_character = jiwer.process_characters(
            [_characters(r) for r, _ in spoken], [_characters(h) for _, h in spoken]
        )
        word_errors += by_word.substitutions + by_word.deletions + by_word.insertions
        words = by_word.substitutions + by_word.deletions + by_word.hits
        character_errors += by_character.substitutions + by_character.deletions + by_character.insertions
        characters = by_character.substitutions + by_character.deletions + by_character.hits
    return ErrorCounts(word_errors, words, character_errors, characters)


def _characters(text: str) -> str:
    """A text for character comparison, without the optional spaces between, for instance, Chinese characters."""
    return text if text.isascii() else _BLANKS_OF_UNSPACED.sub("", text)
