"""The targets of a table's rows in their written form: transcripts, labels, captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.data.caption_values import caption_columns, read_captions
from engine.data.columns import Column, Role, bare
from engine.data.label_values import label_column, label_columns, read_labels
from engine.data.record import Record
from engine.data.row_columns import missing_column, text_column
from engine.data.rows import Metadata
from engine.data.targets import TargetTypes, kind_of
from engine.data.values import are_made_floats, as_said, as_text, without_point
from engine.errors import IngestError, ItemError

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose targets are looked for."""

    name: str
    columns: Sequence[str]
    records: Sequence[Record]
    file: Column
    read: Metadata
    types: TargetTypes

    def values(self, column: Column) -> list[str]:
        """The values of a column as texts."""
        return [as_text(record.value(column))[0].strip() for record in self.records]

    def is_filled(self, column: Column) -> bool:
        """Whether a column has values."""
        return any(_is_given(record.value(column)) for record in self.records)

    def missing(self) -> IngestError:
        """The fault of a table without targets."""
        kind = kind_of(self.types)
        return IngestError(missing_column(self.name, self.columns, self.records, kind.noun, kind.usual_columns))


@dataclass(frozen=True, slots=True)
class Answers:
    """The targets of a table's rows in their written form."""

    columns: list[Column]
    values: Sequence[tuple[str, ItemError | None]]

    @property
    def names(self) -> set[str]:
        """Names of the columns."""
        return {column.name for column in self.columns}


def _said(table: Table, needed: bool) -> Answers:
    """The transcripts."""
    column = text_column(table.name, table.columns, table.records, table.file, table.read)
    return Answers([column], (_texts(table.name, table.records, column, table.read)))


def _labels(table: Table, needed: bool) -> Answers:
    """The labels: one column, which may hold several for a row."""
    called = label_columns(table.columns, [table.file.at])
    filled = [column for column in called if table.is_filled(column)]
    if not called and not needed:
        table.read.has_targets = False
        return Answers([], [("", None)] * len(table.records))
    if not called:
        raise table.missing()
    best, others = label_column(table.columns, filled or called, table.values)
    for other in others:
        ours, theirs = (next(filter(None, table.values(column)), "") for column in (best, other))
        table.read.warnings.append(
            f"{table.name}: two columns may be the label; {best.name!r} was read ({ours[:_SHOWN]!r}), and not "
            f"{other.name!r} ({theirs[:_SHOWN]!r})"
        )
    found = read_labels(best.name, [record.value(best) for record in table.records], table.types)
    table.read.warnings += [f"{table.name}: {warning}" for warning in found.warnings]
    table.read.several_labels = found.several
    return Answers([best], found.labels)


def _captions(table: Table, needed: bool) -> Answers:
    """The captions: one column, or several with a number each."""
    groups = caption_columns(table.columns, [table.file.at])
    filled = [group for group in groups if any(table.is_filled(column) for column in group)]
    if not groups:
        raise table.missing()
    best = (filled or groups)[0]
    values = ([record.value(column) for column in best] for record in table.records)
    return Answers(best, [read_captions(best[0].name, found) for found in values])


ANSWERS: Final[Mapping[Role, Callable[[Table, bool], Answers]]] = {
    "text": _said,
    "label": _labels,
    "caption": _captions,
}
"""How the targets of a table are found, by the role of their columns."""


def _is_given(value: Any) -> bool:
    return (
        isinstance(value, bool) or (isinstance(value, list | tuple) and bool(value)) or bool(as_text(value)[0].strip())
    )


def _texts(
    name: str, records: Sequence[Record], column: Column, read: Metadata
) -> Sequence[tuple[str, ItemError | None]]:
    """The text of each record, or the reason why it has none."""
    values = [as_said(record.value(column)) for record in records]
    texts = {text.strip() for text, _ in values if text.strip()}
    made_float = are_made_floats(texts)
    values = [(without_point(text.strip()), fault) if made_float else (text, fault) for text, fault in values]
    numbers = [
        text
        for record, (text, _) in zip(records, values, strict=True)
        if text and (made_float or isinstance(record.value(column), float))
    ]
    if numbers:
        read.warnings.append(
            f"{name}: {len(numbers)} values of {column.name!r} are numbers with a point, not text; they were read as "
            f"texts such as {numbers[0]!r}"
        )
    if bare(column.name) == "label" and all(text.strip().isdecimal() for text, _ in values if text):
        read.warnings.append(
            f"{name}: the values of {column.name!r} are numbers, and were read as texts such as {values[0][0]!r}; if they "
            "are numbers of classes, write what is said instead"
        )
    return [
        ("", ItemError("missing_text", f"its {column.name} is {fault}; allowed: text")) if fault else (text, None)
        for text, fault in values
    ]
