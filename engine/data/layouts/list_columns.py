"""Identify the columns of a list of recordings by their names in the first line, else by their content."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.data.columns import Role, columns_of
from engine.data.layouts.naming import Names, bare
from engine.data.metadata import records
from engine.errors import IngestError

_MOST_SAMPLED = 200  # rows used to identify columns
_FEWEST_REPEATED = 4  # rows; a column of labels has at most half as many different values as rows
_SHOWN = 60  # characters of a row
_LONGER = 2.0  # a column of sentences is this many times as long as other columns of words
_FESTIVAL = re.compile(r'\(\s*(?P<id>\S+)\s+"(?P<text>.*)"\s*\)\s*')
_SIGN = re.compile(r"(?P<id>\S{1,500}?)(?:\s*(?:::|[-=]>|→|=|[:：](?!\S{0,500}[/\\]))\s*|\s+[-–—]\s+)(?P<text>\S.*)")
_AT_END = re.compile(r"(?P<text>(?:.*\S)?)\s*\((?P<id>[^()\s]+)\)\s*")
_SENTENCE_MARKS = re.compile(r"</?s>")
_REAL = re.compile(r"[-+]?\d+(?:[.,:]\d+)+(?:e[-+]?\d+)?")
_PLACE = re.compile(r"\S*(?:/|://|\\)\S*|\S+\.[A-Za-z]\w{1,4}")
_NO_TEXTS = re.compile(r"utt2|spk2|speakers?(?![a-z])|gender|durations?|lengths?|language", re.IGNORECASE)
_TIMES_FIRST = re.compile(
    r"(?:\S+\s+){0,2}\d+\.\d+\s+\d+\.\d+\s+\S.*|.*\d\d:\d\d\S{0,9}\s+-->\s.*"
)  # as in .stm and .ctm
_SPEAKERS = re.compile(r"spk|speaker", re.IGNORECASE)


def _festival(line: str) -> list[str]:
    match = _FESTIVAL.fullmatch(line)
    return [match["id"], match["text"]] if match else []


def _at_end(line: str) -> list[str]:
    match = _AT_END.fullmatch(line)
    return [match["id"], match["text"]] if match else []


def _sign(line: str) -> list[str]:
    match = _SIGN.fullmatch(line.strip())
    return [match["id"], match["text"]] if match else []


def _commas(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


FORMS: dict[str, Callable[[str], list[str]]] = {
    "tabs": lambda line: line.split("\t"),
    "bars": lambda line: line.split("|"),
    "parentheses": _festival,
    "name at the end": _at_end,
    "semicolons": lambda line: line.split(";"),
    "commas": _commas,
    "signs": _sign,
    "blanks": lambda line: line.split(maxsplit=1),
}
"""Ways to divide a line into fields; of those that fit equally well, the first is used."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of a list."""

    line: int
    name: str
    text: str
    speaker: str
    split: str
    fields: int


@dataclass(slots=True)
class Listed:
    """Content of a list."""

    rows: list[ListRow]
    width: int
    """Number of fields that most rows have."""
    columns_read: dict[str, Role] = field(default_factory=dict)
    columns_ignored: list[str] = field(default_factory=list)
    text_column: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How the lines of a list are divided, and which field names the recording."""

    name: str
    at: int
    hits: int
    """Lines of the sample whose field names a recording."""


def form_of(lines: Sequence[str], names: Names) -> Form | None:
    """The form in which most of these lines name a recording; None if no field names any."""
    best: Form | None = None
    for name, divide in FORMS.items():
        hits: dict[int, int] = {}
        for line in lines:
            for at, value in enumerate(divide(line)):
                if unquoted(value.strip()) in names:
                    hits[at] = hits.get(at, 0) + 1
        for at, count in hits.items():
            if best is None or count > best.hits:
                best = Form(name, at, count)
    return best


def read_list(path: str, text: str, form: Form, names: Names, target: Role = "text") -> Listed | None:
    """The rows of a list; None if it names recordings but holds no texts.

    Raises:
        IngestError: two columns could be the text, it holds numbers only, or its texts are preceded by times.
    """
    rows = list(_rows(text, form, names))
    header = [value.strip().strip('"') for value in rows[0][1]] if rows else []
    is_named = _names_columns(header, target)
    has_header = bool(header) and (len(header) <= form.at or header[form.at] not in names) and is_named
    if has_header:
        rows = rows[1:]
    widths = [len(fields) for _, fields in rows]
    width = max(set(widths), key=widths.count, default=0)
    columns = _by_name(header, form.at, target) if has_header else {}
    sampled = [fields for _, fields in rows[:: max(1, len(rows) // _MOST_SAMPLED)]]
    if "text" not in columns:
        at = _text_column(path, sampled, width, form.at, columns)
        # A column without a name holds labels only if they recur.
        if at is None or (target == "label" and _kind(sampled, at, form.at) != "label"):
            return None
        columns["text"] = at
    if "speaker" not in columns and (at := _speaker_column(path, sampled, width, form, columns)) is not None:
        columns["speaker"] = at
    columns["file"] = form.at
    quoted = {at for at in range(width) if _is_quoted([fields[at].strip() for _, fields in rows if at < len(fields)])}

    def value(fields: list[str], role: Role) -> str:
        at = columns.get(role)
        found = fields[at].strip() if at is not None and at < len(fields) else ""
        found = unquoted(found) if at in quoted or role == "file" else found
        return _SENTENCE_MARKS.sub(" ", found) if role == "text" else found

    def title(at: int) -> str:
        return header[at] if has_header and at < len(header) and header[at] else f"column {at + 1}"

    listed = Listed(
        [
            ListRow(
                line,
                value(fields, "file"),
                value(fields, "text"),
                value(fields, "speaker"),
                value(fields, "split"),
                len(fields),
            )
            for line, fields in rows
        ],
        width,
        text_column=title(columns["text"]),
    )
    if listed.rows and form.name == "blanks" and all(_TIMES_FIRST.fullmatch(row.text) for row in listed.rows):
        raise IngestError(
            f"{path} holds times before its texts ({listed.rows[0].text[:_SHOWN]!r}); write a metadata.csv with the columns "
            "file_name, start, end and text"
        )
    listed.columns_read = {title(at): target if role == "text" else role for role, at in columns.items()}
    listed.columns_ignored = [
        title(at) for at in range(width) if at not in columns.values() and _has_values(sampled, at)
    ]
    return listed


def unquoted(value: str) -> str:
    """A field without the quotes around it."""
    is_quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1].replace('""', '"') if is_quoted else value


def _is_quoted(values: list[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(len(value) >= 2 and value[0] == value[-1] == '"' for value in filled)


def _rows(text: str, form: Form, names: Names) -> Iterator[tuple[int, list[str]]]:
    if form.name == "commas":
        try:
            found = list(records(text, ",", csv.QUOTE_MINIMAL))
            if not any(_swallows_rows(fields, names) for _, fields in found):
                yield from found
                return
        except csv.Error:
            pass  # a quote that is never closed
    divide = (lambda line: line.split(",")) if form.name == "commas" else FORMS[form.name]
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and (fields := divide(line.strip("\r"))):
            yield number, fields


def _swallows_rows(fields: list[str], names: Names) -> bool:
    """Whether a field that spans several lines contains a line that is a row itself."""
    return any(
        line.split(",")[0].strip('" ') in names for value in fields if "\n" in value for line in value.split("\n")[1:]
    )


def _names_columns(header: list[str], target: Role) -> bool:
    return any(columns_of(header, role) for role in ("file", target, "speaker"))


def _by_name(header: list[str], file_at: int, target: Role) -> dict[Role, int]:
    """Columns by role; that of the targets is called the text here, for any type of target."""
    found: dict[Role, int] = {}
    for role in (target, "speaker", "split"):
        at = next(
            (column.at for column in columns_of(header, role) if column.at not in {file_at, *found.values()}), None
        )
        if at is not None:
            found["text" if role == target else role] = at
    if target != "text" and "speaker" not in found:
        groups = [column.at for column in columns_of(header, "group") if column.at not in {file_at, *found.values()}]
        found.update({"speaker": groups[0]} if groups else {})
    return found


# ---- columns by content -------------------------------------------------------------------------------------


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _text_column(path: str, rows: list[list[str]], width: int, file_at: int, columns: dict[Role, int]) -> int | None:
    """The one column of words; None if there is none.

    Raises:
        IngestError: there are several, or only numbers, which may be the texts.
    """
    taken = {file_at, *columns.values()}
    kinds = {at: _kind(rows, at, file_at) for at in range(width) if at not in taken and _has_values(rows, at)}
    words = [at for at, kind in kinds.items() if kind == "words"]
    labels = [at for at, kind in kinds.items() if kind == "label"]
    if not words and len(labels) == 1 and not _NO_TEXTS.search(path.rpartition("/")[2]):
        return labels[0]
    if len(words) > 1 and all(len({_letters(fields[at]) for at in words if at < len(fields)}) == 1 for fields in rows):
        return words[0]
    if len(words) > 1:
        lengths = {at: sum(len(fields[at]) for fields in rows if at < len(fields)) for at in words}
        longest, second, *_ = sorted(words, key=lambda at: -lengths[at])
        if lengths[longest] < _LONGER * lengths[second] or _has_blanks(rows, second):
            shown = " | ".join(value.strip() for value in rows[0])[:200]
            raise IngestError(
                f"{path} has {len(words)} columns that could be the text (the first row is {shown!r}); name its columns in "
                "a first line, such as file_name, text"
            )
        return longest
    if words:
        return words[0]
    whole = [at for at, kind in kinds.items() if kind == "whole"]
    if len(whole) == len(kinds) == 1 and not labels and not _NO_TEXTS.search(path.rpartition("/")[2]):
        raise IngestError(
            f"{path} names recordings and holds numbers ({' | '.join(rows[0])[:200]!r}); if these are the texts, name the "
            "columns in a first line, such as file_name, text"
        )
    return None


def _kind(rows: list[list[str]], at: int, file_at: int) -> str:
    values = [fields[at].strip() for fields in rows if at < len(fields) and fields[at].strip()]
    names = [
        bare(fields[file_at]) for fields in rows if at < len(fields) and fields[at].strip() and file_at < len(fields)
    ]
    if all(_REAL.fullmatch(value) for value in values):
        return "real"
    if all(value.isdecimal() for value in values):
        return "whole"
    if all(_PLACE.fullmatch(value) for value in values):
        return "place"
    if any(" " in value for value in values):
        return "words"
    if len(values) > 1 and all(
        bare(value) in re.split(r"[-_./]", name) or bare(value) == name
        for value, name in zip(values, names, strict=False)
    ):
        return "part of the name"
    if len(values) >= _FEWEST_REPEATED and 2 * len(set(values)) <= len(values):
        return "label"
    return "words"


def _speaker_column(path: str, rows: list[list[str]], width: int, form: Form, columns: dict[Role, int]) -> int | None:
    """A column with parts of the recordings' names, or with few values between name and text (VITS, `utt_spk_text`)."""
    free = [at for at in range(width) if at not in (form.at, *columns.values()) and _has_values(rows, at)]
    parts = [at for at in free if _kind(rows, at, form.at) == "part of the name"]
    if parts:
        return parts[0]
    is_known_form = form.name == "bars" or _SPEAKERS.search(path.rpartition("/")[2])
    between = [at for at in free if form.at < at < columns["text"] and _kind(rows, at, form.at) in ("label", "whole")]
    return between[0] if is_known_form and between else None


def _has_values(rows: list[list[str]], at: int) -> bool:
    return any(at < len(fields) and fields[at].strip() for fields in rows)


def _has_blanks(rows: list[list[str]], at: int) -> bool:
    values = [fields[at].strip() for fields in rows if at < len(fields)]
    return sum(" " in value for value in values) > len(values) / 10
