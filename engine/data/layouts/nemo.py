"""NeMo manifests: a JSON object per line with `audio_filepath`, `text`, and perhaps `offset`, `duration`, `speaker`.

A `duration` without an `offset` is that of the whole file, as the tools that make manifests write it, unless it is
clearly shorter. The split is the manifest's own (`split`), else a word of the file's name (`train_manifest.json`).

Source: NVIDIA NeMo, "ASR datasets", manifest files.
"""

from __future__ import annotations

import math
import posixpath
from dataclasses import replace
from typing import Any

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import json_lines, read_objects
from engine.data.rows import Row
from engine.data.split_names import split_of_name
from engine.errors import IngestError, ItemError

_PATH_KEYS = ("audio_filepath", "audio_file_path")
_TIME_KEYS = ("offset", "duration")


def find(contents: Contents) -> list[str]:
    """JSON-lines files with an `audio_filepath` in one of the first lines."""
    return [path for path in contents.unclaimed(".json", ".jsonl", ".manifest") if _is_manifest(contents.head(path))]


def _is_manifest(lines: list[str]) -> bool:
    first = [values for line in lines for _, values in json_lines(line)]
    return any(key in values for values in first if isinstance(values, dict) for key in _PATH_KEYS)


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each line: a file, or the part of it that the line gives."""
    for path in metadata:
        try:
            lines = list(json_lines(contents.text(path)))
            plain = [(line, _without_times(values)) for line, values in lines]
            found = read_objects(path, plain, contents.names_recording)
        except IngestError as error:
            builder.refuse(path, error)
            continue
        times = {key: key for key in _TIME_KEYS if any(isinstance(each, dict) and key in each for _, each in lines)}
        builder.layout.metadata_files.append(path)
        builder.layout.warnings += found.warnings
        builder.layout.note_columns({**found.columns_read, **times}, found.columns_ignored)
        builder.text_source = found.text_source
        located = contents.locate([row.file_name for row in found.rows if row.file_name], path)
        split = split_of_name(posixpath.basename(path).rpartition(".")[0])
        for row, (line, values) in zip(found.rows, lines, strict=True):
            place = f"{path}:{line}"
            if not row.file_name:
                builder.set_aside(place, row.fault or ItemError("missing_audio", "the line has no audio_filepath"))
            else:
                builder.take_named(_with_times(row, values), place, located, split)


def _without_times(values: dict[str, Any] | ItemError) -> dict[str, Any] | ItemError:
    if isinstance(values, ItemError):
        return values
    return {key: value for key, value in values.items() if key not in _TIME_KEYS}


def _with_times(row: Row, values: dict[str, Any] | ItemError) -> Row:
    if isinstance(values, ItemError):
        return row
    faults: list[str] = []
    start_s, duration_s = (_time(values, key, faults) for key in _TIME_KEYS)
    if duration_s == 0:
        faults.append("duration is 0; allowed: more than 0")
    fault = row.fault or (ItemError("bad_times", " and ".join(faults)) if faults else None)
    return replace(row, start_s=start_s or 0.0, duration_s=duration_s, fault=fault)


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
