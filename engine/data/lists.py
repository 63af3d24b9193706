"""Read lists without a header line: `ID|TEXT|NORMALISED TEXT` and the like.

The fields are identified from the list as a whole: the file is the field that names recordings, the text the field of
words, the normalised text a second field that resembles it, and the speaker a short field with repeated values.

Source: Ito and Johnson, The LJ Speech Dataset; the file lists of VITS (`PATH|SPEAKER|TEXT`) and Coqui TTS
(`FILE|TEXT|SPEAKER`); Park, KSS (`PATH|TEXT|NORMALISED|...|LENGTH|TRANSLATION`).
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.data.dialect import dialect_of, read_fields
from engine.data.rows import Metadata, Names, row_of
from engine.data.split_names import SPLIT_NAMES
from engine.errors import IngestError, ItemError

_SAMPLED_ROWS = 500
_MOSTLY = 0.9
_RESEMBLES = 0.6  # share of letter pairs that a text and its normalised form have in common
_NO_LABEL = re.compile(
    r"|.*[/\\].*|.*\.(?:wav|flac|mp3|ogg|opus|txt|lab|json)|\d{1,4}[-.]\d{1,2}[-.]\d{1,4}.*", re.IGNORECASE
)
_REPEATED = 0.8  # a number before the text may be a speaker if its distinct values are at most this share of all
_NUMBER = re.compile(r"[\d\s.,:;%+-]+")
_WHOLE = re.compile(r"-?\d+")
_ID = re.compile(r"[A-Za-z]{0,12}[-_ ]?\d+")
_TAG_NAMES = """
    male female m f neutral happy sad angry surprise surprised fear fearful disgust disgusted calm excited frustrated
    child adult sleepy amused anger happiness sadness
"""
_TAGS = frozenset(_TAG_NAMES.split())
"""Values of a field of genders or emotions."""
_LANGUAGE_CODES = """
    ar bg bn ca cs da de el en es et fa fi fr gu he hi hr hu id is it ja jp ka kk ko kr lt lv mk ml mr ms nl no pa pl pt
    ro ru sk sl sr sv sw ta te th tl tr uk ur uz vi zh cn eng deu ger fra fre spa ita por rus ukr jpn zho cmn kor
"""
_LANGUAGES = frozenset(_LANGUAGE_CODES.split())
"""Values of a field of languages, before any region."""


@dataclass(frozen=True, slots=True)
class _Column:
    """Profile of a field of the rows."""

    at: int
    names: float
    """Share of its values that name recordings."""
    numbers: float
    """Share of its values that are numbers."""
    distinct: float
    """Number of distinct values divided by the number of values."""
    words: float
    """Average number of words in a value."""
    kind: str
    """`number`, `split`, `language`, `tag`, `label` or `text`."""


def read_list(name: str, text: str, delimiter: str, names: Names) -> Metadata:
    """Read a list whose columns have no names.

    Args:
        name: path of the file, for messages.
        text: its content.
        delimiter: separates its fields.
        names: whether a value is the name of a recording.

    Raises:
        IngestError: its rows have only one field.
    """
    rows = _rows(text, delimiter, names)
    width = Counter(len(fields) for _, fields in rows).most_common(1)[0][0] if rows else 0
    if width < 2:
        raise IngestError(f"{name} has no rows with a file and a text, separated by {delimiter!r}")
    sample = [fields for _, fields in rows if len(fields) == width][:_SAMPLED_ROWS]
    columns = _profiles(sample, width, names)
    file = max(columns, key=lambda column: (column.names, -column.at))
    text_column, plain_text = _text_columns(columns, file, sample)
    speaker = _speaker(columns, file, text_column, sample)
    split = next((column for column in columns if column.kind == "split" and column is not text_column), None)
    roles = {file.at: "file", text_column.at: "text"}
    roles |= {column.at: role for column, role in ((speaker, "speaker"), (split, "split")) if column}
    found = Metadata(text_source=f"field {text_column.at + 1} of {name.rpartition('/')[2]}")
    found.columns_read = {f"field {at + 1}": roles[at] for at in sorted(roles)}
    unread = [column for column in columns if column.at not in roles and column is not plain_text]
    found.columns_ignored = [f"field {column.at + 1}" for column in unread]
    if speaker or split or unread:
        found.warnings.append(_told(name, found.columns_read, unread, sample))
    for line, fields in rows:
        values = [*fields, *[""] * (width - len(fields))]
        said = values[text_column.at]
        if not said.strip() and plain_text:
            said = values[plain_text.at]
        fault = None
        if len(fields) > width and any(extra.strip() for extra in fields[width:]):
            fault = ItemError("missing_text", f"its row has {len(fields)} fields, the others have {width}")
        by = values[speaker.at] if speaker else ""
        found.rows.append(row_of(line, values[file.at], said, by, values[split.at] if split else "", fault))
    return found


def _rows(text: str, delimiter: str, names: Names) -> list[tuple[int, list[str]]]:
    if delimiter == "|":  # no quoting: quotes are plain characters
        lines = ((number, line.strip("\r")) for number, line in enumerate(text.split("\n"), start=1))
        return [(number, [field.strip() for field in line.split("|")]) for number, line in lines if line.strip()]
    dialect = dialect_of(text, delimiter)
    return read_fields(text, dialect, lambda fields: len(fields) > 1 and any(names(field) for field in fields)).rows


def _profiles(sample: Sequence[Sequence[str]], width: int, names: Names) -> list[_Column]:
    means = [statistics.fmean(len(fields[at].split()) for fields in sample) for at in range(width)]
    columns = []
    for at in range(width):
        values = [fields[at].strip() for fields in sample if fields[at].strip()]
        count = max(1, len(values))
        numbers = sum(bool(_NUMBER.fullmatch(value)) for value in values) / count
        distinct = len(set(values)) / count
        column = _Column(at, sum(names(value) for value in values) / count, numbers, distinct, means[at], "text")
        kind = _kind(column, values, means, [fields[0] for fields in sample])
        columns.append(_Column(at, column.names, numbers, distinct, means[at], kind))
    return columns


def _kind(column: _Column, values: Sequence[str], means: Sequence[float], files: Sequence[str]) -> str:
    def mostly(known: Sequence[bool]) -> bool:
        return bool(known) and sum(known) >= _MOSTLY * len(known)

    others_are_longer = max(means) >= 2 * max(column.words, 1.0)
    if column.numbers >= _MOSTLY:
        return "number"
    folded = [value.casefold() for value in values]
    if others_are_longer or column.distinct <= 0.5:
        if mostly([value in SPLIT_NAMES for value in folded]):
            return "split"
        if mostly([value in _TAGS for value in folded]):
            return "tag"
        if mostly([re.split("[-_]", value)[0] in _LANGUAGES for value in folded]) and others_are_longer:
            return "language"
        if column.words <= 2 and others_are_longer:
            return "label"
    is_in_path = [value in file for value, file in zip(values, files, strict=False)]
    if column.words <= 1 and column.distinct <= 0.5 and mostly([bool(_ID.fullmatch(value)) for value in values]):
        return "label"
    return "label" if column.words <= 1 and column.distinct <= 0.5 and mostly(is_in_path) else "text"


def _text_columns(
    columns: Sequence[_Column], file: _Column, sample: Sequence[Sequence[str]]
) -> tuple[_Column, _Column | None]:
    """The column of texts, and the column that it is the normalised form of, if any."""
    others = [column for column in columns if column is not file]
    texts = [column for column in others if column.kind == "text"]
    first = next(iter(texts or [column for column in others if column.kind == "label"] or others))
    for other in [column for column in others if column.kind in ("text", "label") and column.at > first.at]:
        pairs = [(fields[first.at], fields[other.at]) for fields in sample if fields[other.at].strip()]
        if pairs and statistics.median(_resemblance(*pair) for pair in pairs) >= _RESEMBLES:
            written = [sum(bool(re.search(r"\d", fields[column.at])) for fields in sample) for column in (first, other)]
            return (other, first) if written[1] <= written[0] else (first, other)
    return first, None


def _speaker(
    columns: Sequence[_Column], file: _Column, text: _Column, sample: Sequence[Sequence[str]]
) -> _Column | None:
    """A column of labels, else one of whole numbers that repeat and do not increase with the length of the text.

    Paths, names of files and dates are not labels.
    """
    others = [column for column in columns if column is not file and column is not text]
    labels = [
        column
        for column in others
        if column.kind == "label" and not all(_NO_LABEL.fullmatch(fields[column.at].strip()) for fields in sample)
    ]
    numbers = [
        column
        for column in others
        if column.kind == "number"
        and all(_WHOLE.fullmatch(fields[column.at].strip()) for fields in sample)
        and column.distinct <= (_REPEATED if column.at < text.at else 0.5)
        and not _is_length(column, text, sample)
    ]
    return next(iter(labels + numbers), None)


def _is_length(column: _Column, text: _Column, sample: Sequence[Sequence[str]]) -> bool:
    """Whether numbers correlate with the lengths of the texts."""
    lengths = [float(len(fields[text.at])) for fields in sample]
    numbers = [float(fields[column.at]) for fields in sample]
    if len(set(lengths)) < 2 or len(set(numbers)) < 2:
        return lengths == numbers
    return statistics.correlation(lengths, numbers) > 0.8


def _resemblance(one: str, other: str) -> float:
    """Share of letter pairs that two texts have in common; 1 for the same letters.

    If either has digits, which the other may spell out, the share is that of the text with fewer pairs.
    """
    a, b = (_pairs_of_letters(text) for text in (one, other))
    has_digits = bool(re.search(r"\d", one + other))
    total = 2 * min(a.total(), b.total()) if has_digits else a.total() + b.total()
    return 2 * (a & b).total() / total if total else float(one.casefold() == other.casefold())


def _pairs_of_letters(text: str) -> Counter[str]:
    letters = "".join(char for char in text.casefold() if char.isalpha())
    return Counter(letters[at : at + 2] for at in range(max(1, len(letters) - 1)) if letters)


def _told(name: str, read: dict[str, str], unread: Sequence[_Column], sample: Sequence[Sequence[str]]) -> str:
    taken = ", ".join(f"{field} as the {role}" for field, role in read.items())
    rest = ", ".join(f"field {column.at + 1} ({sample[0][column.at][:30]!r})" for column in unread)
    return f"{name} does not name its columns; it was read with {taken}" + (f"; not read: {rest}" if rest else "")
