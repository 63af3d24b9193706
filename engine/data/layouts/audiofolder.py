"""Metadata with columns: a table (`.csv`, `.tsv`, `.txt`) or JSON lines, with file names and texts.

`metadata.csv`, `.tsv` or `.jsonl`, as in Hugging Face's AudioFolder, and files of any other name with a column of files
and a column of texts (`train.csv`, `metadata_test.tsv`, `data.jsonl`). The split of a row comes from its split column,
else from the metadata file's name, else from the innermost folder that is named like a split.

Source: Hugging Face datasets, "AudioFolder".
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace

from engine.data.caption_values import caption_columns
from engine.data.columns import columns_of
from engine.data.dialect import DELIMITERS, Dialect, split_plainly
from engine.data.example import SPLITS, Split
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.label_folders import class_folders
from engine.data.layouts.naming import speaker_of_path
from engine.data.lists import read_list
from engine.data.metadata import METADATA_NAMES, delimiter_of, json_lines, read_metadata
from engine.data.rows import Metadata, Row
from engine.data.source import safe_path
from engine.data.split_names import split_of_name
from engine.errors import IngestError, ItemError

_TABLES = (".csv", ".tsv", ".txt")
_JSON_LINES = (".jsonl", ".ndjson")


def find(contents: Contents) -> list[str]:
    """Files named `metadata`, and others with a column of files and a column of texts."""
    found = []
    for path in contents.unclaimed(*_TABLES, *_JSON_LINES):
        if posixpath.basename(path).lower() in METADATA_NAMES or _is_metadata(path, contents):
            found.append(path)
    return found


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Read every file, but only one `metadata` file per folder: `.csv` before `.jsonl` before `.tsv`."""
    read_in: dict[str, str] = {}
    # Files of one split come first: a list of everything repeats their rows.
    splits = [*SPLITS, None]
    for path in sorted(metadata, key=lambda path: splits.index(_split_of(path))):
        folder = posixpath.dirname(path)
        if posixpath.basename(path).lower() in METADATA_NAMES and (used := read_in.setdefault(folder, path)) != path:
            builder.layout.warnings.append(f"{path} was not read, because there is {used}")
            continue
        try:
            found = _read(path, contents)
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        builder.layout.warnings += found.warnings
        builder.layout.note_columns(found.columns_read, found.columns_ignored)
        builder.layout.several_labels |= found.several_labels
        builder.text_source = found.text_source or "names of the folders"
        _take(path, found, contents, builder)


def _is_metadata(path: str, contents: Contents) -> bool:
    head = contents.head(path)
    if path.lower().endswith(_JSON_LINES):
        keys = [
            key for _, values in json_lines("\n".join(head), lower=False) if isinstance(values, dict) for key in values
        ]
        return _has_columns(keys, contents)
    fields = split_plainly(head[0], Dialect(delimiter_of(head[0], ",", contents.target.role)))
    return _has_columns(fields, contents)


def _has_columns(names: Sequence[str], contents: Contents) -> bool:
    """Whether a table names recordings, and gives their targets or something about recordings in class folders."""
    role = contents.target.role
    is_about = role == "label" and any(columns_of(names, each) for each in ("split", "speaker", "group"))
    gives = bool(columns_of(names, role)) or (role == "caption" and bool(caption_columns(names)))
    return bool(columns_of(names, "file")) and (gives or (is_about and bool(class_folders(contents))))


def _list_delimiter(head: list[str], contents: Contents) -> str | None:
    """The delimiter of a list without a header; None if not every line names a recording."""
    for delimiter in DELIMITERS:
        rows = [split_plainly(line, Dialect(delimiter)) for line in head]
        if all(len(row) > 1 and any(contents.names_recording(field) for field in row) for row in rows):
            return delimiter
    return None


def _read(path: str, contents: Contents) -> Metadata:
    text = contents.text(path)
    if contents.target.role != "text":
        needs_targets = not (contents.target.role == "label" and class_folders(contents))
        files = contents.medium.files
        return read_metadata(
            path, text, contents.names_recording, contents.types, needs_targets=needs_targets, files=files
        )
    if not path.lower().endswith(_JSON_LINES) and (delimiter := _list_delimiter(contents.head(path), contents)):
        return read_list(path, text, delimiter, contents.names_recording)
    return read_metadata(path, text, contents.names_recording, files=contents.medium.files)


def _take(path: str, found: Metadata, contents: Contents, builder: Builder) -> None:
    located = contents.locate([row.file_name for row in found.rows if row.file_name], path)
    split = _split_of(path)
    folders = {} if found.has_targets else class_folders(contents)
    repeated = 0
    # In lists of well-known corpora, the path names the speaker.
    speaks = (
        contents.target.is_speech
        and posixpath.basename(path).lower() not in METADATA_NAMES
        and "speaker" not in found.columns_read.values()
    )
    for row in found.rows:
        if speaks:
            row = replace(row, speaker=speaker_of_path(located.path(row.file_name)))
        if not found.has_targets:
            row = replace(row, text=folders.get(located.path(row.file_name), ""))
        place = f"{path}:{row.line}"
        if not row.file_name:
            builder.set_aside(place, row.fault or ItemError("missing_audio", "the row names no file"))
        elif split is None and row.split is None and builder.repeats(row, located.path(row.file_name), path):
            repeated += 1
        elif located.find(row.file_name) is None and (fault := _unsafe(row, place)):
            builder.set_aside(row.file_name, fault)
        else:
            builder.take_named(row, place, located, split)
    if repeated:
        builder.layout.warnings.append(f"{path} repeats {repeated} rows of other files; they were taken once")


def _unsafe(row: Row, place: str) -> ItemError | None:
    """The fault of a row whose file name is not a path inside the source, if so."""
    try:
        safe_path(row.file_name)
    except ItemError as fault:
        return ItemError(fault.code, f"{place}: {fault.reason}")
    return None


def _split_of(path: str) -> Split | None:
    return split_of_name(posixpath.basename(path).rpartition(".")[0])
