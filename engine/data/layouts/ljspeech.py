"""LJ Speech and what is built like it: `wavs/` and `metadata.csv` with `ID|TEXT|NORMALISED TEXT` and no first line.

The normalised text is taken where there is one: it has numbers and abbreviations as they were spoken.

Source: Ito and Johnson, The LJ Speech Dataset; its README.
"""

from __future__ import annotations

import posixpath

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import FILE_COLUMNS, TEXT_COLUMNS, column, plain_path, row_of
from engine.data.source import safe_path
from engine.errors import IngestError, ItemError

_NAMES = ("metadata.csv", "metadata.txt")


def find(contents: Contents) -> list[str]:
    """`metadata.csv` beside `wavs/` whose first line has bars, and names no columns."""
    candidates = [path for path in contents.unclaimed(*_NAMES) if posixpath.basename(path).lower() in _NAMES]
    return [path for path in candidates if _is_list(contents.head(path)[0].split("|")) and _has_wavs(path, contents)]


def _is_list(fields: list[str]) -> bool:
    return len(fields) in (2, 3) and column(fields, FILE_COLUMNS) is None and column(fields, TEXT_COLUMNS) is None


def _has_wavs(path: str, contents: Contents) -> bool:
    wavs = posixpath.join(posixpath.dirname(path), "wavs/")
    return any(other.startswith(wavs) for other in contents.by_path)


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item of each line."""
    for path in metadata:
        try:
            lines = list(contents.lines(path))
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        wavs = posixpath.join(posixpath.dirname(path), "wavs")
        builder.text_source = f"last field of {posixpath.basename(path)}"
        for number, line in lines:
            place = f"{path}:{number}"
            name, *texts = line.split("|")  # without quoting: a quote is a quote
            fault = None
            if len(texts) > 2:
                fault = ItemError(
                    "missing_text", f"its row has {len(texts) + 1} fields; allowed: ID|TEXT|NORMALISED TEXT"
                )
            try:
                wanted = posixpath.join(wavs, safe_path(name.strip()))
            except ItemError as unsafe:
                builder.set_aside(place, ItemError(unsafe.code, f"the row names no recording: {unsafe.reason}"))
                continue
            text = next((text for text in reversed(texts) if text.strip()), "")
            audio = contents.recording(wanted) or f"{wanted}.wav"
            builder.take(row_of(number, plain_path(name), text, "", "", fault), place, audio)
