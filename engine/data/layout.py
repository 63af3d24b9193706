"""The contents of a source before any audio is read: recordings with their texts, and rejected files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from engine.data.example import Split
from engine.data.report import ACTIONS, Code, LayoutKind, SetAside, named
from engine.data.source import Entry, displayed


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, or a part of one, with its metadata, before its audio is read."""

    entry: Entry
    """The file."""
    id: str
    """Unique within the dataset."""
    text: str
    """Its target in the written form, such as the transcript."""
    speaker: str | None
    """Its speaker or another group that must not be divided, if known."""
    split: Split | None
    """The split that the dataset's author chose, if any."""
    start_s: float = 0.0
    """Start in the file, in seconds."""
    duration_s: float | None = None
    """Length in seconds; None: to the end of the file."""
    place: str = ""
    """Its row of the metadata, such as `segments:12`."""

    @property
    def is_part(self) -> bool:
        """Whether its row gives times."""
        return self.start_s > 0 or self.duration_s is not None

    @property
    def shown(self) -> str:
        """Its name in a report: the file, or the row if a file may have several items."""
        return f"{self.entry.path} ({self.place})" if self.is_part and self.place else self.entry.path


@dataclass(slots=True)
class Layout:
    """Contents of a source."""

    items: list[Item] = field(default_factory=list)
    """Recordings with a text, in order; those of one file are adjacent."""
    set_aside: list[SetAside] = field(default_factory=list)
    """Everything else."""
    textless: dict[str, Item] = field(default_factory=dict)
    """Rejected rows that lack only a readable text, by path. Their ids may equal those of other items."""
    metadata_files: list[str] = field(default_factory=list)
    """The metadata files that were read."""
    warnings: list[str] = field(default_factory=list)
    """Oddities of the dataset as a whole."""
    text_sources: Counter[str] = field(default_factory=Counter)
    """Sources of the items' texts, in words, with the number of items from each."""
    columns_read: dict[str, str] = field(default_factory=dict)
    """Columns of the metadata that were read, with the role of each."""
    columns_ignored: list[str] = field(default_factory=list)
    """Columns of the metadata that were not read."""
    first_rows: list[str] = field(default_factory=list)
    """The first rows of the metadata, shown if they give no items."""
    several_labels: bool = False
    """Whether items have several labels, or an empty set of them."""
    codes: Mapping[Code, Code] = field(default_factory=dict)
    """Codes of faults that the medium calls otherwise than recordings do."""
    actions: Mapping[Code, str] = field(default_factory=dict)
    """What to do about faults, where it is not what to do with a recording."""
    found: Counter[LayoutKind] = field(default_factory=Counter)
    """Number of items from each detected structure; may be 0."""

    @property
    def kinds(self) -> list[LayoutKind]:
        """The detected structures, the one with the most items first."""
        return [kind for kind, _ in self.found.most_common()] or ["file_names"]

    def note_columns(self, read: Mapping[str, str], ignored: Iterable[str]) -> None:
        """Record which columns of a metadata file were read or ignored."""
        for name, role in read.items():
            roles = self.columns_read.setdefault(displayed(name), role).split(" or ")
            self.columns_read[displayed(name)] = " or ".join(roles if role in roles else [*roles, role])
        shown = (displayed(name) for name in ignored)
        self.columns_ignored = list(dict.fromkeys([*self.columns_ignored, *shown]))

    @property
    def text_source(self) -> str:
        """Sources of the texts, in words, the one with the most items first."""
        return named([displayed(source) for source, _ in self.text_sources.most_common()], most=3)

    def put_together(self) -> None:
        """Order the items so that each file is opened once, for any order of its rows."""
        first: dict[str, int] = {}
        for at, item in enumerate(self.items):
            first.setdefault(item.entry.path, at)
        self.items.sort(key=lambda item: first[item.entry.path])

    def set_item_aside(self, path: str, code: str, reason: str) -> None:
        """Record an item that cannot be used."""
        known = cast(Code, code)
        known = self.codes.get(known, known)
        action = self.actions.get(known, ACTIONS[known])
        self.set_aside.append(SetAside(path=displayed(path), code=known, reason=displayed(reason), action=action))
