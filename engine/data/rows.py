"""Turn a table of values into rows. Roles of columns are decided for the whole table and reported."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.data.caption_values import caption_columns, read_captions
from engine.data.columns import Column, Role, bare, columns_of
from engine.data.label_values import label_column, label_columns, read_labels
from engine.data.record import Record
from engine.data.split_names import split_of_name
from engine.data.targets import TEXTS, TargetTypes, kind_of
from engine.data.texts import clean_text, clean_transcript
from engine.data.times import Span, TimeColumns, spans, time_columns
from engine.data.values import (
    are_genders,
    are_made_floats,
    as_name,
    as_said,
    as_speaker,
    as_text,
    says_nothing,
    without_point,
)
from engine.errors import IngestError, ItemError

Names = Callable[[str], bool]
"""Whether a value is the name of a recording in the source."""

_SAMPLED_ROWS = 500
_MOSTLY = 0.5
_SHOWN = 40


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


def rows_of(
    name: str,
    columns: Sequence[str],
    records: Sequence[Record],
    names: Names,
    types: TargetTypes = TEXTS,
    *,
    needs_targets: bool = True,
) -> Metadata:
    """Turn a table into rows.

    Args:
        name: path of the metadata file, for messages.
        columns: names of its columns.
        records: its rows.
        names: whether a value names a recording.
        types: allowed types of targets.
        needs_targets: whether a column must give the targets.

    Raises:
        IngestError: no column of file names, or none of targets.
    """
    read = Metadata()
    kind = kind_of(types)
    file = _file_column(name, columns, records, names, read)
    answer = _ANSWERS[kind.role](_Table(name, columns, records, file, read, types), needs_targets)
    speaker = _speaker_column(name, columns, records, [file, *answer.columns], read)
    if speaker is None and not kind.is_speech:
        speaker = _group_column(columns, records, [file, *answer.columns])
    split = _split_column(columns, records)
    language = next((each for each in columns_of(columns, "language") if each.name not in answer.names), None)
    times = time_columns(columns, [record.values for record in records])
    if times.cut and not kind.is_speech and not _are_in_files(file, times):
        told = ", ".join(column.name for _, column in times.columns())
        read.warnings.append(f"{name}: the times ({told}) were not read: they do not tell a part of the file")
        times = TimeColumns(None, None, None)
    roles: list[tuple[str, Column | None]] = [("file", file), *((kind.role, column) for column in answer.columns)]
    roles += [("speaker" if kind.is_speech else "group", speaker), ("split", split), ("language", language)]
    roles += times.columns() if times.cut else []
    read.columns_read = {column.name: role for role, column in roles if column is not None}
    taken = {column.at for _, column in roles if column is not None}
    read.columns_ignored = [each.strip() for at, each in enumerate(columns) if at not in taken and _is_named(each)]
    if read.columns_ignored:
        read.warnings.append(f"{name}: these columns were not read: {', '.join(read.columns_ignored)}")
    _tell_languages(name, records, language, read)
    if answer.columns:
        called = ", ".join(repr(column.name) for column in answer.columns)
        read.text_source = f"column{'s' * (len(answer.columns) > 1)} {called} of {name.rpartition('/')[2]}"
    for record, (said, fault) in zip(records, answer.values, strict=True):
        speaker_name, split_name = as_speaker(record.value(speaker)), as_text(record.value(split))[0]
        row = row_of(record.line, as_name(record.value(file)), said, speaker_name, split_name, mark=kind.mark)
        read.rows.append(replace(row, fault=record.fault or fault))
    if times.cut:
        _cut(name, times, records, read)
    return read


# ---- targets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
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
        return IngestError(_missing(self.name, self.columns, self.records, kind.noun, kind.usual_columns))


@dataclass(frozen=True, slots=True)
class _Answers:
    """The targets of a table's rows in their written form."""

    columns: list[Column]
    values: Sequence[tuple[str, ItemError | None]]

    @property
    def names(self) -> set[str]:
        """Names of the columns."""
        return {column.name for column in self.columns}


def _said(table: _Table, needed: bool) -> _Answers:
    """The transcripts."""
    column = _text_column(table.name, table.columns, table.records, table.file, table.read)
    return _Answers([column], list(_texts(table.name, table.records, column, table.read)))


def _labels(table: _Table, needed: bool) -> _Answers:
    """The labels: one column, which may hold several for a row."""
    called = label_columns(table.columns, [table.file.at])
    filled = [column for column in called if table.is_filled(column)]
    if not called and not needed:
        table.read.has_targets = False
        return _Answers([], [("", None)] * len(table.records))
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
    return _Answers([best], found.labels)


def _captions(table: _Table, needed: bool) -> _Answers:
    """The captions: one column, or several with a number each."""
    groups = caption_columns(table.columns, [table.file.at])
    filled = [group for group in groups if any(table.is_filled(column) for column in group)]
    if not groups:
        raise table.missing()
    best = (filled or groups)[0]
    values = ([record.value(column) for column in best] for record in table.records)
    return _Answers(best, [read_captions(best[0].name, found) for found in values])


_ANSWERS: dict[Role, Callable[[_Table, bool], _Answers]] = {"text": _said, "label": _labels, "caption": _captions}
"""How the targets of a table are found, by the role of their columns."""


def _is_given(value: Any) -> bool:
    return (
        isinstance(value, bool) or (isinstance(value, list | tuple) and bool(value)) or bool(as_text(value)[0].strip())
    )


# ---- columns ------------------------------------------------------------------------------------------------


def _file_column(name: str, columns: Sequence[str], records: Sequence[Record], names: Names, read: Metadata) -> Column:
    """The column whose values name recordings; among several, the one with a matching name."""
    called = columns_of(columns, "file")
    by_content = [Column(at, each.strip(), len(columns)) for at, each in enumerate(columns)]
    hits = {column.at: _share(records, column, names) for column in by_content}
    best = max([*called, *by_content], key=lambda column: hits[column.at], default=None)
    if best is None or (not called and hits[best.at] < _MOSTLY):
        raise IngestError(_missing(name, columns, records, "file", "file_name, path, audio"))
    if called and hits[called[0].at] >= hits[best.at] * _MOSTLY:
        return called[0]
    if best not in called:
        read.warnings.append(
            f"{name}: the column {best.name!r} was taken for the names of the recordings, which it holds"
        )
    return best


def _text_column(name: str, columns: Sequence[str], records: Sequence[Record], file: Column, read: Metadata) -> Column:
    """The best non-empty text column, one for all rows."""
    called = [column for column in columns_of(columns, "text") if column.at != file.at]
    if not called:
        raise IngestError(_missing(name, columns, records, "text", "transcription, text, sentence"))
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


def _speaker_column(
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


def _group_column(columns: Sequence[str], records: Sequence[Record], taken: Sequence[Column]) -> Column | None:
    """The first column of groups, such as the source of a clip, that joins some rows and not all."""
    for column in columns_of(columns, "group"):
        values = {as_speaker(record.value(column)) for record in records} - {""}
        are_splits = any(split_of_name(value) for value in values)
        if column.at not in {each.at for each in taken} and 1 < len(values) < len(records) and not are_splits:
            return column
    return None


def _are_in_files(file: Column, times: TimeColumns) -> bool:
    """Whether times can be those of a part of the file: both ends are known, and the file is not a slice already."""
    return times.start is not None and (times.end or times.duration) is not None and "slice" not in bare(file.name)


def _split_column(columns: Sequence[str], records: Sequence[Record]) -> Column | None:
    """A column named `split`, or one with a similar name whose values are splits."""
    for column in columns_of(columns, "split"):
        values = Counter(as_text(record.value(column))[0].strip() for record in records)
        if column.rank == 0 or any(split_of_name(value) for value in values):
            return column
    return None


def _share(records: Sequence[Record], column: Column, names: Names) -> float:
    """Share of a column's values that name recordings."""
    values = [as_name(record.value(column)) for record in _sampled(records)]
    return sum(bool(value.strip()) and names(value) for value in values) / max(1, len(values))


def _sampled(records: Sequence[Record]) -> Sequence[Record]:
    return records[:: max(1, len(records) // _SAMPLED_ROWS)]


def _is_named(column: str) -> bool:
    """Whether a column has a name of its own: pandas writes an index without one."""
    return bool(column.strip()) and not re.fullmatch(r"Unnamed: \d+", column.strip())


def _missing(name: str, columns: Sequence[str], records: Sequence[Record], role: str, usual: str) -> str:
    shown = "; ".join(" | ".join(as_text(value)[0][:_SHOWN] for value in record.values) for record in records[:3])
    return (
        f"{name} has the columns {', '.join(column.strip() for column in columns)}; none of them is the {role}, which is "
        f"called {usual} or the like: rename a column. Its first rows: {shown or 'none'}"
    )


# ---- values -------------------------------------------------------------------------------------------------


def _is_text(value: Any) -> bool:
    text, fault = as_said(value)
    return not fault and bool(text.strip()) and not says_nothing(text)


def _texts(
    name: str, records: Sequence[Record], column: Column, read: Metadata
) -> Iterable[tuple[str, ItemError | None]]:
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


def _tell_languages(name: str, records: Sequence[Record], column: Column | None, read: Metadata) -> None:
    languages = Counter(as_text(record.value(column))[0].strip() for record in records) if column else Counter[str]()
    del languages[""]
    if column and len(languages) > 1:
        shown = ", ".join(f"{language} ({count})" for language, count in languages.most_common(5))
        read.warnings.append(f"{name}: its rows are in several languages by the column {column.name!r}: {shown}")


# ---- times --------------------------------------------------------------------------------------------------


def _cut(name: str, times: TimeColumns, records: Sequence[Record], read: Metadata) -> None:
    """Give each row its stretch of the file; reject contradictory rows."""
    found, assumed = spans(times, [record.values for record in records])
    if assumed:
        read.warnings.append(f"{name}: {assumed}")
    read.rows = [_with_times(row, span) for row, span in zip(read.rows, found, strict=True)]
    of_file: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(read.rows):
        if row.fault is None and row.file_name:
            of_file[row.file_name].append(at)
    for rows in of_file.values():
        if len(rows) > 1:
            _reject_overlaps(read.rows, sorted(rows, key=lambda at: read.rows[at].start_s))


def _with_times(row: Row, span: Span) -> Row:
    fault = row.fault or (ItemError("bad_times", span.fault) if span.fault else None)
    return replace(row, start_s=span.start_s, duration_s=span.duration_s, fault=fault)


_SHORT_OVERLAP_S = 0.3
_OVERLAP_SHARE = 0.2  # of the shorter row


def _reject_overlaps(rows: list[Row], order: Sequence[int]) -> None:
    """Reject rows of one file with a start but no end, and rows of one speaker that overlap by more than a moment."""
    faults: dict[int, str] = {}
    latest = order[0]
    for at in order:
        if rows[at].duration_s is None:
            faults[at] = "it gives no end, and other rows are parts of the same file; allowed: a start and an end"
    for at in order[1:]:
        earlier, later = rows[latest], rows[at]
        shared_s = _end_s(earlier) - later.start_s
        shorter_s = min(_length_s(earlier), _length_s(later))
        same = earlier.speaker is None or later.speaker is None or earlier.speaker == later.speaker
        is_same_row = (earlier.start_s, earlier.duration_s, earlier.text) == (
            later.start_s,
            later.duration_s,
            later.text,
        )
        if same and not is_same_row and min(shared_s, shorter_s) > max(_SHORT_OVERLAP_S, _OVERLAP_SHARE * shorter_s):
            for one, other in ((latest, at), (at, latest)):
                faults.setdefault(
                    one,
                    f"it shares {min(shared_s, shorter_s):.2f} s with the row in line {rows[other].line}, which has another "
                    "text; allowed: rows that follow each other",
                )
        if _end_s(later) > _end_s(earlier):
            latest = at
    for at, fault in faults.items():
        rows[at] = replace(rows[at], fault=ItemError("bad_times", fault))


def _length_s(row: Row) -> float:
    return float("inf") if row.duration_s is None else row.duration_s


def _end_s(row: Row) -> float:
    return row.start_s + _length_s(row)
