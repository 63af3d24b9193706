"""Detect how a text table separates and quotes its fields, and split its rows into fields.

Spreadsheets and scripts write CSV in many dialects, often with quotes added by hand. If a quote does not close at the
end of a field, it is a plain character and the row ends with its line: no field ever swallows another row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field

DELIMITERS = ("\t", "|", ";", ",")
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's, before the header
_MOST_LINES = 100  # of one row
_MOSTLY = 0.9
_ESCAPES = {"n": " ", "t": " ", "r": " "}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table separates and quotes its fields."""

    delimiter: str
    quote: str = '"'
    """Encloses a field that contains delimiters or line ends; doubled inside the field, it stands for itself."""
    escape: bool = False
    """Whether a backslash escapes a quote."""


@dataclass(slots=True)
class Fields:
    """The fields of each row of a table."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    """Number of each row's first line, counted from 1, and its fields; blank rows are left out."""
    plain_quotes: list[int] = field(default_factory=list)
    """Numbers of lines with unclosed quotes, which were read as plain characters."""


def without_separator_line(text: str) -> tuple[str, str | None]:
    """A table without the line `sep=;` that Excel reads, and the delimiter that it names."""
    first, _, rest = text.partition("\n")
    match = _SEPARATOR_LINE.fullmatch(first.strip("\r"))
    return (f"\n{rest}", match[1]) if match else (text, None)  # the lines keep their numbers


def dialect_of(text: str, delimiter: str) -> Dialect:
    """The dialect of a table with this delimiter."""
    lines = [line.strip() for line in text.split("\n", 200)[:200] if line.strip()]
    between = re.escape(delimiter)
    single = re.compile(rf"(?:^|{between})\s*'[^'].*'\s*(?:{between}|$)")
    singly = sum(bool(single.search(line)) for line in lines[1:])
    doubly = sum('"' in line for line in lines)
    quote = "'" if len(lines) > 1 and singly >= _MOSTLY * (len(lines) - 1) and singly > doubly else '"'
    return Dialect(delimiter, quote, escape=f"\\{quote}" in text)


def read_fields(text: str, dialect: Dialect, is_row: Callable[[list[str]], bool]) -> Fields:
    """The fields of each row.

    Args:
        text: the table.
        dialect: its dialect.
        is_row: whether the fields of a line inside a quoted field look like a row.
    """
    found = _read_standard(text, dialect) if dialect.quote == '"' else None
    if found is not None and not any(_swallows(fields, dialect, is_row) for _, fields in found):
        return Fields(found)
    return _read_by_row(text, dialect, is_row)


def _read_standard(text: str, dialect: Dialect) -> list[tuple[int, list[str]]] | None:
    """The rows as the csv module reads them; None if a quote is where the standard allows none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True)
    rows, before = [], 0
    try:
        for fields in reader:
            line, before = before + 1, reader.line_num
            if any(field.strip() for field in fields):
                rows.append((line, [_plain(field, dialect) for field in fields]))
    except csv.Error:
        return None
    return rows


def _swallows(fields: list[str], dialect: Dialect, is_row: Callable[[list[str]], bool]) -> bool:
    """Whether a field that spans several lines contains a line that is a row itself."""
    return any(
        is_row(split_plainly(line, dialect)) for field in fields if "\n" in field for line in field.split("\n")[1:]
    )


def _read_by_row(text: str, dialect: Dialect, is_row: Callable[[list[str]], bool]) -> Fields:
    """Read each row on its own, so that a fault in one does not affect the others."""
    lines = text.replace("\r\n", "\n").split("\n")
    pattern = _pattern(dialect)
    found = Fields()
    at = 0
    while at < len(lines):
        taken, fields = 1, _quoted_fields(lines[at], pattern, dialect)
        while fields is None and taken < _MOST_LINES and at + taken < len(lines):
            if is_row(split_plainly(lines[at + taken], dialect)):
                break
            taken += 1
            fields = _quoted_fields("\n".join(lines[at : at + taken]), pattern, dialect)
        if fields is None:
            taken, fields = 1, split_plainly(lines[at], dialect)
            found.plain_quotes.append(at + 1)
        if any(field.strip() for field in fields):
            found.rows.append((at + 1, fields))
        at += taken
    return found


def _pattern(dialect: Dialect) -> re.Pattern[str]:
    """Pattern of one field, quoted or not beginning with a quote, and the delimiter after it."""
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    blanks = rf"[^\S\n{delimiter}]*"
    character = rf"[^{quote}\\]|{quote}{quote}|\\." if dialect.escape else rf"[^{quote}]|{quote}{quote}"
    quoted = rf"{blanks}{quote}((?:{character})*+){quote}{blanks}"
    plain = rf"((?!{blanks}{quote})[^{delimiter}\n]*)"
    return re.compile(rf"(?:{quoted}|{plain})({delimiter}|\Z)", re.DOTALL)


def _quoted_fields(row: str, pattern: re.Pattern[str], dialect: Dialect) -> list[str] | None:
    """The fields of a row; None if a quote does not close at the end of a field."""
    fields, at = [], 0
    while match := pattern.match(row, at):
        quoted, plain, delimiter = match.groups()
        fields.append(
            _unescaped(quoted, dialect) if quoted is not None else _unquoted(_plain(plain, dialect), dialect.quote)
        )
        at = match.end()
        if not delimiter:
            return fields
    return None


def _plain(text: str, dialect: Dialect) -> str:
    return text.replace(f"\\{dialect.quote}", dialect.quote) if dialect.escape else text


def _unescaped(text: str, dialect: Dialect) -> str:
    text = text.replace(dialect.quote * 2, dialect.quote)
    if not dialect.escape:
        return text
    # An escaped quote, backslash or delimiter stands for itself; \n, \t and \r become a space; other escapes stay.
    known = {dialect.quote: dialect.quote, "\\": "\\", dialect.delimiter: dialect.delimiter, **_ESCAPES}
    return re.sub(r"\\(.)", lambda found: known.get(found[1], found[0]), text, flags=re.DOTALL)


def split_plainly(line: str, dialect: Dialect) -> list[str]:
    """The fields of a line whose quotes are plain characters; quotes around a whole field are removed."""
    parts = line.rstrip("\r").split(dialect.delimiter)
    return [_unquoted(_plain(part.strip(), dialect), dialect.quote) for part in parts]


def _unquoted(text: str, quote: str) -> str:
    inner = text[1:-1]
    encloses = len(text) > 1 and text[0] == text[-1] == quote
    first = inner.replace(quote * 2, "  ").find(quote)
    if encloses and (text.count(quote) % 2 or first < 0 or inner[:first].endswith(" ")):
        text = inner  # not "one" and "two", whose first quote closes after a word
    elif text.count(quote) % 2:  # an unpaired quote at the beginning or the end is removed
        text = text.removeprefix(quote) if text.startswith(quote) else text.removesuffix(quote)
    return text.replace(quote * 2, quote)
