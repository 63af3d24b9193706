"""Choose the headline error rate: WER for texts with spaces between words, else CER."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from engine.scripts import is_unspaced

ErrorRate = Literal["wer", "cer"]
"""Word or character error rate."""


def primary_rate(references: Iterable[str]) -> ErrorRate:
    """`cer` if most texts are in scripts without spaces between words, where a sentence would count as one word."""
    texts = unspaced = 0
    for text in references:
        texts += 1
        unspaced += is_unspaced(text)
    return "cer" if 2 * unspaced > texts else "wer"
