"""A segment: the unit of scoring, selection and training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.data.example import Piece, Split, Utterance, make_utterance

SegmentFault = Literal["too_long", "text_too_long", "no_speech"]
FAULTS: dict[SegmentFault, str] = {
    "too_long": "longer than a segment may be, and its text has no times to cut it by: give times, or cut it",
    "text_too_long": "its text has more tokens than the model takes: cut it, or give times to cut it by",
    "no_speech": "it has a text, and no speech was found in it: check the recording",
}
"""Why a segment is excluded from training, and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Segment:
    """One or several spans of audio with their text, which a model processes as a whole."""

    id: str
    """Its utterance's id, with `#1`, `#2`, ... after a cut; for joined segments the first id with `+n` for n more."""
    pieces: tuple[Piece, ...]
    """Spans of audio, in order."""
    text: str
    """Its text."""
    speaker: str | None
    """Its speaker, if known."""
    split: Split | None
    """The split that the dataset's author chose, if any."""
    utterances: tuple[str, ...]
    """The utterance of each piece."""
    speech_s: float | None = None
    """Seconds of speech; None if not measured."""
    snr_db: float | None = None
    """Signal-to-noise ratio in dB; None if not measured."""
    fault: SegmentFault | None = None
    """Reason to exclude the segment from training; None if usable."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return sum(piece.duration_s for piece in self.pieces)

    def as_utterance(self, weight: float = 1.0) -> Utterance:
        """The segment as an utterance for training."""
        first = self.pieces[0]
        return make_utterance(
            self.id,
            first.audio,
            first.start_s,
            self.duration_s,
            self.text,
            self.speaker,
            self.split,
            pieces=self.pieces if len(self.pieces) > 1 else (),
            weight=weight,
        )
