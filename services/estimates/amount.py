"""The training data of a run, from what is stored about a dataset version, and what the engine plans for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.config.training import SplitConfig
from engine.data.planning import Lengths, lengths_in, thinned

_TEST_SHARE = 0.1  # if the run draws its own test set


@dataclass(frozen=True, slots=True)
class Pool:
    """The training data of a run."""

    lengths: tuple[Lengths, ...]
    """Lengths of its examples."""
    targets: float = 1.0
    """Mean number of targets of an example, such as captions of a recording."""


def training_pool(
    examples: int,
    total: float,
    statistics: Mapping[str, Any],
    split: SplitConfig,
    histograms: Sequence[Mapping[str, Any]] | None = None,
) -> Pool:
    """Approximate training part of a dataset version: its examples have the lengths of all.

    Args:
        examples: number of examples of the version.
        total: sum of their lengths.
        statistics: statistics of the version, with the number of examples by group and by split.
        split: split config of the run.
        histograms: of its validation report; without the one of the lengths, all examples count as having the mean length.
    """
    count = _trained(examples, statistics, split)
    captions = statistics.get("captions") or 0
    lengths = _lengths(examples, total, statistics, histograms or ())
    return Pool(tuple(thinned(lengths, count)), captions / examples if captions and examples else 1.0)


def _trained(examples: int, statistics: Mapping[str, Any], split: SplitConfig) -> int:
    """Number of examples that are left for training."""
    splits, groups = statistics.get("splits") or {}, statistics.get("speakers") or {}
    # A dataset without a training part is split again (`engine.data.splits`).
    if not splits.get("train") and sum(splits.values()) >= examples:
        splits = {}
    left = float(examples)
    if split.test_groups:
        left -= sum(groups.get(name, 0) for name in split.test_groups)
    elif splits:
        left -= splits.get("test", 0)
    else:
        left -= _TEST_SHARE * examples
    if split.validation_groups:
        left -= sum(groups.get(name, 0) for name in split.validation_groups)
    elif splits.get("validation"):
        left -= splits["validation"]
    else:
        left -= split.validation_fraction * left
    return max(1, round(left))


def _lengths(
    examples: int, total: float, statistics: Mapping[str, Any], histograms: Sequence[Mapping[str, Any]]
) -> list[Lengths]:
    for histogram in histograms:
        if histogram["name"] == "duration" and sum(histogram["counts"]) == examples:
            shortest, longest = statistics.get("shortest_s") or 0.0, statistics.get("longest_s") or total
            return lengths_in(histogram["edges"], histogram["counts"], total, shortest=shortest, longest=longest)
    return [Lengths(total / max(1, examples), max(1, examples))]
