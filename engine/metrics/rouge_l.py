"""ROUGE-L: the longest common subsequence of prediction and reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from engine.metrics.pairs import References, check_texts
from engine.metrics.text import normalize_basic
from engine.metrics.tokens import tokens


def rouge_l(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> float:
    """ROUGE-L F-measure, 0 to 1: the mean over examples of `rouge_l_scores`."""
    return fmean(rouge_l_scores(references, predictions, normalize))


def rouge_l_scores(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> list[float]:
    """ROUGE-L F-measure of each example, 0 to 1, against the reference that fits best.

    With a longest common subsequence of length `l`, precision is `l` over the prediction's tokens, recall is `l` over
    the reference's, and F is their harmonic mean. No stemming. 0 if either text has no token.

    Args:
        references: the reference texts of each example.
        predictions: one text per example.
        normalize: applied to every text before it is split with `tokens`.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: no examples, another number of predictions, or an example without a reference.

    Source: Lin 2004, section 3.1, with beta = 1 as in the package rouge-score, which the test compares with. That
    package drops every letter outside a-z.
    """
    check_texts(references, predictions)
    scores = []
    for texts, prediction in zip(references, predictions, strict=True):
        predicted = tokens(normalize(prediction))
        scores.append(max(_f_measure(tokens(normalize(text)), predicted) for text in texts))
    return scores


def common_subsequence_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    One addition per token of `second` on an integer with one bit per token of `first`, in place of a table.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited".
    """
    places: dict[str, int] = {}
    for i, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << i
    every = (1 << len(first)) - 1
    unmatched = every
    for token in second:
        found = unmatched & places.get(token, 0)
        unmatched = (unmatched + found | unmatched - found) & every
    return len(first) - unmatched.bit_count()


def _f_measure(reference: Sequence[str], prediction: Sequence[str]) -> float:
    """2 P R / (P + R), which is 2 l over the sum of both lengths."""
    if not reference or not prediction:
        return 0.0
    return 2 * common_subsequence_length(reference, prediction) / (len(reference) + len(prediction))
