"""A segment with its scores before the selection, and its outcome after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.segments.segment import Segment

Role = Literal["pool", "warm_up", "held_out"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A segment that may be selected, with its scores; None for scores that the method does not need."""

    segment: Segment
    encoder_s: float
    """Seconds that the encoder runs over, padding included."""
    tokens: int
    """Targets of the loss: the text's tokens and the end token."""
    role: Role = "pool"
    """Whether the warm-up trains on it, or the test of the disagreement holds it out."""
    nll_before: float | None = None
    """Loss of the quantised base, in nats per token."""
    nll_after: float | None = None
    """Loss after the warm-up, in nats per token."""
    disagreement: float | None = None
    """Jensen-Shannon divergence between the quantised base and the one in full precision, in nats per token."""
    el2n: float | None = None
    """Length of the error vector after the warm-up, per token."""
    contradiction: float | None = None
    """Largest margin, over the tokens of the text, by which the warmed-up model prefers another token, in nats."""
    word_errors: int | None = None
    """Word errors of the transcript after the warm-up; character errors in scripts without spaces between words."""
    words: int | None = None
    """Words of the text; characters in scripts without spaces between words."""

    @property
    def rho(self) -> float | None:
        """Reducible loss: the drop of the loss in the warm-up, in nats per token."""
        if self.nll_before is None or self.nll_after is None:
            return None
        return self.nll_before - self.nll_after

    @property
    def wer(self) -> float | None:
        """Error rate after the warm-up."""
        return None if self.word_errors is None else self.word_errors / max(1, self.words or 0)


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome for a candidate."""

    candidate: Candidate
    stratum: str
    """Its stratum in the draw."""
    score: float | None
    """The value that determines its probability or rank; None for methods without a score."""
    disagreement_residual: float | None
    """Its disagreement after regressing out loss and duration, as a z-score."""
    inclusion_probability: float
    """Probability that it is drawn; 1 or 0 if the method does not draw."""
    selected: bool
    """Whether the run trains on it."""
    weight: float
    """Factor on its loss in training; 0 if it is not selected."""
