"""Rows of metadata: a recording, its target, and what else a table tells of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.data.texts import clean_text, clean_transcript
from engine.data.values import as_speaker
from engine.errors import ItemError

Names = Callable[[str], bool]
"""Whether a value is the name of a recording in the source."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a metadata file."""

    line: int
    """Its number in the file, counted from 1."""
    file_name: str
    """Name of the recording, relative to the metadata file; empty if the row gives none."""
    text: str
    """Its target in the written form, such as the transcript; empty if the row gives none."""
    speaker: str | None
    """Its speaker."""
    split: str | None
    """The split's name in the row."""
    fault: ItemError | None = None
    """Why the row cannot be used; None if it can."""
    start_s: float = 0.0
    """Start in the file, in seconds."""
    duration_s: float | None = None
    """Length in seconds; None: to the end of the file."""
    id: str | None = None
    """Its id in the metadata."""


@dataclass(slots=True)
class Metadata:
    """Contents of a metadata file."""

    rows: list[Row] = field(default_factory=list)
    """Its rows, in order."""
    warnings: list[str] = field(default_factory=list)
    """Its oddities."""
    columns_read: dict[str, str] = field(default_factory=dict)
    """Its columns that were read, with the role of each."""
    columns_ignored: list[str] = field(default_factory=list)
    """Its columns that were not read."""
    text_source: str = ""
    """Source of its texts, in words."""
    several_labels: bool = False
    """Whether rows have several labels, or an empty set of them."""
    has_targets: bool = True
    """Whether a column gives the targets; if not, the names of folders may."""


def row_of(
    line: int, file_name: str, text: str, speaker: str, split: str, fault: ItemError | None = None, mark: str = ""
) -> Row:
    """A row, with its texts cleaned; `mark` stands between the parts of its text, if it has parts."""
    parts = text.split(mark) if mark else [text]
    return Row(
        line,
        file_name.strip(),
        mark.join(cleaned for part in parts if (cleaned := clean_transcript(part))),
        clean_text(as_speaker(speaker)) or None,
        split.strip() or None,
        fault,
    )
