"""Labels in columns: which column holds them, and whether a recording has one or several."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.data.columns import Column, bare, columns_of
from engine.data.example import TargetType
from engine.data.targets import NO_LABELS, written_labels
from engine.data.texts import clean_text
from engine.data.values import are_made_floats, as_text, without_point
from engine.errors import ItemError

_MARKS: Final = (";", "|", ",")
_PLURALS: Final = """
    labels classes class_names class_labels categories label_names targets tags events event_labels human_labels klassen
    étiquettes clases etiquetas
"""
_PLURAL: Final = frozenset(map(bare, _PLURALS.split()))
OF_SPEAKERS: Final = frozenset({"language", "accent", "dialect", "gender"})
"""Columns that describe the recordings of many datasets; they are the label only if nothing else is."""
_LIST: Final = re.compile(r"\[.*\]", re.DOTALL)
_SHOWN = 40


@dataclass(slots=True)
class Written:
    """The labels of a column, in their written form."""

    labels: list[tuple[str, ItemError | None]]
    """The labels of each row, or why it has none; empty and None: the row gives none."""
    several: bool = False
    """Whether rows have several labels, or an empty set of them."""
    warnings: list[str] = field(default_factory=list)
    """Oddities of the column."""


def label_column(
    names: Sequence[str], called: Sequence[Column], values_of: Callable[[Column], list[str]]
) -> tuple[Column, list[Column]]:
    """The column of the labels, and further ones that could be.

    A column of names is read in place of one of numbers that stand for them (`category` for `target`), and a column
    with several values in place of a constant one.

    Args:
        names: of the columns.
        called: columns with a suitable name that have values, the best first; at least one.
        values_of: the values of a column as texts.
    """
    texts = {column.at: values_of(column) for column in called}
    varied = [column for column in called if len(set(texts[column.at]) - {""}) > 1] or list(called)
    best = varied[0]
    if _are_numbers(texts[best.at]):
        best = next(
            (
                other
                for other in varied[1:]
                if not _are_numbers(texts[other.at]) and _is_renamed(texts[best.at], texts[other.at])
            ),
            best,
        )
    others = [
        other
        for other in varied
        if other is not best
        and bare(other.name) not in OF_SPEAKERS
        and not _is_renamed(texts[other.at], texts[best.at])
        and bare(names[other.at])
    ]
    return best, others


def label_columns(names: Sequence[str], besides: Sequence[int] = ()) -> list[Column]:
    """The columns whose names fit labels, the best first."""
    return [column for column in columns_of(names, "label") if column.at not in besides]


def read_labels(name: str, values: Sequence[Any], types: Sequence[TargetType]) -> Written:
    """Interpret the values of a column of labels.

    Args:
        name: of the column; `labels` or `tags` may hold several in one text (`a;b`, `a|b`, `a,b`), `label` only with the
            marks that no class name has (`a;b`, `a|b`).
        values: a text, number or list of each row.
        types: allowed types of targets: one label, several, or what the values show.
    """
    lists = [_as_list(value) for value in values]
    plain = [as_text(value)[0].strip() for value, found in zip(values, lists, strict=True) if found is None]
    mark = _mark_of(name, plain, types)
    made_float = are_made_floats({text for text in plain if text})
    written = Written([])
    for value, found in zip(values, lists, strict=True):
        if found is not None:
            labels, fault = _of_list(name, found)
        else:
            labels, fault = _of_text(name, value, mark)
        if made_float:
            labels = [without_point(label) for label in labels]
        is_given = found is not None or labels
        if fault is None and is_given and len(labels) != 1:
            written.several = True
            if "labels" not in types:
                fault = _not_one(name, labels)
        written.labels.append(("", fault) if fault or not is_given else (written_labels(labels), None))
    texts = [text for text, _ in written.labels if text]
    if texts and _are_numbers(texts):
        written.warnings.append(
            f"the labels in {name!r} are numbers, such as {texts[0]!r}; give the names of the classes, so that results can "
            "be read"
        )
    if "labels" not in types:
        written.several = False
    return written


def _not_one(name: str, labels: Sequence[str]) -> ItemError:
    if not labels:
        return ItemError("missing_label", f"its {name} is {NO_LABELS}; allowed: one label")
    return ItemError("bad_label", f"its {name} has {len(labels)} labels, {written_labels(labels)!r}; allowed: one")


def _mark_of(name: str, texts: Sequence[str], types: Sequence[TargetType]) -> str | None:
    """The mark between labels in a column of texts; None if each text is one label."""
    if "labels" not in types:
        return None
    marks = _MARKS if "label" not in types or bare(name) in _PLURAL else _MARKS[:2]
    return next((mark for mark in marks if any(mark in text for text in texts)), None)


def _as_list(value: Any) -> list[Any] | None:
    """The elements of a list, which may be written as JSON or Python in a text; None if it is no list."""
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str) or not _LIST.fullmatch(value.strip()):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else None
    parts = [part.strip() for part in value.strip()[1:-1].split(",") if part.strip()]
    return parts if len(parts) > 1 else None  # `[noise]` is a name


def _of_list(name: str, found: Sequence[Any]) -> tuple[list[str], ItemError | None]:
    labels = []
    for each in found:
        text, problem = as_text(each)
        text = clean_text(text)
        if problem or not text or ";" in text:
            shown = problem or repr(text[:_SHOWN])
            return [], ItemError("bad_label", f"its {name} has {shown} in a list; allowed: names without ';'")
        labels.append(text)
    return list(dict.fromkeys(labels)), None


def _of_text(name: str, value: Any, mark: str | None) -> tuple[list[str], ItemError | None]:
    text, problem = (str(value).lower(), "") if isinstance(value, bool) else as_text(value)
    if problem and value is not None and problem != "nan":
        return [], ItemError("bad_label", f"its {name} is {problem}; allowed: the name of a class")
    parts = text.split(mark) if mark else [text]
    return list(dict.fromkeys(label for part in parts if (label := clean_text(part)))), None


def _are_numbers(texts: Sequence[str]) -> bool:
    return all(re.fullmatch(r"-?\d+(?:\.0)?", text) for text in texts if text)


def _is_renamed(ones: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two columns name the same classes differently."""
    pairs = set(zip(ones, others, strict=True))
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
