"""Metadata files: `metadata.csv`, `.tsv` and `.jsonl` with a column of file names and one of texts."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.data.manifest import Split
from engine.data.text_encoding import decode
from engine.errors import IngestError, ItemError

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.tsv")
FILE_COLUMNS = ("file_name", "filename", "file", "path", "audio")
TEXT_COLUMNS = ("transcription", "transcript", "text", "sentence", "label")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")
SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
"""How splits are called in folders and columns."""

_DELIMITERS = ",;\t|"
_SPACES = re.compile(r"[^\S\x1c-\x1f\x85\xa0]+")  # what Python takes for space, without what UTF-8 is garbled to


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a metadata file."""

    line: int
    """Its number in the file, counted from 1."""
    file_name: str
    """Name of the recording, relative to the metadata file; empty if the row gives none."""
    text: str
    """Its transcript; empty if the row gives none."""
    speaker: str | None
    """Who speaks."""
    split: str | None
    """The split as the row calls it."""
    fault: ItemError | None = None
    """Why the row cannot be used, if so."""
    start_s: float = 0.0
    """Where in the file it begins, in seconds."""
    duration_s: float | None = None
    """How long it is, in seconds; None for all the rest of the file."""
    id: str | None = None
    """What the metadata calls it."""


@dataclass(slots=True)
class Metadata:
    """What a metadata file holds."""

    rows: list[Row] = field(default_factory=list)
    """Its rows, in order."""
    warnings: list[str] = field(default_factory=list)
    """What is odd about it."""
    columns_read: dict[str, str] = field(default_factory=dict)
    """Its columns that were read, and what each was taken for."""
    columns_ignored: list[str] = field(default_factory=list)
    """Its columns that were not read."""
    text_source: str = ""
    """Where its texts come from, for people."""


def read_metadata(name: str, text: str, known: Mapping[str, Any]) -> Metadata:
    """Read a metadata file.

    Args:
        name: path of the file, for messages; `.jsonl` or else CSV.
        text: its content.
        known: names of recordings, relative to the file; they tell a forgotten quote from a text of several lines.

    Raises:
        IngestError: no column of file names, or none of texts.
    """
    read = _jsonl_rows(name, text) if name.lower().endswith(".jsonl") else _csv_rows(name, text, known)
    source = [repr(column) for column, role in read.columns_read.items() if role == "text"]
    read.text_source = f"column {' and '.join(source)} of {posixpath.basename(name)}"
    return read


def clean_text(text: str) -> str:
    """A transcript in Unicode's composed form, without control characters, with single spaces."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (c if unicodedata.category(c) != "Cc" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join("".join(kept).split())


def clean_transcript(text: str) -> str:
    """The same, with the control characters and the no-break spaces left in: they tell how a text was garbled.

    Validation judges them; the manifest has none.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def split_of_name(name: str) -> Split | None:
    """The split that a word of a name says, as in `train-00000-of-00002` or `dev_clean`; the first such word counts."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def decoded(name: str, data: bytes) -> tuple[str, list[str]]:
    """A metadata file's text, and warnings about its encoding.

    Raises:
        UnclearEncodingError: its encoding cannot be told.
    """
    found = decode(name, data)
    return found.text, found.warnings


def _csv_rows(name: str, text: str, known: Mapping[str, Any]) -> Metadata:
    warnings = []
    header_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in _DELIMITERS if column(header_line.split(mark), FILE_COLUMNS) is not None), ",")
    if delimiter != ("\t" if name.lower().endswith(".tsv") else ","):
        warnings.append(
            f"{name} separates its columns with {delimiter!r}, not with a {'tab' if name.lower().endswith('.tsv') else 'comma'}"
        )
    try:
        rows = list(records(text, delimiter, csv.QUOTE_MINIMAL))
        quotes_are_closed = not any(_swallows_rows(fields, delimiter, known) for _, fields in rows)
    except csv.Error:  # a field longer than any text
        quotes_are_closed = False
    if not quotes_are_closed:
        warnings.append(f"{name} has a quote that is never closed; its quotes were read as plain characters")
        try:
            rows = [
                (line, [field.strip().strip('"') for field in fields])
                for line, fields in records(text, delimiter, csv.QUOTE_NONE)
            ]
        except csv.Error:
            raise IngestError(
                f"{name} has a line of more than {csv.field_size_limit():,} characters; make it a CSV with one row "
                "for each recording"
            ) from None
    if not rows:
        raise IngestError(f"{name} is empty; its first line names the columns, such as file_name,transcription")
    header = rows[0][1]
    columns = _columns(name, header)
    return Metadata(
        [_csv_row(line, fields, len(header), columns) for line, fields in rows[1:]],
        warnings,
        {header[at].strip(): role for role, at in columns.items()},
        [name.strip() for at, name in enumerate(header) if at not in columns.values() and name.strip()],
    )


def records(text: str, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, list[str]]]:
    """Fields of each row that is not blank, and the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    before = 0
    for fields in reader:
        line, before = before + 1, reader.line_num
        if any(field.strip() for field in fields):
            yield line, fields


def _swallows_rows(fields: list[str], delimiter: str, known: Mapping[str, Any]) -> bool:
    """Whether a field of several lines holds what is a row of its own."""
    return any(
        plain_path(line.split(delimiter)[0]) in known
        for field in fields
        if "\n" in field
        for line in field.split("\n")[1:]
    )


def plain_path(file_name: str) -> str:
    """A file name of a metadata file in the form that entries have: `/`, composed Unicode, no `.` parts."""
    parts = unicodedata.normalize("NFC", file_name.strip().replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _columns(name: str, header: list[str]) -> dict[str, int]:
    """Where each thing stands in a row."""
    found = {
        "file": column(header, FILE_COLUMNS),
        "text": column(header, TEXT_COLUMNS),
        "speaker": column(header, SPEAKER_COLUMNS),
        "split": column(header, ("split",)),
    }
    for role, allowed in (("file", FILE_COLUMNS), ("text", TEXT_COLUMNS)):
        if found[role] is None:
            raise IngestError(
                f"{name} has the columns {', '.join(field.strip() for field in header)}; one of {', '.join(allowed)} "
                f"is needed for the {role}: rename a column"
            )
    return {role: at for role, at in found.items() if at is not None}


def column(header: list[str], allowed: Sequence[str]) -> int | None:
    """Where in a header the first of the allowed names stands; None if none of them does."""
    fields = [field.strip().strip('"').lower() for field in header]
    return next((fields.index(name) for name in allowed if name in fields), None)


def _csv_row(line: int, fields: list[str], width: int, columns: Mapping[str, int]) -> Row:
    def field(role: str) -> str:
        at = columns.get(role)
        return fields[at] if at is not None and at < len(fields) else ""

    fault = None
    if any(extra.strip() for extra in fields[width:]):
        fault = ItemError(
            "missing_text",
            f"its row has {len(fields)} fields, the first line has {width}; a text with commas stands in quotes",
        )
    return row_of(line, field("file"), field("text"), field("speaker"), field("split"), fault)


def _jsonl_rows(name: str, text: str) -> Metadata:
    read = Metadata()
    rows, keys = read.rows, dict[str, None]()
    for line, values in json_lines(text):
        if isinstance(values, ItemError):
            rows.append(Row(line, "", "", None, None, values))
        else:
            file_name, text_value = value_of(values, FILE_COLUMNS), value_of(values, TEXT_COLUMNS)
            speaker, split = value_of(values, SPEAKER_COLUMNS), value_of(values, ("split",))
            rows.append(row_of(line, file_name, text_value, speaker, split))
            keys |= dict.fromkeys(values)
    if rows and not any(row.file_name for row in rows):
        raise IngestError(f"{name} names no file; each line is an object with one of {', '.join(FILE_COLUMNS)}")
    roles = {"file": FILE_COLUMNS, "text": TEXT_COLUMNS, "speaker": SPEAKER_COLUMNS, "split": ("split",)}
    read.columns_read = {key: role for key in keys for role, names in roles.items() if key in names}
    read.columns_ignored = [key for key in keys if key not in read.columns_read]
    return read


def json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | ItemError]]:
    """The object of each line that is not blank, its keys in lower case, or what is wrong with the line."""
    for line, source in enumerate(text.split("\n"), start=1):
        if not source.strip():
            continue
        try:
            found = json.loads(source)
        except (ValueError, RecursionError) as error:
            found = str(error)
        if isinstance(found, dict):
            yield line, {str(key).strip().lower(): value for key, value in found.items()}
        else:
            problem = found if isinstance(found, str) else f"it holds {type(found).__name__}"
            yield line, ItemError("corrupt", f"the line is no JSON object: {problem}")


def value_of(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of the named values that is there, as text."""
    found = next((values[name] for name in names if values.get(name) is not None), "")
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def row_of(line: int, file_name: str, text: str, speaker: str, split: str, fault: ItemError | None = None) -> Row:
    """A row, with its texts cleaned."""
    return Row(
        line, file_name.strip(), clean_transcript(text), clean_text(speaker) or None, split.strip() or None, fault
    )
