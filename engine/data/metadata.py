"""Read metadata files: tables (`.csv`, `.tsv`, `.txt`) and JSON lines with a column of file names and one of texts."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from engine.data.columns import Role, columns_of
from engine.data.dialect import DELIMITERS, Dialect, dialect_of, read_fields, split_plainly, without_separator_line
from engine.data.endings import AUDIO_FILES, FileKinds
from engine.data.record import Record
from engine.data.rows import Metadata, Names
from engine.data.table_rows import rows_of
from engine.data.targets import TEXTS, TargetTypes, kind_of
from engine.data.values import as_text
from engine.errors import IngestError, ItemError

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.tsv")
_FORMULA = re.compile(r'="(?P<text>.*)"', re.DOTALL)
_APOSTROPHE = re.compile(r"'[^']*")
_SHOWN = 60
_UNIFORM = 0.9  # of the rows; if this many have the same number of extra fields, these are columns without names


def read_metadata(
    name: str,
    text: str,
    names: Names,
    types: TargetTypes = TEXTS,
    *,
    needs_targets: bool = True,
    files: FileKinds = AUDIO_FILES,
) -> Metadata:
    """Read a metadata file whose columns have names.

    Args:
        name: path of the file, for messages; `.jsonl` or else a table.
        text: its content.
        names: whether a value is the name of a recording; distinguishes an unclosed quote from a multi-line text.
        types: allowed types of targets.
        needs_targets: whether a column must give the targets.
        files: endings of what the rows name.

    Raises:
        IngestError: no column of file names, or none of targets.
    """
    if name.lower().endswith((".jsonl", ".ndjson")):
        return read_objects(name, list(json_lines(text, lower=False)), names, types, needs_targets=needs_targets)
    return _read_table(name, text, names, types, needs_targets, files)


# ---- tables -------------------------------------------------------------------------------------------------


def delimiter_of(header: str, usual: str, target: Role = "text") -> str:
    """The delimiter of a header: the one that gives the most known columns."""
    known_roles: tuple[Role, ...] = ("file", target, "speaker", "split", "start", "end")

    def known(delimiter: str) -> tuple[int, int]:
        fields = split_plainly(header, Dialect(delimiter))
        roles = sum(bool(columns_of(fields, role)) for role in known_roles)
        return roles, len(fields)

    best = max(DELIMITERS, key=lambda mark: (*known(mark), mark == usual))
    return best if known(best)[1] > 1 else usual


def _read_table(
    name: str, text: str, names: Names, types: TargetTypes, needs_targets: bool, files: FileKinds
) -> Metadata:
    role = kind_of(types).role
    text, stated = without_separator_line(text)
    header_line = next((line for line in text.split("\n") if line.strip()), "")
    usual = "\t" if name.lower().endswith(".tsv") else ","
    delimiter = stated or delimiter_of(header_line, usual, role)
    dialect = dialect_of(text, delimiter)
    header = [field.strip() for field in split_plainly(header_line, dialect)]
    at = next((column.at for column in columns_of(header, "file")), 0)
    fields = read_fields(text, dialect, lambda row: len(row) > max(at, 1) and names(row[at]))
    if not fields.rows:
        raise IngestError(f"{name} is empty; its first line names the columns, such as file_name,transcription")
    divided = _divided_again(fields.rows, delimiter)
    (_, header), *rows = _without_marks_of_text(divided or fields.rows)
    header = [field.strip() for field in header]
    repaired = _Repaired(name, header, delimiter, names, role, files)
    found = repaired.records(rows)
    read = rows_of(name, repaired.header, found, names, types, needs_targets=needs_targets)
    if delimiter != usual:
        shown = "a tab" if usual == "\t" else "a comma"
        read.warnings.insert(0, f"{name} separates its columns with {delimiter!r}, not with {shown}")
    if fields.plain_quotes:
        read.warnings.insert(0, _plain_quotes(name, fields.plain_quotes))
    if divided:
        read.warnings.append(f"{name}: each row is one field by its first line; these were divided again")
    read.warnings += repaired.warnings
    return read


def _divided_again(rows: Sequence[tuple[int, list[str]]], delimiter: str) -> list[tuple[int, list[str]]] | None:
    """Divide rows that are one field each: quoted as a whole (a CSV in one column of Excel), or delimited otherwise.

    Returns None if rows have several fields, or if no delimiter divides all of them like the header.
    """
    (number, header), *others = rows
    if not others or any(len(_trimmed(fields)) != 1 for _, fields in others):
        return None
    for mark in dict.fromkeys((delimiter, *DELIMITERS)):
        dialect = Dialect(mark)
        names = header if len(header) > 1 else _fields_of(header[0], dialect)
        found = [(line, _fields_of(fields[0], dialect)) for line, fields in others]
        if len(names) > 1 and all(len(fields) == len(names) for _, fields in found):
            return [(number, names), *found]
    return None


def _fields_of(row: str, dialect: Dialect) -> list[str]:
    found = read_fields(row, dialect, lambda fields: False).rows
    return found[0][1] if len(found) == 1 else []


def _without_marks_of_text(rows: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Remove the marks that make a spreadsheet read fields as text: `="0.wav"`, or an apostrophe in a whole column."""
    width = max(len(fields) for _, fields in rows)
    columns = [[fields[at] for _, fields in rows[1:] if at < len(fields) and fields[at]] for at in range(width)]
    marked = {
        at for at, values in enumerate(columns) if values and all(_APOSTROPHE.fullmatch(value) for value in values)
    }

    def plain(at: int, value: str) -> str:
        if formula := _FORMULA.fullmatch(value):
            return formula["text"].replace('""', '"')
        return value.removeprefix("'") if at in marked else value

    return [(line, [plain(at, value) for at, value in enumerate(fields)]) for line, fields in rows]


def _plain_quotes(name: str, lines: Sequence[int]) -> str:
    shown = ", ".join(str(line) for line in lines[:5]) + (", ..." if len(lines) > 5 else "")
    return f"{name} has a quote that is never closed, in line {shown}; these quotes were read as plain characters"


class _Repaired:
    """Repairs rows that have more or fewer fields than the header."""

    def __init__(
        self, name: str, header: list[str], delimiter: str, names: Names, role: Role, files: FileKinds
    ) -> None:
        self.header = header
        self.warnings: list[str] = []
        self._name = name
        self._delimiter = delimiter
        self._names = names
        self._files = files
        text = columns_of(header, role)
        file = columns_of(header, "file")
        self._file_at = file[0].at if file else 0
        self._text_at = text[0].at if text else None
        self._has_times = any(columns_of(header, role) for role in ("start", "end", "duration"))

    def records(self, rows: Sequence[tuple[int, list[str]]]) -> list[Record]:
        """Records of the width of the header; a row that cannot be repaired has a fault."""
        while self.header and not self.header[-1]:
            self.header.pop()  # a delimiter at the end of the header
        width = len(self.header)
        extra = Counter(len(_trimmed(fields)) - width for _, fields in rows)
        if self._is_shifted(rows, extra):
            self.header = ["", *self.header]  # R writes the names of rows without naming their column
            return [Record(line, list(fields)) for line, fields in rows]
        is_uniform = any(more > 0 and count >= _UNIFORM * len(rows) for more, count in extra.items())
        found: list[Record] = []
        joined = 0
        for line, fields in rows:
            fields = _trimmed(fields)
            if len(fields) <= width:
                if self._is_rest(fields, found[-1] if found else None):
                    found[-1] = self._cut_short(found[-1], line)
                else:
                    found.append(Record(line, list(fields)))
                continue
            text = self._joined(fields, width, is_uniform)
            joined += text is not None
            found.append(self._too_long(line, fields) if text is None else Record(line, [*fields[: width - 1], text]))
        if joined:
            self.warnings.append(
                f"{self._name}: {joined} rows have more fields than the first line; the last of them were read as one text "
                f"with {self._delimiter!r} in it"
            )
        return found

    def _is_shifted(self, rows: Sequence[tuple[int, list[str]]], extra: Counter[int]) -> bool:
        """Whether every row has one more field than the header, and the file is one column further on."""
        file = columns_of(self.header, "file")
        if not rows or not file or extra[1] < _UNIFORM * len(rows):
            return False
        at = file[0].at
        here = sum(self._names(fields[at]) for _, fields in rows)
        return sum(self._names(fields[at + 1]) for _, fields in rows if len(fields) > at + 1) > here

    def _joined(self, fields: list[str], width: int, is_uniform: bool) -> str | None:
        """The last text of a row, joined again; None if the delimiters may not belong to the text."""
        parts = fields[width - 1 :]
        if self._text_at != width - 1 or self._has_times or re.fullmatch(r"\s*[\d.]+\s*", parts[0]):
            return None
        is_prose = all(part[:1].isspace() for part in parts[1:])
        if is_uniform and not is_prose:
            return None
        return (" " if self._delimiter == "\t" else self._delimiter).join(parts)

    def _too_long(self, line: int, fields: list[str]) -> Record:
        reason = (
            f"its row has {len(fields)} fields, the first line has {len(self.header)}; a text with "
            f"{'commas' if self._delimiter == ',' else repr(self._delimiter)} stands in quotes"
        )
        return Record(line, list(fields[: len(self.header)]), ItemError("missing_text", reason))

    def _is_rest(self, fields: list[str], before: Record | None) -> bool:
        """Whether a line continues the text of the previous row: it names no recording, and one of the two is short."""
        width = len(self.header)
        if before is None or len(fields) >= width or self._file_at or self._names(fields[0]):
            return False
        return not self._files.reads(fields[0]) and (len(fields) == 1 or len(before.values) < width)

    def _cut_short(self, record: Record, line: int) -> Record:
        reason = (
            f"line {line} behind its row is no row: its text may go on there; a text of several lines stands in quotes"
        )
        return Record(record.line, record.values, record.fault or ItemError("missing_text", reason))


def _trimmed(fields: Sequence[str]) -> list[str]:
    """The fields without empty ones at the end."""
    kept = list(fields)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def records(text: str, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and fields of each non-blank row."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, quoting=quoting)
    before = 0
    for fields in reader:
        line, before = before + 1, reader.line_num
        if any(field.strip() for field in fields):
            yield line, fields


def column(header: Sequence[str], allowed: Sequence[str]) -> int | None:
    """Index of the first of the allowed names that is in a header; None if none is."""
    fields = [field.strip().strip('"').lower() for field in header]
    return next((fields.index(name) for name in allowed if name in fields), None)


# ---- JSON lines ---------------------------------------------------------------------------------------------


def read_objects(
    name: str,
    objects: Sequence[tuple[int, dict[str, Any] | ItemError]],
    names: Names,
    types: TargetTypes = TEXTS,
    *,
    needs_targets: bool = True,
) -> Metadata:
    """Make rows from JSON objects.

    Args:
        name: path of the metadata file, for messages.
        objects: line or number of each, and the object or its fault.
        names: whether a value is the name of a recording.
        types: allowed types of targets.
        needs_targets: whether a key must give the targets.

    Raises:
        IngestError: no key of file names, or none of targets.
    """
    places: dict[str, int] = {}
    for _, values in objects:
        if isinstance(values, dict):
            for key in values:
                places.setdefault(str(key).strip(), len(places))
    records: list[Record] = []
    for line, values in objects:
        if isinstance(values, ItemError):
            records.append(Record(line, [], values))
            continue
        row: list[Any] = [None] * len(places)
        for key, value in values.items():
            row[places[str(key).strip()]] = value
        records.append(Record(line, row))
    return rows_of(name, list(places), records, names, types, needs_targets=needs_targets)


def json_lines(text: str, lower: bool = True) -> Iterator[tuple[int, dict[str, Any] | ItemError]]:
    """The object of each non-blank line, or the fault of the line; keys are lower-cased if `lower` is set."""
    for line, source in enumerate(text.split("\n"), start=1):
        if not source.strip():
            continue
        try:
            found = json.loads(source)
        except (ValueError, RecursionError) as error:
            found = str(error)
        if isinstance(found, dict):
            yield line, {(key.strip().lower() if lower else key): value for key, value in found.items()}
        else:
            problem = found if isinstance(found, str) else f"it holds {type(found).__name__}"
            yield line, ItemError("corrupt", f"the line is no JSON object: {problem}")


def value_of(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of the named values that is present, as text; empty if there is none or it is not text."""
    return as_text(next((values[name] for name in names if values.get(name) is not None), ""))[0]
