"""Which column of a table has which role, decided for all rows together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.data.columns import Column, bare, columns_of
from engine.data.record import Record
from engine.data.rows import Metadata, Names
from engine.data.split_names import split_of_name
from engine.data.values import are_genders, as_name, as_said, as_speaker, as_text, says_nothing
from engine.errors import IngestError

_SAMPLED_ROWS = 500
_MOSTLY = 0.5
_SHOWN = 40


def file_column(name: str, columns: Sequence[str], records: Sequence[Record], names: Names, read: Metadata) -> Column:
    """The column whose values name recordings; among several, the one with a matching name."""
    called = columns_of(columns, "file")
    by_content = [Column(at, each.strip(), len(columns)) for at, each in enumerate(columns)]
    hits = {column.at: _share(records, column, names) for column in by_content}
    best = max([*called, *by_content], key=lambda column: hits[column.at], default=None)
    if best is None or (not called and hits[best.at] < _MOSTLY):
        raise IngestError(missing_column(name, columns, records, "file", "file_name, path, audio"))
    if called and hits[called[0].at] >= hits[best.at] * _MOSTLY:
        return called[0]
    if best not in called:
        read.warnings.append(
            f"{name}: the column {best.name!r} was taken for the names of the recordings, which it holds"
        )
    return best


def text_column(name: str, columns: Sequence[str], records: Sequence[Record], file: Column, read: Metadata) -> Column:
    """The best non-empty text column, one for all rows."""
    called = [column for column in columns_of(columns, "text") if column.at != file.at]
    if not called:
        raise IngestError(missing_column(name, columns, records, "text", "transcription, text, sentence"))
    filled = {column.at: sum(_is_text(record.value(column)) for record in records) for column in called}
    texts = [column for column in called if bare(column.name) != "label" and filled[column.at]]  # a label is a class
    enough = _MOSTLY * max(filled[column.at] for column in texts or called)
    best, *others = [column for column in texts or called if filled[column.at] >= enough]
    for other in others:
        if bare(other.name) == "label":  # of anything: an emotion, a command
            continue
        pair = next(
            (
                (ours, theirs)
                for record in records
                if (ours := as_text(record.value(best))[0].strip())
                != (theirs := as_text(record.value(other))[0].strip())
                and ours
                and theirs
            ),
            None,
        )
        if pair:
            read.warnings.append(
                f"{name}: two columns may be the text; {best.name!r} was read ({pair[0][:_SHOWN]!r}), and not "
                f"{other.name!r} ({pair[1][:_SHOWN]!r})"
            )
    return best


def speaker_column(
    name: str, columns: Sequence[str], records: Sequence[Record], taken: Sequence[Column], read: Metadata
) -> Column | None:
    """The first speaker column with values; a warning names columns that distinguish other speakers."""
    called = [column for column in columns_of(columns, "speaker") if column.at not in {each.at for each in taken}]
    called = [column for column in called if any(as_speaker(record.value(column)) for record in records)]
    genders = [
        column for column in called if are_genders({as_speaker(record.value(column)) for record in records} - {""})
    ]
    called = [column for column in called if column not in genders]
    if genders and not called:
        read.warnings.append(f"{name}: the column {genders[0].name!r} tells genders, not speakers, and was not read")
    if not called:
        return None
    best, *others = called
    for other in others:
        pairs = {(as_speaker(record.value(best)), as_speaker(record.value(other))) for record in records}
        if len({ours for ours, _ in pairs}) < len(pairs):
            read.warnings.append(
                f"{name}: speakers are taken from the column {best.name!r}; {other.name!r} divides them otherwise, and "
                "was not read"
            )
    return best


def group_column(columns: Sequence[str], records: Sequence[Record], taken: Sequence[Column]) -> Column | None:
    """The first column of groups, such as the source of a clip, that joins some rows and not all."""
    for column in columns_of(columns, "group"):
        values = {as_speaker(record.value(column)) for record in records} - {""}
        are_splits = any(split_of_name(value) for value in values)
        if column.at not in {each.at for each in taken} and 1 < len(values) < len(records) and not are_splits:
            return column
    return None


def split_column(columns: Sequence[str], records: Sequence[Record]) -> Column | None:
    """A column named `split`, or one with a similar name whose values are splits."""
    for column in columns_of(columns, "split"):
        values = Counter(as_text(record.value(column))[0].strip() for record in records)
        if column.rank == 0 or any(split_of_name(value) for value in values):
            return column
    return None


def is_named(column: str) -> bool:
    """Whether a column has a name of its own: pandas writes an index without one."""
    return bool(column.strip()) and not re.fullmatch(r"Unnamed: \d+", column.strip())


def missing_column(name: str, columns: Sequence[str], records: Sequence[Record], role: str, usual: str) -> str:
    """The fault of a table that has no column of a role."""
    shown = "; ".join(" | ".join(as_text(value)[0][:_SHOWN] for value in record.values) for record in records[:3])
    return (
        f"{name} has the columns {', '.join(column.strip() for column in columns)}; none of them is the {role}, which is "
        f"called {usual} or the like: rename a column. Its first rows: {shown or 'none'}"
    )


def _is_text(value: Any) -> bool:
    text, fault = as_said(value)
    return not fault and bool(text.strip()) and not says_nothing(text)


def _share(records: Sequence[Record], column: Column, names: Names) -> float:
    """Share of a column's values that name recordings."""
    values = [as_name(record.value(column)) for record in _sampled(records)]
    return sum(bool(value.strip()) and names(value) for value in values) / max(1, len(values))


def _sampled(records: Sequence[Record]) -> Sequence[Record]:
    return records[:: max(1, len(records) // _SAMPLED_ROWS)]
