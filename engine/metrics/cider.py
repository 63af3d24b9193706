"""CIDEr-D: consensus of a caption with several reference captions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from engine.metrics.pairs import References, check_texts
from engine.metrics.text import normalize_basic
from engine.metrics.tokens import tokens

_LONGEST: Final = 4
"""Largest n of the n-grams."""
_SIGMA: Final = 6.0
"""Standard deviation of the length penalty, in tokens."""

NGram = tuple[str, ...]


def cider_d(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> float:
    """CIDEr-D, 0 to 10: the mean over examples of `cider_d_scores`."""
    return fmean(cider_d_scores(references, predictions, normalize))


def cider_d_scores(
    references: References, predictions: Sequence[str], normalize: Callable[[str], str] = normalize_basic
) -> list[float]:
    """CIDEr-D of each example, 0 to 10.

    With tf-idf vectors `g` of n-grams and lengths `l` of the prediction `c` and its references `s`:

        10 mean_n mean_s exp(-(l_c - l_s)^2 / 2 sigma^2) sum(min(g_n(c), g_n(s)) g_n(s)) / (|g_n(c)| |g_n(s)|)

    An n-gram's document frequency is the number of examples whose references contain it, so a score depends on the
    whole set and is comparable only on the same set. A single example scores 0: all its n-grams occur everywhere. An
    exact match scores below 10 if it has fewer than four tokens, or other references differ.

    Args:
        references: the reference captions of each example.
        predictions: one caption per example.
        normalize: applied to every text before it is split with `tokens`.

    Raises:
        TypeError: a text in place of an example's list of texts.
        ValueError: no examples, another number of predictions, or an example without a reference.

    Source: Vedantam et al. 2015 (CIDEr-D); pycocoevalcap/cider/cider_scorer.py, which the test compares with. Its
    captions are tokenised by the Java PTBTokenizer, which splits `don't` into two tokens; `normalize_basic` does not.
    """
    check_texts(references, predictions)
    counted = [[_n_grams(tokens(normalize(text))) for text in texts] for texts in references]
    occurrences = Counter(gram for texts in counted for gram in set().union(*texts))
    largest = math.log(len(references))
    idf = {gram: largest - math.log(count) for gram, count in occurrences.items()}
    scores = []
    for texts, prediction in zip(counted, predictions, strict=True):
        predicted = _vector(_n_grams(tokens(normalize(prediction))), idf, largest)
        scores.append(10 * fmean(_similarity(predicted, _vector(text, idf, largest)) for text in texts))
    return scores


@dataclass(frozen=True, slots=True)
class _Vector:
    weights: list[dict[NGram, float]]
    """Term frequency times inverse document frequency, for each n."""
    norms: list[float]
    length: int
    """Number of tokens."""


def _n_grams(words: Sequence[str]) -> Counter[NGram]:
    return Counter(tuple(words[i : i + n]) for n in range(1, _LONGEST + 1) for i in range(len(words) - n + 1))


def _vector(counts: Mapping[NGram, int], idf: Mapping[NGram, float], unseen: float) -> _Vector:
    weights: list[dict[NGram, float]] = [{} for _ in range(_LONGEST)]
    for gram, count in counts.items():
        weights[len(gram) - 1][gram] = count * idf.get(gram, unseen)
    length = sum(count for gram, count in counts.items() if len(gram) == 1)
    return _Vector(weights, [_norm(each.values()) for each in weights], length)


def _norm(values: Iterable[float]) -> float:
    return math.sqrt(sum(value * value for value in values))


def _similarity(prediction: _Vector, reference: _Vector) -> float:
    """Mean over n of the clipped cosine, times the length penalty; 0 to 1."""
    total = 0.0
    for ours, theirs, norm, their_norm in zip(
        prediction.weights, reference.weights, prediction.norms, reference.norms, strict=True
    ):
        if norm and their_norm:
            shared = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in ours.items() if gram in theirs)
            total += shared / (norm * their_norm)
    penalty = math.exp(-((prediction.length - reference.length) ** 2) / (2 * _SIGMA**2))
    return total / _LONGEST * penalty
