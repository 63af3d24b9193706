"""The shape of a batch, as far as memory depends on it. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_BYTES_PER_S: Final = 15.0
"""Bytes per second of English speech; scripts with several bytes per letter need two to three times as many."""
_BYTES_PER_TOKEN: Final = 4.0
_MOST_BYTE_TOKENS: Final = 1_000
"""Maximum size of a vocabulary that spells texts out: bytes or letters, and some special tokens."""


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest example of a run's data; unless it is known, the longest that ingestion takes."""

    seconds: float = 30.0
    """Length of the audio."""
    letters: float | None = None
    """Bytes of the text; None: those of English speech of this length."""
    text_tokens: float | None = None
    """Tokens of the text, without special ones; None: what the letters come to in a usual tokenizer."""
    classes: int = 50
    """Labels of a classifier."""
    test_examples: int | None = None
    """Number of examples to test on; None: more than a batch."""

    @property
    def text_bytes(self) -> float:
        """Bytes of the text."""
        return _BYTES_PER_S * self.seconds if self.letters is None else self.letters

    def tokens(self, vocabulary: int) -> float:
        """Tokens of the text in a vocabulary of this size."""
        if self.text_tokens is not None:
            return self.text_tokens
        return self.text_bytes if vocabulary <= _MOST_BYTE_TOKENS else self.text_bytes / _BYTES_PER_TOKEN


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
