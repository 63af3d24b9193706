"""Properties that only all texts of a dataset together show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.data.validation.alphabets import usual_alphabet
from engine.data.validation.lost_letters import LostLetters


@dataclass(frozen=True, slots=True)
class DatasetTexts:
    """Common properties of a dataset's texts."""

    lost_letters: LostLetters = field(default_factory=LostLetters)
    """Whether question marks inside words replace letters."""
    alphabet: str = ""
    """The alphabet of most words, if it is one that shares its looks with others."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> DatasetTexts:
        """Look at all of them."""
        return cls(LostLetters.of(texts), usual_alphabet(texts))
