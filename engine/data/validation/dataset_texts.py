"""Properties that show only in all texts of a dataset together."""

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
    """The alphabet of most words, if it is one with look-alike letters; else empty."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> DatasetTexts:
        """Derive the properties from all texts."""
        return cls(LostLetters.of(texts), usual_alphabet(texts))
