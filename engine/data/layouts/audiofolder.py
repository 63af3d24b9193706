"""AudioFolder: `metadata.csv`, `.tsv` or `.jsonl` with a column of file names and one of texts.

Source: Hugging Face datasets, "AudioFolder".
"""

from __future__ import annotations

import posixpath

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import METADATA_NAMES, Row, plain_path, read_metadata
from engine.data.source import safe_path
from engine.errors import IngestError, ItemError


def find(contents: Contents) -> list[str]:
    """Files called `metadata`."""
    return [path for path in contents.unclaimed(*METADATA_NAMES) if posixpath.basename(path).lower() in METADATA_NAMES]


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Read one metadata file of each folder: `.csv` comes before `.jsonl`, and that before `.tsv`."""
    read_in: dict[str, str] = {}
    for path in metadata:
        folder = posixpath.dirname(path)
        used = read_in.setdefault(folder, path)
        if used != path:
            builder.layout.warnings.append(f"{path} was not read, because there is {used}")
            continue
        inside = f"{folder}/" if folder else ""
        known = {other.removeprefix(inside): None for other in contents.by_path if other.startswith(inside)}
        try:
            found = read_metadata(path, contents.text(path), known)
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        builder.layout.warnings += found.warnings
        builder.layout.note_columns(found.columns_read, found.columns_ignored)
        builder.text_source = found.text_source
        for row in found.rows:
            _take(row, folder, f"{path}:{row.line}", builder)


def _take(row: Row, folder: str, place: str, builder: Builder) -> None:
    if not row.file_name:
        builder.set_aside(place, row.fault or ItemError("missing_audio", "the row names no file"))
        return
    try:
        safe_path(row.file_name)
    except ItemError as fault:
        builder.set_aside(row.file_name, ItemError(fault.code, f"{place}: {fault.reason}"))
        return
    builder.take(row, place, posixpath.join(folder, plain_path(row.file_name)))
