"""Percentile bootstrap intervals of a metric over examples, or over groups of examples such as speakers.

Legend: N examples, G groups, D examples drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric's value and its confidence interval."""

    estimate: float
    """Value over all examples."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""


def interval(
    values: Sequence[float],
    weights: Sequence[float] | None = None,
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    draws: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Interval of a mean over examples, or of a ratio of sums such as WER.

    Args:
        values: value of each example; for WER, its errors.
        weights: what the sum of the values is divided by; for WER, the words of each example. None counts examples.
        groups: of each example, such as its speaker. Groups are drawn whole, because examples of one speaker are not
            independent. None draws examples.
        seed: of the draws.
        draws: bootstrap draws.
        confidence: of the interval.

    Raises:
        ValueError: lists of different lengths, fewer than two examples or groups, values that are not finite, or weights
            that are negative or all 0.

    Source: Efron and Tibshirani 1993, section 13.3; Bisani and Ney 2004 for WER.
    """
    units = _units(len(values), groups)
    if weights is not None and len(weights) != len(values):
        raise ValueError(f"{len(weights)} weights for {len(values)} values")
    sums_N2 = np.column_stack([_array(values), np.ones(len(values)) if weights is None else _array(weights)])
    if not np.isfinite(sums_N2).all():
        raise ValueError("some values or weights are not finite")
    if (sums_N2[:, 1] < 0).any() or not sums_N2[:, 1].any():
        raise ValueError("weights must not be negative, and at least one must be positive")
    sums_G2 = np.array([sums_N2[unit].sum(axis=0) for unit in units])
    generator = np.random.default_rng(seed)
    drawn = np.array([sums_G2[_draw(generator, len(sums_G2))].sum(axis=0) for _ in range(draws)])
    drawn = drawn[drawn[:, 1] > 0]  # a draw of silent examples only has no error rate
    value, weight = sums_G2.sum(axis=0)
    return _ends(value / weight, drawn[:, 0] / drawn[:, 1], confidence)


def interval_of(
    metric: Callable[[NDArray[np.int64]], float],
    examples: int,
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    draws: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """Interval of any metric, which is computed anew for each draw: for instance BLEU or macro F1.

    Args:
        metric: value of the examples at these indices, shape D; an example that was drawn twice is there twice.
        examples: number of examples.
        groups: of each example, as for `interval`.
        seed: of the draws.
        draws: bootstrap draws.
        confidence: of the interval.

    Raises:
        ValueError: another number of groups than of examples, or fewer than two examples or groups.

    Source: as `interval`; Koehn 2004 for BLEU.
    """
    units = _units(examples, groups)
    generator = np.random.default_rng(seed)
    drawn = [metric(np.concatenate([units[unit] for unit in _draw(generator, len(units))])) for _ in range(draws)]
    return _ends(metric(np.arange(examples)), np.array(drawn), confidence)


def _units(examples: int, groups: Sequence[Hashable] | None) -> list[NDArray[np.int64]]:
    """Indices of the examples of each unit that is drawn whole."""
    members: dict[Hashable, list[int]] = {}
    for i, group in enumerate(range(examples) if groups is None else groups):
        members.setdefault(group, []).append(i)
    if groups is not None and len(groups) != examples:
        raise ValueError(f"{len(groups)} groups for {examples} examples")
    if len(members) < 2:
        raise ValueError(f"an interval needs at least two {'examples' if groups is None else 'groups'}")
    return [np.array(indices, dtype=np.int64) for indices in members.values()]


def _draw(generator: np.random.Generator, units: int) -> NDArray[np.int64]:
    return generator.integers(units, size=units)


def _ends(estimate: float, drawn: NDArray[np.float64], confidence: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(estimate), float(low), float(high))


def _array(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
