"""Values of metadata: what is a text, who is a speaker, and what programs write where there is nothing."""

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
"""What programs write for a value that is missing."""
WORDS_AS_WELL = frozenset({"None", "none", "NULL", "null", "Null", "NA"})
"""Those that are also words: zero is `null` in German."""
_LITERALS = {
    "a list": re.compile(r"""\[(?P<mark>['"]).*(?P=mark)\]""", re.DOTALL),
    "an object": re.compile(r"""\{(?P<mark>['"])\w+(?P=mark)\s*:.*\}""", re.DOTALL),
    "bytes": re.compile(r"""b(?P<mark>['"]).*(?P=mark)""", re.DOTALL),
}
"""Values of Python and JSON that were written as text: a column of lists saved as CSV."""
_ERROR = re.compile(r"#[¡¿]?[^\W_]+(?:/[^\W_]+)?[!?]|#NV")  # of a formula in a spreadsheet: #REF!, #DIV/0!, #NOM?
_NO_SPEAKER = frozenset({"", "-", "--", "-1", "?", "unknown", "unk", "undefined", "n.a.", "na", "false", "true"})
_SHOWN = 40
_GENDERS = frozenset(
    {"m", "f", "w", "d", "male", "female", "man", "woman", "other", "männlich", "weiblich", "homme", "femme"}
)
_WHOLE = re.compile(r"[+-]?\d+(?:\.0+|,0)")
_FLOAT = re.compile(r"[+-]?\d+[.,]\d+")


def as_text(value: Any) -> tuple[str, str]:
    """A value as text, and what is wrong with it if it is none.

    Numbers are texts (digits are said, and labels are numbers); whole ones are written without a decimal point.
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
    """A value of a column of texts, as `as_text`; one of Python or JSON that was written as text is none either."""
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
    """A value as the name of a speaker; empty where it says that nobody is known."""
    text = as_text(value)[0].strip()
    return "" if says_nothing(text) or text.casefold() in _NO_SPEAKER else text


def says_nothing(text: str) -> bool:
    """Whether a text is what programs write where there is none: `nan`, `#REF!`."""
    word = text.strip()
    return word in NOTHING or bool(word.isupper() and _ERROR.fullmatch(word))


def are_genders(names: Collection[str]) -> bool:
    """Whether what looks like names of speakers tells no more than their gender."""
    return bool(names) and all(name.casefold() in _GENDERS for name in names)


def is_made_float(names: Collection[str]) -> bool:
    """Whether names are whole numbers that a program wrote as floats, as it does where one of them is missing."""
    points = [name for name in names if _FLOAT.fullmatch(name)]
    return bool(points) and all(_WHOLE.fullmatch(name) for name in points)


def are_made_floats(texts: Collection[str]) -> bool:
    """Whether all texts are digits that a program wrote as floats."""
    return bool(texts) and all(re.fullmatch(r"\d+[.,]0", text) for text in texts)


def without_point(name: str) -> str:
    """`1.0` as `1`; `1,0`, as spreadsheets have it in many countries."""
    return re.split("[.,]", name)[0] if _WHOLE.fullmatch(name) else name
