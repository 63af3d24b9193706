"""Turn a table of values into rows. Roles of columns are decided for the whole table and reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from engine.data.columns import Column, bare, columns_of
from engine.data.record import Record
from engine.data.row_columns import file_column, group_column, is_named, speaker_column, split_column
from engine.data.row_targets import ANSWERS, Table
from engine.data.row_times import cut_rows
from engine.data.rows import Metadata, Names, row_of
from engine.data.targets import TEXTS, TargetTypes, kind_of
from engine.data.times import TimeColumns, time_columns
from engine.data.values import as_name, as_speaker, as_text


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
    file = file_column(name, columns, records, names, read)
    answer = ANSWERS[kind.role](Table(name, columns, records, file, read, types), needs_targets)
    speaker = speaker_column(name, columns, records, [file, *answer.columns], read)
    if speaker is None and not kind.is_speech:
        speaker = group_column(columns, records, [file, *answer.columns])
    split = split_column(columns, records)
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
    read.columns_ignored = [each.strip() for at, each in enumerate(columns) if at not in taken and is_named(each)]
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
        cut_rows(name, times, records, read)
    return read


def _are_in_files(file: Column, times: TimeColumns) -> bool:
    """Whether times can be those of a part of the file: both ends are known, and the file is not a slice already."""
    return times.start is not None and (times.end or times.duration) is not None and "slice" not in bare(file.name)


def _tell_languages(name: str, records: Sequence[Record], column: Column | None, read: Metadata) -> None:
    languages = Counter(as_text(record.value(column))[0].strip() for record in records) if column else Counter[str]()
    del languages[""]
    if column and len(languages) > 1:
        shown = ", ".join(f"{language} ({count})" for language, count in languages.most_common(5))
        read.warnings.append(f"{name}: its rows are in several languages by the column {column.name!r}: {shown}")
