"""The shape of a batch, as far as memory depends on it. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchShape:
    """Padded sizes of one forward pass."""

    examples: int
    """Recordings; for a model that answers about them, as many as answers."""
    padded_s: float
    """Seconds of each example, padding included."""
    tokens: int = 0
    """Text tokens of each example, padding included: what a decoder or a text encoder reads, a prompt included, or the
    labels of a CTC model."""
    targets: float | None = None
    """Mean number of tokens of each example that a language model learns to write; None: all."""
    filled_s: float | None = None
    """Seconds of the longest example without padding; None: all of `padded_s`."""
    lengths_differ: bool = True
    """Whether the examples have different lengths, so that masks hide what pads the shorter ones."""
    classes: int | None = None
    """Labels of a classifier, or the vocabulary of a CTC model with a new head; None: the model's own."""

    @property
    def longest_s(self) -> float:
        """Seconds of the longest example without padding."""
        return self.padded_s if self.filled_s is None else self.filled_s

    @property
    def is_padded(self) -> bool:
        """Whether any example is padded."""
        return self.lengths_differ or self.longest_s < self.padded_s
