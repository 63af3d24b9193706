"""Parquet and Arrow tables with a column of audio and a column of texts, as Hugging Face datasets are stored.

Audio is the bytes of files, samples with their rate, or names of files in the source. The split comes from a column of
that name, else from a word of the file's name (`train-00000-of-00003.parquet`), else of one of its folders, the
innermost first. In a folder written by `datasets.save_to_disk`, only the files named in its `state.json` are read.

Source: Hugging Face datasets, features `Audio` and `ClassLabel`, `Dataset.save_to_disk`.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.data.endings import stem
from engine.data.example import Split
from engine.data.label_values import read_labels
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.table_columns import Columns, columns_in, is_bytes, is_text
from engine.data.metadata import value_of
from engine.data.rows import Row, row_of
from engine.data.source import Entry
from engine.data.split_names import split_of_name
from engine.data.tables.source import AudioColumns, Cell, TableSource
from engine.data.tables.table import Table, open_table
from engine.data.targets import TargetKind
from engine.errors import IngestError, ItemError

_BATCH_ROWS = 64  # rows of texts read at a time
_LONGEST_NAME = 1000  # characters of a path
_STATE = "state.json"
_ABOUT = (_STATE, "dataset_info.json", "dataset_dict.json")


def find_parquet(contents: Contents) -> list[str]:
    """Every Parquet file."""
    return list(contents.unclaimed(".parquet"))


def find_arrow(contents: Contents) -> list[str]:
    """Every Arrow file, and the JSON files that `save_to_disk` writes with it."""
    found = list(contents.unclaimed(".arrow", ".feather"))
    folders = {posixpath.dirname(path) for path in found}
    folders |= {posixpath.dirname(folder) for folder in folders}
    about = [path for path in contents.unclaimed(*_ABOUT) if posixpath.basename(path) in _ABOUT]
    return found + [path for path in about if posixpath.dirname(path) in folders] if found else []


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each row."""
    rows_left, text_bytes_left = contents.limits.max_members, contents.limits.max_metadata_bytes
    for path in _tables(metadata, contents, builder):
        assert isinstance(contents.source, TableSource)  # the one that opens cells
        try:
            with contents.source.open(contents.by_path[path], contents.limits.max_total_bytes) as file:
                table = open_table(path, file, contents.limits, contents.source.work)
                columns = columns_in(path, table.schema, contents.target)
                rows_left -= table.starts[-1]
                if rows_left < 0:
                    raise IngestError(
                        f"{path} and the tables before it have more than {contents.limits.max_members:,} rows, the most "
                        "allowed: split the dataset"
                    )
                rows = []
                for row in _rows(path, table, columns, contents.target, builder, contents.limits.max_value_bytes):
                    text_bytes_left -= len(row.text) + len(row.file_name)
                    if text_bytes_left < 0:
                        raise IngestError(
                            f"the texts up to {path}:{row.line} have more than {contents.limits.max_metadata_bytes:,} "
                            "characters, the most allowed: split the dataset"
                        )
                    rows.append(row)
                audio = columns.audio
                if audio is not None and columns.name is not None and table.is_empty(audio.data):
                    audio = None
        except ItemError as fault:
            builder.refuse(path, f"{path} cannot be read: {fault.reason}")
            continue
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        builder.layout.note_columns(columns.read, columns.ignored)
        builder.text_source = _text_source(path, columns)
        if contents.target.role == "label":
            rows = _with_labels(path, rows, columns, contents, builder)
        if audio is None:
            _take_files(path, rows, contents, builder)
        else:
            _take_cells(path, rows, audio, contents.by_path[path], builder)
        if table.fault:
            builder.set_aside(f"{path}:{table.starts[-1] + 1}-", ItemError("truncated", f"from here on {table.fault}"))


def _text_source(path: str, columns: Columns) -> str:
    called = ", ".join(repr(text) for text in columns.texts)
    return f"column{'s' * (len(columns.texts) > 1)} {called} of {posixpath.basename(path)}"


def _with_labels(path: str, rows: list[Row], columns: Columns, contents: Contents, builder: Builder) -> list[Row]:
    """The rows with their labels, which may be several in one text."""
    found = read_labels(columns.texts[0], [row.text for row in rows], contents.types)
    builder.layout.several_labels |= found.several
    builder.layout.warnings += [f"{path}: {warning}" for warning in found.warnings]
    return [
        replace(row, text=text, fault=row.fault or fault) for row, (text, fault) in zip(rows, found.labels, strict=True)
    ]


def _tables(metadata: list[str], contents: Contents, builder: Builder) -> Iterator[str]:
    """The files with rows; files that a saved dataset does not name, such as caches, are rejected."""
    states: dict[str, set[str] | None] = {}
    for path in metadata:
        if posixpath.basename(path) in _ABOUT:
            builder.layout.metadata_files.append(path)
            continue
        folder = posixpath.dirname(path)
        if folder not in states:
            states[folder] = _files_of_state(posixpath.join(folder, _STATE), contents)
        named = states[folder]
        if path.endswith(".arrow") and named is not None and posixpath.basename(path) not in named:
            builder.set_aside(path, ItemError("not_audio", f"{posixpath.join(folder, _STATE)} does not name it"))
        else:
            yield path


def _files_of_state(path: str, contents: Contents) -> set[str] | None:
    if path not in contents.by_path:
        return None
    try:
        files = json.loads(contents.read(path))["_data_files"]
        return {str(file["filename"]) for file in files}
    except (IngestError, ValueError, KeyError, TypeError, RecursionError):
        return None  # written by another tool


def _take_files(path: str, rows: list[Row], contents: Contents, builder: Builder) -> None:
    names = [row.file_name for row in rows if row.file_name and len(row.file_name) <= _LONGEST_NAME]
    located = contents.locate(names, path)
    for row in rows:
        place = f"{path}:{row.line}"
        if len(row.file_name) > _LONGEST_NAME:
            reason = f"found a text of {len(row.file_name):,} characters (base64?); allowed: names of files, or binary values"
            builder.set_aside(place, ItemError("unsupported_format", reason))
        elif row.file_name:
            builder.take(row, place, located.path(row.file_name), _split(path))
        else:
            builder.set_aside(place, ItemError("missing_audio", "the row has no audio, and names no file"))


def _take_cells(path: str, rows: list[Row], audio: AudioColumns, table: Entry, builder: Builder) -> None:
    split = _split(path)
    for row in rows:
        place = f"{path}:{row.line}"
        cell = Entry(place, Cell(table, row.line - 1, audio))
        name = stem(posixpath.basename(row.file_name.replace("\\", "/")))
        named = Row(
            row.line, "", row.text, row.speaker, row.split, id=name or f"{stem(path).replace('/', '.')}.{row.line}"
        )
        builder.add(named, place, cell, place, split)


def _rows(
    path: str, table: Table, columns: Columns, target: TargetKind, builder: Builder, most_bytes: int
) -> Iterator[Row]:
    """The rows without their audio; a damaged group is rejected, and the others are read."""
    roles = (columns.name, columns.speaker, columns.split)
    wanted = [name for name in (*roles, *columns.texts) if name]
    for group, first in enumerate(table.starts[:-1]):
        line = first + 1
        try:
            for batch in table.batches(group, wanted, _BATCH_ROWS):
                found = [_texts(batch, column, columns, most_bytes) for column in roles]
                texts = _targets(batch, columns, target, most_bytes)
                for name, speaker, split, text in zip(*found, texts, strict=True):
                    if name is None or text is None or speaker is None or split is None:
                        reason = (
                            f"found a value of more than {most_bytes:,} bytes, the most allowed of a text or a name"
                        )
                        builder.set_aside(f"{path}:{line}", ItemError(target.too_long, reason))
                    else:
                        yield row_of(line, name, text, speaker, split, mark=target.mark)
                    line += 1
        except (ItemError, UnicodeDecodeError) as error:
            problem = error.reason if isinstance(error, ItemError) else error
            reason = f"{table.group_name} {group} of the table is damaged ({problem})"
            builder.set_aside(f"{path}:{line}-{table.starts[group + 1]}", ItemError("corrupt", reason))


def _targets(batch: pa.RecordBatch, columns: Columns, target: TargetKind, most_bytes: int) -> list[str | None]:
    """The targets of the rows, as a table of texts writes them; None for one above the size limit."""
    if target.role == "text":
        return _texts(batch, columns.texts[0], columns, most_bytes)
    found = []
    for column in columns.texts:
        if _is_list(batch.column(column).type):
            found.append([_elements(value, columns.labels.get(column), most_bytes) for value in batch.column(column)])
        else:
            texts = _texts(batch, column, columns, most_bytes)
            found.append([None if text is None else text if target.role == "label" else [text] for text in texts])
    return [_joined(values, target) for values in zip(*found, strict=True)]


def _joined(values: Sequence[str | list[str] | None], target: TargetKind) -> str | None:
    """The values of a row as one text: a list of labels as JSON, captions on a line each."""
    parts: list[str] = []
    for value in values:
        if value is None:
            return None
        if target.role == "label":
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parts += [" ".join(each.split()) for each in value]
    return target.mark.join(filter(None, parts))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _elements(value: pa.Scalar, names: Sequence[str] | None, most_bytes: int) -> str | list[str] | None:
    """The texts in a list; an empty text for null, None for a list above the size limit."""
    if not value.is_valid:
        return ""
    if value.values.nbytes > most_bytes:
        return None
    return [_text(each, names) for each in value.as_py()]


def _texts(batch: pa.RecordBatch, column: str | None, columns: Columns, most_bytes: int) -> list[str | None]:
    """The values of a column as texts; None for a value above the size limit, which is checked before copying."""
    if column is None:
        return [""] * batch.num_rows
    top, _, inner = column.partition(".")
    found = batch.column(top)
    if inner and pa.types.is_struct(found.type):
        found = pc.struct_field(found, inner)
    if pa.types.is_nested(found.type):
        return [""] * batch.num_rows  # lists and structs are no text
    large = _larger(found, most_bytes)
    names = columns.labels.get(top)
    return [None if at in large else _text(found[at].as_py(), names) for at in range(batch.num_rows)]


def _larger(found: pa.Array, most_bytes: int) -> frozenset[int]:
    """The rows whose value is larger than `most_bytes`."""
    if pa.types.is_dictionary(found.type):
        large = _larger(found.dictionary, most_bytes)
        indices = found.indices.to_pylist() if large else ()
        return frozenset(at for at, index in enumerate(indices) if index in large)
    if not (is_bytes(found.type) or is_text(found.type)):
        return frozenset()
    sizes = ((at, found[at].as_buffer()) for at in range(len(found)))
    return frozenset(at for at, value in sizes if value is not None and value.size > most_bytes)


def _text(found: Any, names: Sequence[str] | None) -> str:
    if names and isinstance(found, int):
        return names[found] if 0 <= found < len(names) else ""
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return value_of({"": found}, ("",)) if isinstance(found, str | int | float) else ""


def _split(path: str) -> Split | None:
    parts = [stem(posixpath.basename(path)), *reversed(posixpath.dirname(path).split("/"))]
    return next((split for part in parts if (split := split_of_name(part))), None)
