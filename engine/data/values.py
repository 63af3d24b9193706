"""Interpret values of metadata: texts, speakers, and programs' placeholders for missing values."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

NOTHING = frozenset(
    {
        "nan",
        "NaN",
        "NAN",
        "-nan",
        "None",
        "NULL",
        "null",
        "none",
        "<NA>",
        "<na>",
        "NaT",
        "N/A",
        "#N/A",
        "n/a",
        "NA",
        "Null",
        "\\N",
        "<NULL>",
        "<null>",
        "(null)",
        "[NULL]",
    }
)
"""Programs' placeholders for a missing value."""
WORDS_AS_WELL = frozenset({"None", "none", "NULL", "null", "Null", "NA"})
"""Placeholders that are also words: zero is `null` in German."""
_LITERALS = {
    "a list": re.compile(r"""\[(?P<mark>['"]).*(?P=mark)\]""", re.DOTALL),
    "an object": re.compile(r"""\{(?P<mark>['"])\w+(?P=mark)\s*:.*\}""", re.DOTALL),
    "bytes": re.compile(r"""b(?P<mark>['"]).*(?P=mark)""", re.DOTALL),
}
"""Values of Python and JSON that were saved as text, such as a column of lists in a CSV."""
_ERROR = re.compile(r"#[¡¿]?[^\W_]+(?:/[^\W_]+)?[!?]|#NV")  # of a formula in a spreadsheet: #REF!, #DIV/0!, #NOM?
_NO_SPEAKER = frozenset({"", "-", "--", "-1", "?", "unknown", "unk", "undefined", "n.a.", "na", "false", "true"})
_SHOWN = 40
_GENDERS = frozenset(
    {"m", "f", "w", "d", "male", "female", "man", "woman", "other", "männlich", "weiblich", "homme", "femme"}
)
_WHOLE = re.compile(r"[+-]?\d+(?:\.0+|,0)")
_FLOAT = re.compile(r"[+-]?\d+[.,]\d+")


def as_text(value: Any) -> tuple[str, str]:
    """A value as text, or the reason why it is not one.

    Numbers are texts (digits are spoken, and labels are numbers); whole ones lose their decimal point.
    """
    if isinstance(value, str):
        return value, ""
    if value is None:
        return "", "null"
    if isinstance(value, bool):
        return "", str(value).lower()
    if isinstance(value, int):
        return str(value), ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return "", str(value)
        return (str(int(value)) if value.is_integer() else str(value)), ""
    kind = (
        "a list"
        if isinstance(value, list | tuple)
        else "an object"
        if isinstance(value, dict)
        else type(value).__name__
    )
    return "", kind


def as_said(value: Any) -> tuple[str, str]:
    """A value of a text column, as `as_text`; Python or JSON values saved as text are not texts either."""
    text, fault = as_text(value)
    literal = next((kind for kind, literal in _LITERALS.items() if literal.fullmatch(text.strip())), "")
    return ("", f"{literal}, {text.strip()[:_SHOWN]!r}") if literal else (text, fault)


def as_name(value: Any) -> str:
    """A value as the name of a file: text, a number, a list of one, or an object with a path."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[key] for key in ("path", "file", "file_name", "filename") if value.get(key)), "")
    return as_text(value)[0]


def as_speaker(value: Any) -> str:
    """A value as a speaker's name; empty for a placeholder."""
    text = as_text(value)[0].strip()
    return "" if says_nothing(text) or text.casefold() in _NO_SPEAKER else text


def says_nothing(text: str) -> bool:
    """Whether a text is a program's placeholder: `nan`, `#REF!`."""
    word = text.strip()
    return word in NOTHING or bool(word.isupper() and _ERROR.fullmatch(word))


def are_genders(names: Collection[str]) -> bool:
    """Whether apparent speaker names are only genders."""
    return bool(names) and all(name.casefold() in _GENDERS for name in names)


def is_made_float(names: Collection[str]) -> bool:
    """Whether names are integers that a program wrote as floats, as it does if one is missing."""
    points = [name for name in names if _FLOAT.fullmatch(name)]
    return bool(points) and all(_WHOLE.fullmatch(name) for name in points)


def are_made_floats(texts: Collection[str]) -> bool:
    """Whether all texts are digits that a program wrote as floats."""
    return bool(texts) and all(re.fullmatch(r"\d+[.,]0", text) for text in texts)


def without_point(name: str) -> str:
    """`1.0` and `1,0` (the decimal comma of many countries) as `1`."""
    return re.split("[.,]", name)[0] if _WHOLE.fullmatch(name) else name
