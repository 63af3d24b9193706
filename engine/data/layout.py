"""What a source holds before any audio is read: recordings with their texts, and what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from engine.data.manifest import Split
from engine.data.report import ACTIONS, Code, LayoutKind, SetAside, named
from engine.data.source import Entry, displayed


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, or a part of one, and what is known of it before its audio is looked at."""

    entry: Entry
    """The file."""
    id: str
    """Unique within the dataset."""
    text: str
    """What was said."""
    speaker: str | None
    """Who said it, if known."""
    split: Split | None
    """Where the dataset's author put it, if anywhere."""
    start_s: float = 0.0
    """Where it begins in the file, in seconds."""
    duration_s: float | None = None
    """How long it is, in seconds; None for all the rest of the file."""
    place: str = ""
    """The row of the metadata that it comes from, such as `segments:12`."""

    @property
    def is_part(self) -> bool:
        """Whether its row gives times."""
        return self.start_s > 0 or self.duration_s is not None

    @property
    def shown(self) -> str:
        """What to call it in a report: a file, or the row when there may be several for a file."""
        return f"{self.entry.path} ({self.place})" if self.is_part and self.place else self.entry.path


@dataclass(slots=True)
class Layout:
    """What a source holds."""

    items: list[Item] = field(default_factory=list)
    """Recordings with a text, in order; those of one file stand together."""
    set_aside: list[SetAside] = field(default_factory=list)
    """Everything else."""
    textless: dict[str, Item] = field(default_factory=dict)
    """Of those, by path: rows that lack nothing but a readable text. Their ids may be those of other items."""
    metadata_files: list[str] = field(default_factory=list)
    """The metadata files that were read."""
    warnings: list[str] = field(default_factory=list)
    """What is odd about the dataset as a whole."""
    text_sources: Counter[str] = field(default_factory=Counter)
    """Where the texts of the items come from, for people, with how many come from each."""
    columns_read: dict[str, str] = field(default_factory=dict)
    """Columns of the metadata that were read, and what each was taken for."""
    columns_ignored: list[str] = field(default_factory=list)
    """Columns of the metadata that were not read."""
    first_rows: list[str] = field(default_factory=list)
    """The first rows of the metadata, to be shown when nothing comes of them."""
    found: Counter[LayoutKind] = field(default_factory=Counter)
    """Items of each structure that was found; a structure may be there and give none."""

    @property
    def kinds(self) -> list[LayoutKind]:
        """The structures that were found, that of the most items first."""
        return [kind for kind, _ in self.found.most_common()] or ["file_names"]

    def note_columns(self, read: Mapping[str, str], ignored: Iterable[str]) -> None:
        """Record what became of the columns of a metadata file."""
        for name, role in read.items():
            roles = self.columns_read.setdefault(displayed(name), role).split(" or ")
            self.columns_read[displayed(name)] = " or ".join(roles if role in roles else [*roles, role])
        shown = (displayed(name) for name in ignored)
        self.columns_ignored += [name for name in dict.fromkeys(shown) if name not in self.columns_ignored]

    @property
    def text_source(self) -> str:
        """Where the texts come from, in words, that of the most items first."""
        return named([displayed(source) for source, _ in self.text_sources.most_common()], most=3)

    def put_together(self) -> None:
        """Order the items so that each file is opened once, however its rows are ordered."""
        first: dict[str, int] = {}
        for at, item in enumerate(self.items):
            first.setdefault(item.entry.path, at)
        self.items.sort(key=lambda item: first[item.entry.path])

    def set_item_aside(self, path: str, code: str, reason: str) -> None:
        """Record an item that cannot be used."""
        known = cast(Code, code)
        self.set_aside.append(
            SetAside(path=displayed(path), code=known, reason=displayed(reason), action=ACTIONS[known])
        )
