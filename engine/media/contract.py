"""What a medium says about its inputs, and what ingestion asks of it. Does not import torch.

Ingestion is the same for every medium: a layout finds items, an `Intake` opens, examines and stores each of them, and
the stage decides about faults, copies, splits and the report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from engine.data.columns import Role
from engine.data.endings import FileKinds
from engine.data.example import AnyExample, Input
from engine.data.fields import Check
from engine.data.report import Code, Finding, Histogram, WarningCode
from engine.data.targets import TargetKind
from engine.errors import ItemError

if TYPE_CHECKING:
    from engine.data.layout import Item
    from engine.data.layouts.registry import LayoutReader
    from engine.data.limits import IngestLimits
    from engine.data.source import DataSource
    from engine.data.validation.config import ValidationConfig
    from engine.data.validation.dataset_texts import DatasetTexts

InputT = TypeVar("InputT", bound=Input)
ContentT = TypeVar("ContentT")
MeasuredT = TypeVar("MeasuredT", contravariant=True)

Doubt = tuple[WarningCode, str]
"""Code and reason of a warning."""


# ---- the medium ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a list of items shows of an input."""

    text: str | None = None
    """Its beginning, if it is a text."""
    duration_s: float | None = None
    """Its length in seconds, if it takes time."""


@dataclass(frozen=True, slots=True)
class Medium(Generic[InputT]):
    """A kind of input. Its class of inputs says what an input shares with others (`spans`) and its files (`files`)."""

    input: type[InputT]
    """Class of its inputs; `input.medium` is the medium's name in the registry."""
    fields: Mapping[str, Check]
    """Fields of an input on a line of the manifest, which are those of its class, with a check of each."""
    noun: str
    """What one input is called in messages."""
    cost_unit: str
    """Unit in which learners count costs, such as `tokens` or `pixels`."""
    amount: Callable[[InputT], float]
    """How much data an input is: seconds, characters, or 1. Splits are drawn as shares of it."""
    unit: str
    """Unit of amounts, in words: `s of audio`, `characters`."""
    shown_amount: Callable[[float], str]
    """An amount for people: `2.5 min of audio`."""
    preview: Callable[[InputT], Preview]
    """What a list of items shows of an input."""
    files: FileKinds
    """Files of a source that are its inputs."""
    stored: tuple[str, ...]
    """Patterns of the files that ingestion writes for it, relative to the version's folder."""
    given: Mapping[Role, str]
    """How a source gives inputs with their targets, by the role of the targets, for messages."""
    layouts: Callable[[], Sequence[LayoutReader]]
    """Structures of sources that are read for it, the most specific first; imported when it is called."""
    intake: Callable[[IntakeSetting], Intake[Any]]
    """Begins to take inputs into a version; imports what decodes them when it is called."""
    codes: Mapping[Code, Code] = field(default_factory=dict)
    """Codes of faults that it calls otherwise than recordings do."""
    actions: Mapping[Code, str] = field(default_factory=dict)
    """What to do about faults, where it is not what to do with a recording."""
    target: Callable[[TargetKind], TargetKind] = lambda kind: kind
    """A type of targets, as it is with inputs of this medium."""


# ---- ingestion ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IntakeSetting:
    """What an intake is begun with."""

    source: DataSource
    """What items are read from."""
    folder: Path
    """Folder of the version."""
    limits: IngestLimits
    """On resources, and on usable inputs."""
    validation: ValidationConfig
    """Thresholds."""
    target: TargetKind
    """What the items are given with."""


@dataclass(slots=True)
class Examined(Generic[ContentT]):
    """Result of an item's examination."""

    text: str
    """The target for the manifest, in the written form."""
    content: ContentT | None = None
    """What was read, as the intake stores it; None if it cannot be read."""
    faults: list[ItemError] = field(default_factory=list)
    """Faults for which it is rejected; empty if it is not."""
    doubts: list[Doubt] = field(default_factory=list)
    """Doubts for a person to check."""
    accepted: Collection[str] = ()
    """Kinds of faults that a person accepts."""
    overruled: list[ItemError] = field(default_factory=list)
    """Accepted faults."""

    def add_fault(self, fault: ItemError) -> None:
        """Record a fault, as rejecting or as accepted."""
        (self.overruled if fault.code in self.accepted else self.faults).append(fault)


@dataclass(frozen=True, slots=True)
class Copy:
    """An item that is a copy of an earlier one."""

    item: int
    """Number of the earlier one among the items that were added."""
    code: Code
    """Code of its fault."""
    reason: str
    """The fault; `{earlier}` stands for the earlier item."""
    is_exact: bool
    """Whether both are the same data."""


class Measures(Protocol[MeasuredT]):
    """What shows only in all inputs of a dataset together."""

    def add(self, number: int, path: str, example: AnyExample, content: MeasuredT) -> None:
        """Record an item of the dataset.

        Args:
            number: of the item in the source.
            path: of the item in the source.
            example: as in the manifest.
            content: what was read.
        """
        ...

    def doubts(self) -> Iterator[tuple[str, WarningCode, str]]:
        """Doubts about items: path, code and reason."""
        ...

    def about_inputs(self, groups: Mapping[str, int], items: int) -> list[Finding]:
        """Findings about the inputs of the dataset, and the shares of its groups."""
        ...

    def about_targets(self) -> list[Finding]:
        """Findings about targets with these inputs."""
        ...

    def histograms(self) -> list[Histogram]:
        """Distributions over the dataset."""
        ...


class Intake(Protocol[ContentT]):
    """Takes the inputs of one ingestion. What `open` gives runs in several threads, everything else in one."""

    @property
    def measures(self) -> Measures[ContentT]:
        """What shows only in all inputs together."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def open(
        self, item: Item, accepted: Collection[str], texts: DatasetTexts
    ) -> AbstractContextManager[Callable[[], Examined[ContentT]]]:
        """Open an item; gives a function that examines it.

        Args:
            item: an input in the source, with its original target.
            accepted: kinds of faults that a person accepts.
            texts: common properties of the dataset's targets.

        Raises:
            ItemError: the file has a fault, is too large, or cannot be read.
            IngestError: the file is a bomb.
        """
        ...

    def count(self, content: ContentT) -> None:
        """Count what was read, whether it is taken or not.

        Raises:
            IngestError: it is more than allowed.
        """
        ...

    def copy_of(self, content: ContentT) -> Copy | None:
        """The earlier item that an item is a copy of, or None."""
        ...

    def add(self, item: Item, content: ContentT) -> Input:
        """Store an item; return it as the manifest has it."""
        ...

    def close(self) -> None:
        """Complete what was stored."""
        ...

    def discard(self) -> None:
        """Remove what was stored."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Fields of `IngestReport` that tell of the inputs that were added."""
        ...

    def warnings(self) -> list[str]:
        """Warnings about the inputs as a whole."""
        ...
