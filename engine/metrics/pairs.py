"""Check that references and predictions belong together before they are scored."""

from __future__ import annotations

from collections.abc import Sequence, Sized

References = Sequence[Sequence[str]]
"""The reference texts of each example, one or more."""


def check_pairs(references: Sized, predictions: Sized) -> None:
    """Require one prediction for each reference.

    Raises:
        ValueError: no examples, or another number of predictions than of references.
    """
    if len(references) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    if not len(references):
        raise ValueError("there are no examples to score")


def check_texts(references: References, predictions: Sequence[str]) -> None:
    """Require one predicted text for each example, and one or more reference texts.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: as in `check_pairs`, or an example without a reference.
    """
    check_pairs(references, predictions)
    for i, texts in enumerate(references):
        if isinstance(texts, str):  # a text is a sequence of texts too, of its characters
            raise TypeError(f"example {i}: the references are the text {texts!r}, not a list of texts")
        if not texts:
            raise ValueError(f"example {i} has no reference")
