"""Unify different spellings of one speaker's name that programs make, and warn about names that look alike."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from engine.data.report import named
from engine.data.values import is_made_float, without_point


def same_speakers(names: Iterable[str]) -> tuple[Mapping[str, str], list[str]]:
    """The new form of each name that changes, and warnings.

    Whole numbers with a point (`1.0`) are what pandas makes of a column of numbers with a gap: the point is removed,
    and leading zeros are restored if exactly one spelling of the number occurs elsewhere. Invisible characters are
    removed too. Names that differ in case, width or leading zeros stay separate, with a warning.
    """
    found = sorted(set(names))
    made_float = is_made_float(found)
    known = {_visible(name) for name in found}
    renamed = {name: _visible(without_point(name) if made_float else name) for name in found}
    padded = defaultdict(set)
    for name in known:
        if name.isdecimal():
            padded[name.lstrip("0") or "0"].add(name)
    for name, new in renamed.items():
        if made_float and name != new and new not in known and len(others := padded[new.lstrip("0") or "0"]) == 1:
            renamed[name] = next(iter(others))
    return {name: new for name, new in renamed.items() if new != name}, _warnings(renamed)


def _warnings(renamed: Mapping[str, str]) -> list[str]:
    warnings = []
    points = sorted(name for name, new in renamed.items() if name != new and without_point(name) != name)
    if points:
        pairs = named([f"{name} as {renamed[name]}" for name in points], most=3)
        warnings.append(f"speakers are numbers with a point, as programs write them where some are missing: {pairs}")
    alike: dict[str, set[str]] = defaultdict(set)
    for name in renamed.values():
        alike[_loose(name)].add(name)
    for same in sorted(sorted(names) for names in alike.values() if len(names) > 1):
        shown = ", ".join(repr(name) for name in same)
        warnings.append(
            f"the speakers {shown} may be one person; they were kept apart: write one name in all rows if so"
        )
    return warnings


def _visible(name: str) -> str:
    kept = "".join(char for char in name if unicodedata.category(char) != "Cf" or char in "\u200c\u200d")
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _loose(name: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)
