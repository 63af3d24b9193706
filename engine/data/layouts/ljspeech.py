"""LJ Speech and similar corpora: `ID|TEXT|NORMALISED TEXT` without a header line.

The normalised text is used if present: it has numbers and abbreviations as they were spoken. Further fields, such as a
speaker or a length, are identified by their content; see `engine.data.lists`.

Source: Ito and Johnson, The LJ Speech Dataset; its README.
"""

from __future__ import annotations

import posixpath
import re

from engine.data.columns import columns_of
from engine.data.example import Split
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.locating import Located
from engine.data.lists import read_list
from engine.data.rows import Row
from engine.data.source import safe_path
from engine.data.split_names import split_of_name
from engine.data.texts import plain_path
from engine.errors import IngestError, ItemError

_NAME = re.compile(r"metadata[^/]*\.(csv|txt)", re.IGNORECASE)


def find(contents: Contents) -> list[str]:
    """`metadata.csv`, `metadata_train.txt` and the like, with bars and without a header, whose recordings exist."""
    candidates = [path for path in contents.unclaimed(".csv", ".txt") if _NAME.fullmatch(posixpath.basename(path))]
    return [path for path in candidates if _is_list(path, contents)]


def _is_list(path: str, contents: Contents) -> bool:
    rows = [[field.strip() for field in line.split("|")] for line in contents.head(path)]
    if len(rows[0]) < 2 or columns_of(rows[0], "file") or columns_of(rows[0], "text"):
        return False
    named = sum(any(contents.names_recording(field) for field in fields) for fields in rows)
    return 2 * named > len(rows) or _has_wavs(path, contents)


def _has_wavs(path: str, contents: Contents) -> bool:
    wavs = posixpath.join(posixpath.dirname(path), "wavs/")
    return any(other.startswith(wavs) for other in contents.by_path)


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each line."""
    for path in metadata:
        try:
            found = read_list(path, contents.text(path), "|", contents.names_recording)
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        builder.layout.warnings += found.warnings
        builder.layout.note_columns(found.columns_read, found.columns_ignored)
        builder.text_source = found.text_source
        located = contents.locate([row.file_name for row in found.rows], path)
        wavs = posixpath.join(posixpath.dirname(path), "wavs")
        split = split_of_name(posixpath.basename(path).rpartition(".")[0])
        for row in found.rows:
            _take(row, f"{path}:{row.line}", wavs, located, split, builder)


def _take(row: Row, place: str, wavs: str, located: Located, split: Split | None, builder: Builder) -> None:
    """Make an item from a line; its recording is in `wavs/`, or where its name points."""
    beside = builder.contents.recording(posixpath.join(wavs, plain_path(row.file_name)))
    if beside is not None:
        builder.take(row, place, beside, split)
    elif located.find(row.file_name) is not None or row.file_name in located.ambiguous:
        builder.take_named(row, place, located, split)
    else:
        try:
            builder.take(row, place, f"{posixpath.join(wavs, safe_path(row.file_name))}.wav", split)
        except ItemError as unsafe:
            builder.set_aside(place, ItemError(unsafe.code, f"the row names no recording: {unsafe.reason}"))
