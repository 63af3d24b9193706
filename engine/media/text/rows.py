"""Rows with a text and its class or its answer: CSV, TSV, JSON lines and Parquet tables, as Hugging Face datasets have them.

The column of texts is the one whose name fits an input best and that is not the target: `text`, `review`, `question`.
The target is a column of labels, or of answers (`answer`, `output`, `summary`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.data.columns import Column, Role, columns_of
from engine.data.dialect import dialect_of, read_fields
from engine.data.endings import stem
from engine.data.label_values import label_column, label_columns, read_labels
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import split_of_path
from engine.data.layouts.table_columns import class_names
from engine.data.metadata import delimiter_of, json_lines
from engine.data.record import Record
from engine.data.row_columns import group_column, is_named, missing_column, speaker_column, split_column
from engine.data.rows import Metadata, row_of
from engine.data.source import Entry
from engine.data.split_names import split_of_name
from engine.data.tables.source import TableSource
from engine.data.tables.table import Table, open_table
from engine.data.values import as_said, as_text
from engine.errors import IngestError, ItemError
from engine.media.text.intake import Cell

_TABLES = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")
_PARQUET = (".parquet",)
_BATCH_ROWS = 256
_ROLES: Mapping[Role, Role] = {"text": "answer", "label": "label"}
"""Role of the column of targets, by the role of the targets."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose rows have texts."""

    columns: Sequence[str]
    records: Sequence[Record]


def find(contents: Contents) -> list[str]:
    """Every table; one without the columns is rejected with its reason."""
    return list(contents.unclaimed(*_TABLES, *_JSON_LINES, *_PARQUET))


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each row."""
    rows_left = contents.limits.max_members
    for path in metadata:
        try:
            table = _table(path, contents)
            rows_left -= len(table.records)
            if rows_left < 0:
                most = contents.limits.max_members
                raise IngestError(
                    f"the tables up to {path} have more than {most:,} rows, the most allowed: split the dataset"
                )
            _take(path, table, contents, builder)
        except ItemError as fault:
            builder.refuse(path, f"{path} cannot be read: {fault.reason}")
        except IngestError as error:
            builder.refuse(path, error)


# ---- tables -------------------------------------------------------------------------------------------------


def _table(path: str, contents: Contents) -> _Table:
    if path.lower().endswith(_PARQUET):
        return _of_parquet(path, contents)
    text = contents.text(path)
    return _of_objects(text) if path.lower().endswith(_JSON_LINES) else _of_lines(path, text, contents)


def _of_lines(path: str, text: str, contents: Contents) -> _Table:
    header = next((line for line in text.split("\n") if line.strip()), "")
    usual = "\t" if path.lower().endswith(".tsv") else ","
    dialect = dialect_of(text, delimiter_of(header, usual, _ROLES[contents.target.role]))
    rows = read_fields(text, dialect, lambda fields: False).rows
    if not rows:
        raise IngestError(f"{path} is empty; its first line names the columns, such as text,label")
    (_, columns), *others = rows
    return _Table(columns, [Record(line, list(fields)) for line, fields in others])


def _of_objects(text: str) -> _Table:
    places: dict[str, int] = {}
    records = []
    for line, found in json_lines(text, lower=False):
        if isinstance(found, ItemError):
            records.append(Record(line, [], found))
            continue
        for key in found:
            places.setdefault(key, len(places))
        records.append(Record(line, [found.get(key) for key in places]))
    return _Table(list(places), records)


def _of_parquet(path: str, contents: Contents) -> _Table:
    assert isinstance(contents.source, TableSource)  # it gives a folder for temporary files
    with contents.source.open(contents.by_path[path], contents.limits.max_total_bytes) as file:
        table = open_table(path, file, contents.limits, contents.source.work)
        names = class_names(table.schema)
        columns = [name for name in table.schema.names if "." not in name and table.schema.names.count(name) == 1]
        return _Table(columns, list(_records(table, columns, names)))


def _records(table: Table, columns: Sequence[str], names: Mapping[str, Sequence[str]]) -> Iterator[Record]:
    for group, first in enumerate(table.starts[:-1]):
        line = first
        for batch in table.batches(group, columns, _BATCH_ROWS):
            for row in batch.to_pylist():
                line += 1
                yield Record(line, [_named(row[column], names.get(column)) for column in columns])


def _named(value: Any, names: Sequence[str] | None) -> Any:
    """A value, or the name of the class that it numbers."""
    if not names or not isinstance(value, int):
        return [_named(each, names) for each in value] if names and isinstance(value, list) else value
    return names[value] if 0 <= value < len(names) else None


# ---- rows ---------------------------------------------------------------------------------------------------


def _take(path: str, table: _Table, contents: Contents, builder: Builder) -> None:
    target = _target_column(path, table, contents, builder)
    given = next((each for each in columns_of(table.columns, "input") if each.at != target.at), None)
    if given is None:
        raise IngestError(missing_column(path, table.columns, table.records, "input", "text, review, question"))
    if contents.target.role == "label":
        labels = read_labels(target.name, [record.value(target) for record in table.records], contents.types)
        builder.layout.several_labels |= labels.several
        builder.layout.warnings += [f"{path}: {warning}" for warning in labels.warnings]
        answers: Sequence[tuple[str, ItemError | None]] = labels.labels
    else:
        answers = [_answer(target, record) for record in table.records]
    taken = [given, target]
    notes = Metadata()
    group = speaker_column(path, table.columns, table.records, taken, notes)
    group = group or group_column(table.columns, table.records, taken)
    builder.layout.warnings += notes.warnings
    split = split_column(table.columns, table.records)
    roles = {"input": given, contents.target.role: target, contents.target.group: group, "split": split}
    read = {column.name: role for role, column in roles.items() if column is not None}
    builder.layout.metadata_files.append(path)
    builder.layout.note_columns(
        read, [name.strip() for name in table.columns if is_named(name) and name.strip() not in read]
    )
    builder.text_source = f"column {target.name!r} of {posixpath.basename(path)}"
    of_file = split_of_name(stem(posixpath.basename(path))) or split_of_path(path)
    for record, (answer, fault) in zip(table.records, answers, strict=True):
        place = f"{path}:{record.line}"
        text, problem = as_text(record.value(given))
        if record.fault or problem or not text.strip():
            reason = f"its {given.name} is {problem or 'empty'}; allowed: text"
            builder.set_aside(place, record.fault or ItemError("missing_text", reason))
            continue
        group_name, split_name = as_text(record.value(group))[0], as_text(record.value(split))[0]
        row = row_of(record.line, "", answer, group_name, split_name, fault, contents.target.mark)
        named = replace(row, id=f"{stem(path).replace('/', '.')}.{record.line}")
        builder.add(named, place, Entry(place, Cell(text)), place, of_file)


def _target_column(path: str, table: _Table, contents: Contents, builder: Builder) -> Column:
    """The column of the labels or the answers; for answers, not the one that is also the best input."""
    kind = contents.target
    if kind.role == "label":
        called = label_columns(table.columns)
        if called:
            best, others = label_column(
                table.columns, called, lambda column: [as_text(record.value(column))[0] for record in table.records]
            )
            if others:
                shown = ", ".join(repr(other.name) for other in others)
                builder.layout.warnings.append(f"{path}: {best.name!r} was read as the label, and not {shown}")
            return best
    elif called := columns_of(table.columns, "answer"):
        return called[0]
    role, usual = (kind.noun, kind.usual_columns) if kind.role == "label" else ("answer", "answer, output, summary")
    raise IngestError(missing_column(path, table.columns, table.records, role, usual))


def _answer(column: Column, record: Record) -> tuple[str, ItemError | None]:
    text, problem = as_said(record.value(column))
    return (
        ("", ItemError("missing_text", f"its {column.name} is {problem}; allowed: text")) if problem else (text, None)
    )
