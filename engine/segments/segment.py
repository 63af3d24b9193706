"""A segment: what is scored, selected and trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.data.manifest import Piece, Split, Utterance

SegmentFault = Literal["too_long", "text_too_long", "no_speech"]
FAULTS: dict[SegmentFault, str] = {
    "too_long": "longer than a segment may be, and its text has no times to cut it by: give times, or cut it",
    "text_too_long": "its text has more tokens than the model takes: cut it, or give times to cut it by",
    "no_speech": "it has a text, and no speech was found in it: check the recording",
}
"""Why a segment is left out of training, and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Segment:
    """One or several stretches of audio with their text, of which a model takes the whole at once."""

    id: str
    """That of its utterance, with `#1`, `#2`, ... when that was cut; the first one's with `+n` when n more follow."""
    pieces: tuple[Piece, ...]
    """What it is made of, in order."""
    text: str
    """What is said in it."""
    speaker: str | None
    """Who says it, if known."""
    split: Split | None
    """Where the dataset's author put it, if anywhere."""
    utterances: tuple[str, ...]
    """The utterances that it was cut out of, one for each piece."""
    speech_s: float | None = None
    """Seconds of speech in it; None where nobody looked."""
    snr_db: float | None = None
    """Speech over noise, in dB; None where nobody looked."""
    fault: SegmentFault | None = None
    """Why it is left out of training, if it is."""

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return sum(piece.duration_s for piece in self.pieces)

    def as_utterance(self, weight: float = 1.0) -> Utterance:
        """The segment as training takes it."""
        first = self.pieces[0]
        return Utterance(
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
