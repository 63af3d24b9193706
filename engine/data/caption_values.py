"""Captions in columns: one column, a list, or numbered columns such as `caption_1` to `caption_5`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from engine.data.columns import Column, columns_of
from engine.data.targets import CAPTION_MARK
from engine.data.texts import clean_text
from engine.data.values import as_said, says_nothing
from engine.errors import ItemError

_DIGITS: Final = "0123456789"
_MOST_DIGITS = 3


def caption_columns(names: Sequence[str], besides: Sequence[int] = ()) -> list[list[Column]]:
    """Groups of columns whose names fit captions, the best group first; numbered columns form one group, in order."""
    groups: dict[tuple[int, str], list[tuple[int, Column]]] = {}
    for at, name in enumerate(names):
        if at in besides:
            continue
        base, number = _numbered(name.strip())
        for column in columns_of([base], "caption"):
            found = Column(at, name.strip(), column.rank)
            groups.setdefault((column.rank, base if number else ""), []).append((number, found))
    return [[column for _, column in sorted(group, key=lambda pair: pair[0])] for _, group in sorted(groups.items())]


def _numbered(name: str) -> tuple[str, int]:
    """A name without its number, and the number: `caption_1` is `caption` and 1; without one, the name and 0."""
    base = name.rstrip(_DIGITS)
    digits = name[len(base) :]
    base = base.rstrip("_ -.")
    return (base, int(digits)) if base and 0 < len(digits) <= _MOST_DIGITS else (name, 0)


def read_captions(name: str, values: Sequence[Any]) -> tuple[str, ItemError | None]:
    """The captions of a row in their written form, or why it has none; empty and None: the row gives none.

    Args:
        name: of the column, or of the first of several.
        values: a text or a list of texts of each column.
    """
    captions: list[str] = []
    problem = ""
    for value in values:
        found = _as_list(value)
        for each in [value] if found is None else found:
            text, fault = as_said(each)
            problem = problem or (fault if each is not None else "")
            text = clean_text(text.replace(CAPTION_MARK, " "))
            if text and not says_nothing(text):
                captions.append(text)
    if captions or not problem:
        return CAPTION_MARK.join(captions), None
    return "", ItemError("missing_caption", f"its {name} is {problem}; allowed: text")


def _as_list(value: Any) -> list[Any] | None:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.strip().startswith('["'):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, list) else None
    return None
