"""Findings about the captions of a dataset: nearly the same ones for different recordings, and in several splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from engine.data.example import AnyExample, Captions, Split
from engine.data.report import Finding, named
from engine.data.validation.config import ValidationConfig
from engine.metrics.text import normalize_basic

_NEAR_WORDS = 8  # captions of so many words are nearly the same if one word differs
_MOST_WORDS = 64  # of longer captions only the first words are compared
_EXAMPLES = 3
_SHOWN = 60


class CaptionFindings:
    """Collects the captions of a dataset."""

    def __init__(self, config: ValidationConfig) -> None:
        self._captions: list[tuple[int, Split | None, str]] = []
        self._items = 0

    def add(self, example: AnyExample) -> None:
        """Collect the captions of an item."""
        if isinstance(example.target, Captions):
            self._captions += [(self._items, example.split, caption) for caption in example.target.captions]
            self._items += 1

    def findings(self) -> Iterator[Finding]:
        """All findings."""
        groups = _near([caption for _, _, caption in self._captions])
        shared: set[int] = set()
        examples: list[str] = []
        crossing: set[int] = set()
        for group in groups:
            found = [self._captions[at] for at in group]
            items = {item for item, _, _ in found}
            if len(items) < 2:
                continue
            shared |= items
            examples.append(f"{found[0][2][:_SHOWN]!r} ({len(items)} items)")
            if any(split == "train" for _, split, _ in found):
                crossing |= {item for item, split, _ in found if split in ("validation", "test")}
        if not shared:
            return
        yield _finding(
            f"{len(shared)} of {self._items} items have nearly the same caption as another one: "
            f"{named(examples, _EXAMPLES)}; usual: none",
            "describe what is heard in each recording alone: retrieval cannot tell items with the same caption apart",
        )
        if crossing:
            yield _finding(
                f"{len(crossing)} items of validation and test have nearly the same caption as one of train",
                "write other captions, or put these recordings into train: a model can repeat what it was taught",
            )


def _near(captions: Sequence[str]) -> list[list[int]]:
    """Groups of captions that have the same words in any order or, if they are long, differ in one of them."""
    parent = list(range(len(captions)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first: dict[int, int] = {}
    for at, caption in enumerate(captions):
        words = sorted(normalize_basic(caption).split()[:_MOST_WORDS])
        keys = [tuple(words)]
        if len(words) >= _NEAR_WORDS:
            keys += [(*words[:gap], *words[gap + 1 :]) for gap in range(len(words))]
        for key in keys:
            parent[root(at)] = root(first.setdefault(hash(key), at))
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(captions)):
        groups[root(at)].append(at)
    return [group for group in groups.values() if len(group) > 1]


def _finding(reason: str, action: str) -> Finding:
    return Finding(path=None, code="similar_captions", severity="dataset", reason=reason, action=action)
