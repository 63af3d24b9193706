"""Parquet with recordings in it, as Hugging Face datasets are stored: an `audio` column of bytes and path, and texts.

Without bytes the paths name files of the source. The split is a column of that name, else a word of the file's name
(`train-00000-of-00003.parquet`), else of one of its folders, the innermost first.

Source: Hugging Face datasets, features `Audio` and `ClassLabel`.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.endings import TABLE_ENDING, stem
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.manifest import Split
from engine.data.metadata import FILE_COLUMNS, SPEAKER_COLUMNS, TEXT_COLUMNS, Row, row_of, split_of_name, value_of
from engine.data.source import Entry
from engine.data.table import Cell, open_parquet
from engine.errors import IngestError, ItemError

_BATCH_ROWS = 64  # rows of texts read at once


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things are in a table."""

    data: str | None
    """Path of the column of bytes, if there is one."""
    name: str | None
    """Path of the column of file names, if there is one."""
    text: str
    speaker: str | None
    split: str | None
    labels: dict[str, list[str]]
    """Names of the classes of columns that hold their numbers."""


def find(contents: Contents) -> list[str]:
    """Every Parquet file."""
    return list(contents.unclaimed(TABLE_ENDING))


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item of each row."""
    rows_left, text_bytes_left = contents.limits.max_members, contents.limits.max_metadata_bytes
    for path in metadata:
        try:
            with contents.source.open(contents.by_path[path], contents.limits.max_total_bytes) as file:
                table = open_parquet(file)
                columns = _columns(path, table.schema_arrow)
                rows_left -= table.metadata.num_rows
                if rows_left < 0:
                    raise IngestError(
                        f"{path} and the tables before it have more than {contents.limits.max_members:,} rows, the most "
                        "allowed: split the dataset"
                    )
                rows = []
                for row in _rows(path, table, columns, builder):
                    text_bytes_left -= len(row.text) + len(row.file_name)
                    if text_bytes_left < 0:
                        raise IngestError(
                            f"the texts up to {path}:{row.line} have more than {contents.limits.max_metadata_bytes:,} "
                            "characters, the most allowed: split the dataset"
                        )
                    rows.append(row)
                is_named = columns.data is None or _is_empty(table.metadata, columns.data)
        except ItemError as fault:
            builder.refuse(path, f"{path} cannot be read: {fault.reason}")
            continue
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        if is_named:
            _take_files(path, rows, contents, builder)
        else:
            _take_cells(path, rows, columns.data or "", contents.by_path[path], builder)


def _take_files(path: str, rows: list[Row], contents: Contents, builder: Builder) -> None:
    located = contents.locate([row.file_name for row in rows if row.file_name], path)
    for row in rows:
        place = f"{path}:{row.line}"
        if row.file_name:
            builder.take(row, place, located.path(row.file_name), _split(path))
        else:
            builder.set_aside(place, ItemError("missing_audio", "the row has no audio, and names no file"))


def _take_cells(path: str, rows: list[Row], column: str, table: Entry, builder: Builder) -> None:
    split = _split(path)
    for row in rows:
        place = f"{path}:{row.line}"
        cell = Entry(place, Cell(table, row.line - 1, column))
        name = stem(posixpath.basename(row.file_name.replace("\\", "/")))
        named = Row(
            row.line, "", row.text, row.speaker, row.split, id=name or f"{stem(path).replace('/', '.')}.{row.line}"
        )
        builder.add(named, place, cell, place, split)


def _rows(path: str, table: pq.ParquetFile, columns: _Columns, builder: Builder) -> Iterator[Row]:
    """The rows without their audio; a row group that is damaged is named, and the others are read."""
    wanted = [name for name in (columns.name, columns.text, columns.speaker, columns.split) if name]
    first = 1
    for group in range(table.metadata.num_row_groups):
        count = table.metadata.row_group(group).num_rows
        line = first
        try:
            for batch in table.iter_batches(_BATCH_ROWS, row_groups=[group], columns=wanted, use_threads=False):
                for values in batch.to_pylist():
                    named = (columns.name, columns.text, columns.speaker, columns.split)
                    name, text, speaker, split = (_text(values, column, columns) for column in named)
                    yield row_of(line, name, text, speaker, split)
                    line += 1
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = f"row group {group} of the table is damaged ({error})"
            builder.set_aside(f"{path}:{line}-{first + count - 1}", ItemError("corrupt", reason))
        first += count


def _text(values: dict[str, Any], column: str | None, columns: _Columns) -> str:
    if column is None:
        return ""
    top, _, inner = column.partition(".")
    found = values.get(top)
    if inner and isinstance(found, dict):
        found = found.get(inner)
    names = columns.labels.get(top)
    if names and isinstance(found, int) and 0 <= found < len(names):
        return names[found]
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return value_of({"": found}, ("",)) if isinstance(found, str | int | float) else ""  # lists and structs are no text


def _columns(path: str, schema: pa.Schema) -> _Columns:
    """Which column is what.

    Raises:
        IngestError: no column of audio or of file names, or none of texts.
    """
    features = _features(schema)
    by_name = {field.name.strip().lower(): field.name for field in schema}
    audio = _audio_column(schema, features, by_name)
    text = _first(by_name, TEXT_COLUMNS)
    if audio is None or text is None:
        need = [f"one of {', '.join(FILE_COLUMNS)} with the audio's bytes or file names"] if audio is None else []
        need += [f"one of {', '.join(TEXT_COLUMNS)} for the text"] if text is None else []
        raise IngestError(
            f"{path} has the columns {', '.join(schema.names)}; needed: {' and '.join(need)}: rename a column"
        )
    kind = schema.field(audio).type
    data: str | None = None
    name: str | None = audio
    if pa.types.is_struct(kind):
        inside = {kind.field(at).name for at in range(kind.num_fields)}
        data = f"{audio}.bytes" if "bytes" in inside else None
        name = f"{audio}.path" if "path" in inside else None
    elif not _is_text(kind):
        data, name = audio, _first({key: value for key, value in by_name.items() if value != audio}, FILE_COLUMNS)
        name = name if name and _is_text(schema.field(name).type) else None
    labels = {
        column: [str(label) for label in feature["names"]]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }
    return _Columns(data, name, text, _first(by_name, SPEAKER_COLUMNS), _first(by_name, ("split",)), labels)


def _audio_column(schema: pa.Schema, features: dict[str, Any], by_name: dict[str, str]) -> str | None:
    """The column that is declared as audio, else one of a struct with bytes, else one with a usual name."""
    declared = [
        name
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "Audio" and name in schema.names
    ]
    structs = [
        field.name for field in schema if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
    ]
    usual = [
        by_name[name]
        for name in FILE_COLUMNS
        if name in by_name and (_is_bytes(kind := schema.field(by_name[name]).type) or _is_text(kind))
    ]
    return next(iter(declared + structs + usual), None)


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = found["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _is_empty(metadata: pq.FileMetaData, column: str) -> bool:
    """Whether every row of a column is null, as the table's own statistics say."""
    for group in range(metadata.num_row_groups):
        chunks = [metadata.row_group(group).column(at) for at in range(metadata.num_columns)]
        chunk = next((chunk for chunk in chunks if chunk.path_in_schema == column), None)
        statistics = chunk.statistics if chunk is not None else None
        if statistics is None or statistics.null_count != metadata.row_group(group).num_rows:
            return False
    return bool(metadata.num_row_groups > 0)


def _first(by_name: dict[str, str], allowed: tuple[str, ...]) -> str | None:
    return next((by_name[name] for name in allowed if name in by_name), None)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _split(path: str) -> Split | None:
    parts = [stem(posixpath.basename(path)), *reversed(posixpath.dirname(path).split("/"))]
    return next((split for part in parts if (split := split_of_name(part))), None)
