"""Detect speakers in both training and test, where a test would not measure unseen voices."""

from __future__ import annotations

from collections import Counter

from engine.data.example import SPLITS, Split
from engine.data.report import Finding, named

_PAIRS: tuple[tuple[Split, Split], ...] = (("train", "test"), ("train", "validation"), ("validation", "test"))


_ACTIONS = {
    "speaker": "put each speaker into one split, or name test speakers when training: {second} then tells how the model "
    "does on voices that it has not heard"
}
_OTHERWISE = (
    "put each group into one split: {second} then tells how the model does on recordings unlike those that it has heard"
)


class Leakage:
    """Counts the items of each speaker in each split."""

    def __init__(self, group: str = "speaker") -> None:
        """Start empty; `group` is what must not be divided, in messages."""
        self._group = group
        self._speakers: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}

    def add(self, speaker: str | None, split: Split | None) -> None:
        """Count an item."""
        if speaker is not None and split is not None:
            self._speakers[split][speaker] += 1

    def findings(self) -> list[Finding]:
        """Findings about speakers that are in two splits."""
        found = []
        for first, second in _PAIRS:
            counts, others = self._speakers[first], self._speakers[second]
            shared = sorted(counts.keys() & others.keys())
            if shared:
                names = named([f"{name} ({counts[name]} and {others[name]} items)" for name in shared])
                found.append(
                    Finding(
                        path=None,
                        code="leakage",
                        severity="dataset",
                        reason=f"{len(shared)} {self._group}s are in {first} and in {second}: {names}; allowed: none",
                        action=_ACTIONS.get(self._group, _OTHERWISE).format(second=second),
                    )
                )
        return found
