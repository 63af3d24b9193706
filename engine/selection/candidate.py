"""A segment with what is known of it: before the choice, and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.segments.segment import Segment

Role = Literal["pool", "warm_up", "held_out"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A segment that may be selected, with its scores; None where a method needs none."""

    segment: Segment
    encoder_s: float
    """Seconds that the encoder runs over, padding included."""
    tokens: int
    """Targets of the loss: those of the text and an end."""
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
    """How much surer the model is after the warm-up of another token than of the text's, where that is most, in nats."""
    word_errors: int | None = None
    """Word errors of the transcript after the warm-up; of characters where no blanks stand between words."""
    words: int | None = None
    """Words of the text; characters where no blanks stand between words."""

    @property
    def rho(self) -> float | None:
        """Reducible loss: what the warm-up took off, in nats per token."""
        if self.nll_before is None or self.nll_after is None:
            return None
        return self.nll_before - self.nll_after

    @property
    def wer(self) -> float | None:
        """Error rate after the warm-up."""
        return None if self.word_errors is None else self.word_errors / max(1, self.words or 0)


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of a candidate."""

    candidate: Candidate
    stratum: str
    """The class that the draw was spread over."""
    score: float | None
    """What its probability, or its rank, comes from; None where all are alike."""
    disagreement_residual: float | None
    """Its disagreement as the score uses it, as a z-score."""
    inclusion_probability: float
    """Probability with which it was drawn; 1 or 0 where nothing was left to chance."""
    selected: bool
    """Whether the run trains on it."""
    weight: float
    """Factor on its loss in training; 0 where it is not selected."""
