"""Take inputs of which only the same data is a copy: what a text and an image have in common in ingestion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Self

from engine.data.example import AnyExample, Input
from engine.data.layout import Item
from engine.data.report import Finding, Histogram, WarningCode
from engine.data.targets import TargetKind
from engine.data.validation.config import ValidationConfig
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.imbalance import imbalances
from engine.data.validation.statistics import Spread
from engine.data.validation.target_checks import JUDGES, plain_target
from engine.errors import ItemError
from engine.media.contract import ContentT, Copy, Examined, IntakeSetting
from engine.media.registry import medium_named


@dataclass(frozen=True, slots=True)
class Content(Generic[ContentT]):
    """An input that was read."""

    data: ContentT
    """As it is stored."""
    digest: bytes
    """Of what it shows or says: copies have the same."""
    size: float
    """In the unit of the medium's histogram."""
    format: str
    """Its format; empty if the medium has none."""


def examined(
    item: Item,
    read: Callable[[Examined[Content[ContentT]]], Content[ContentT]],
    accepted: Collection[str],
    texts: DatasetTexts,
    target: TargetKind,
) -> Examined[Content[ContentT]]:
    """Read an input and check it with its target.

    Args:
        item: with its original target.
        read: reads the input; adds faults and doubts, or raises ItemError if it cannot be read.
        accepted: kinds of faults that a person accepts.
        texts: common properties of the dataset's targets.
        target: what the item is given with.
    """
    found = Examined[Content[ContentT]](plain_target(item.text, target), accepted=accepted)
    try:
        found.content = read(found)
    except ItemError as fault:
        found.faults.append(fault)
    JUDGES[target.type](item.text, found, texts)
    return found


class ExactIntake(ABC, Generic[ContentT]):
    """An `engine.media.contract.Intake`; a medium opens and stores its inputs."""

    def __init__(self, setting: IntakeSetting, medium: str, sizes: Spread) -> None:
        """Start empty.

        Args:
            setting: of the ingestion.
            medium: its name in the registry.
            sizes: counts the sizes of the inputs.
        """
        self.setting = setting
        self._medium = medium
        self.measures = SizeMeasures[ContentT](setting.validation, setting.target, sizes)
        self._by_digest: dict[bytes, int] = {}
        self._added = 0
        self._amount = 0.0
        self._formats: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @abstractmethod
    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> AbstractContextManager[Callable[[], Examined[Content[ContentT]]]]:
        """Open an item; gives a function that examines it."""

    @abstractmethod
    def store(self, number: int, content: Content[ContentT]) -> Input:
        """Store an input, the one with this number of the version."""

    def count(self, content: Content[ContentT]) -> None:
        """Nothing: a source's size limits what can be read of it."""

    def copy_of(self, content: Content[ContentT]) -> Copy | None:
        """The earlier input with the same digest."""
        same, noun = self._by_digest.get(content.digest), medium_named(self._medium).noun
        return None if same is None else Copy(same, "duplicate_input", f"it is the same {noun} as {{earlier}}", True)

    def add(self, item: Item, content: Content[ContentT]) -> Input:
        """Store an input."""
        number, self._added = self._added, self._added + 1
        self._by_digest.setdefault(content.digest, number)
        if content.format:
            self._formats[content.format] += 1
        stored = self.store(number, content)
        self._amount += medium_named(stored.medium).amount(stored)
        return stored

    def close(self) -> None:
        """Nothing: each input is complete when it is stored."""

    def discard(self) -> None:
        """Nothing by default."""

    def facts(self) -> dict[str, Any]:
        """The amount and the formats."""
        return {"medium": self._medium, "amount": self._amount, "formats": dict(sorted(self._formats.items()))}

    def warnings(self) -> list[str]:
        """None."""
        return []


class SizeMeasures(Generic[ContentT]):
    """The distribution of the inputs' sizes."""

    def __init__(self, config: ValidationConfig, target: TargetKind, sizes: Spread) -> None:
        self._config = config
        self._target = target
        self._sizes = sizes

    def add(self, number: int, path: str, example: AnyExample, content: Content[ContentT]) -> None:
        """Record an item of the dataset."""
        self._sizes.add(content.size)

    def doubts(self) -> Iterator[tuple[str, WarningCode, str]]:
        """None."""
        yield from ()

    def about_inputs(self, groups: Mapping[str, int], items: int) -> list[Finding]:
        """A group that outweighs the others."""
        return imbalances(groups, items, Counter(), {}, None, self._config, self._target)

    def about_targets(self) -> list[Finding]:
        """None."""
        return []

    def histograms(self) -> list[Histogram]:
        """The sizes."""
        return [self._sizes.histogram()]
