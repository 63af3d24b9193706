"""A segment with its scores before the choice, and its outcome after."""

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
    """Whether the warm-up trained on it, or the test of the disagreement held it out."""
    nll_before: float | None = None
    """Loss of the quantised base, in nats per token."""
    nll_after: float | None = None
    """Loss after the warm-up, in nats per token."""
    disagreement: float | None = None
    """Jensen-Shannon divergence between the quantised base and the one in full precision, in nats per token."""
    el2n: float | None = None
    """Length of the error vector after the warm-up, per token."""
    contradiction: float | None = None
    """How much likelier the warmed-up model finds another token than the text's, at the token of the largest gap, in nats."""
    word_errors: int | None = None
    """Word errors of the transcript after the warm-up; character errors in scripts without blanks between words."""
    words: int | None = None
    """Words of the text; characters in scripts without blanks between words."""

    @property
    def rho(self) -> float | None:
        """Reducible loss: the drop through the warm-up, in nats per token."""
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
    """Its class in the draw."""
    score: float | None
    """The value behind its probability or rank; None if all are alike."""
    disagreement_residual: float | None
    """Its disagreement in the score, as a z-score."""
    inclusion_probability: float
    """Probability of its draw; 1 or 0 without chance."""
    selected: bool
    """Whether the run trains on it."""
    weight: float
    """Factor on its loss in training; 0 if it is not selected."""
