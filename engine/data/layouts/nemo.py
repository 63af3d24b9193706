"""NeMo manifests: a JSON object per line with `audio_filepath`, `text`, and perhaps `offset`, `duration`, `speaker`.

A `duration` without an `offset` is that of the whole file, as the tools that make manifests write it, unless it is
clearly shorter. The split is the manifest's own (`split`), else a word of the file's name (`train_manifest.json`).

Source: NVIDIA NeMo, "ASR datasets", manifest files.
"""

from __future__ import annotations

import math
import posixpath
from typing import Any

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import SPEAKER_COLUMNS, TEXT_COLUMNS, Row, json_lines, row_of, split_of_name, value_of
from engine.errors import IngestError, ItemError

_PATH_KEYS = ("audio_filepath", "audio_file_path")


def find(contents: Contents) -> list[str]:
    """Files of JSON lines of which one of the first has an `audio_filepath`."""
    return [path for path in contents.unclaimed(".json", ".jsonl", ".manifest") if _is_manifest(contents.head(path))]


def _is_manifest(lines: list[str]) -> bool:
    first = [values for line in lines for _, values in json_lines(line)]
    return any(key in values for values in first if isinstance(values, dict) for key in _PATH_KEYS)


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item of each line: a file, or the part of it that the line gives."""
    for path in metadata:
        try:
            rows = [_row(line, values) for line, values in json_lines(contents.text(path))]
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        located = contents.locate([row.file_name for row in rows if row.file_name], path)
        split = split_of_name(posixpath.basename(path).rpartition(".")[0])
        builder.text_source = f"key 'text' of {posixpath.basename(path)}"
        for row in rows:
            place = f"{path}:{row.line}"
            if not row.file_name:
                builder.set_aside(place, row.fault or ItemError("missing_audio", "the line has no audio_filepath"))
            else:
                builder.take_named(row, place, located, split)


def _row(line: int, values: dict[str, Any] | ItemError) -> Row:
    if isinstance(values, ItemError):
        return Row(line, "", "", None, None, values)
    faults: list[str] = []
    start_s = _time(values, "offset", faults)
    duration_s = _time(values, "duration", faults)
    if duration_s == 0:
        faults.append("duration is 0; allowed: more than 0")
    row = row_of(
        line,
        value_of(values, _PATH_KEYS),
        value_of(values, TEXT_COLUMNS),
        value_of(values, SPEAKER_COLUMNS),
        value_of(values, ("split",)),
        ItemError("bad_times", " and ".join(faults)) if faults else None,
    )
    return Row(row.line, row.file_name, row.text, row.speaker, row.split, row.fault, start_s or 0.0, duration_s)


def _time(values: dict[str, Any], key: str, faults: list[str]) -> float | None:
    found = values.get(key)
    if found is None:
        return None
    try:
        time_s = float(found)
    except (TypeError, ValueError, OverflowError):
        time_s = math.nan
    if not math.isfinite(time_s) or time_s < 0 or isinstance(found, bool):
        faults.append(f"{key} is {str(found)[:40]!r}; allowed: seconds, 0 or more")
        return None
    return time_s
