"""Scores of short answers: exact match and token F1, as for SQuAD."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

from engine.metrics.pairs import References, check_texts
from engine.metrics.text import normalize_basic
from engine.metrics.tokens import tokens


def exact_match(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> float:
    """Share of predictions that equal one of their references after normalisation."""
    return fmean(exact_matches(references, predictions, normalize))


def exact_matches(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> list[bool]:
    """Whether each prediction equals one of its references after normalisation.

    Texts are compared by their `tokens`, so spaces between, for instance, Chinese characters do not count. An empty
    prediction matches an empty reference: "no answer", as in SQuAD 2.0.

    Args:
        references: the accepted answers of each example.
        predictions: one answer per example.
        normalize: applied to every text. SQuAD's own also drops English articles; `normalize_basic` keeps them.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: no examples, another number of predictions, or an example without a reference.

    Source: Rajpurkar et al. 2016.
    """
    check_texts(references, predictions)
    return [
        tokens(normalize(prediction)) in [tokens(normalize(text)) for text in texts]
        for texts, prediction in zip(references, predictions, strict=True)
    ]


def token_f1(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> float:
    """Token F1, 0 to 1: the mean over examples of `token_f1_scores`."""
    return fmean(token_f1_scores(references, predictions, normalize))


def token_f1_scores(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> list[float]:
    """Token F1 of each example, 0 to 1, against the reference that fits best.

    Precision and recall over tokens regardless of their order. If either text has no token, 1 if both have none, else
    0.

    Args:
        references: the accepted answers of each example.
        predictions: one answer per example.
        normalize: applied to every text before it is split with `tokens`.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: no examples, another number of predictions, or an example without a reference.

    Source: Rajpurkar et al. 2016; `compute_f1` of SQuAD's evaluate-v2.0.py.
    """
    check_texts(references, predictions)
    scores = []
    for texts, prediction in zip(references, predictions, strict=True):
        predicted = tokens(normalize(prediction))
        scores.append(max(_f1(tokens(normalize(text)), predicted) for text in texts))
    return scores


def _f1(reference: Sequence[str], prediction: Sequence[str]) -> float:
    if not reference or not prediction:
        return float(reference == prediction)
    shared = (Counter(reference) & Counter(prediction)).total()
    return 2 * shared / (len(reference) + len(prediction))
