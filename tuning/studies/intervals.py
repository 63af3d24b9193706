"""Paired comparisons of word error rates over seeds and speakers.

Legend: S seeds, K speakers of a seed, D draws, N draws of one seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Errors = Mapping[int, Mapping[str, tuple[int, int]]]
"""Word errors and words of each speaker, by seed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two arms' WER."""

    estimate: float
    """Estimate over all seeds and speakers."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    p: float
    """Two-sided p value from the same draws: how often the difference has the other sign."""
    seeds: int
    """Number of common seeds."""


def corpus_wer(errors: Errors) -> float:
    """Total word errors over total words."""
    pairs = [pair for speakers in errors.values() for pair in speakers.values()]
    return sum(e for e, _ in pairs) / sum(words for _, words in pairs)


def paired_difference(
    ours: Errors, theirs: Errors, *, draws: int = 10_000, confidence: float = 0.95, seed: int = 0, margin: float = 0.0
) -> Difference:
    """Hierarchical paired bootstrap: draws seeds with replacement, then the speakers of each seed.

    Args:
        ours: word errors of one arm.
        theirs: word errors of the other one, on the same words.
        draws: bootstrap draws.
        confidence: of the interval.
        seed: of the draws.
        margin: non-inferiority margin as a share of `theirs`: the estimate is `ours - (1 + margin) theirs`, so an upper
            end below 0 means "not worse by more than the margin".

    Raises:
        ValueError: the arms have no common seed, or different words.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError("the two arms have no seed in common")
    tables = []
    for s in shared:
        if {k: w for k, (_, w) in ours[s].items()} != {k: w for k, (_, w) in theirs[s].items()}:
            raise ValueError(f"the two arms were measured on other words in seed {s}")
        tables.append(np.array([(ours[s][k][0] - (1 + margin) * theirs[s][k][0], w) for k, (_, w) in ours[s].items()]))
    generator = np.random.default_rng([seed, len(shared)])
    drawn_DS = generator.integers(len(tables), size=(draws, len(tables)))
    totals_D2 = np.zeros((draws, 2))
    for i, table_K2 in enumerate(tables):
        places_N, _ = np.nonzero(drawn_DS == i)
        speakers_NK = generator.integers(len(table_K2), size=(len(places_N), len(table_K2)))
        np.add.at(totals_D2, places_N, table_K2[speakers_NK].sum(axis=1))
    found = totals_D2[:, 0] / totals_D2[:, 1]
    everything = np.concatenate(tables).sum(axis=0)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    tail = min((found <= 0).sum(), (found >= 0).sum())
    p = min(1.0, 2 * (int(tail) + 1) / (draws + 1))
    return Difference(float(everything[0] / everything[1]), float(low), float(high), p, len(shared))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for multiple comparisons, in the same order.

    Source: Holm 1979.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
