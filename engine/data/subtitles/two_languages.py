"""Detect subtitles that show each line in two languages, one below the other."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_SHARE = 0.5  # of the cues
_FEWEST = 2
_FEWEST_PAIRS = 3
_JAPANESE = ("HIRAGANA", "KATAKANA")


def two_scripts(cues: Iterable[Sequence[str]]) -> tuple[str, str] | None:
    """The two scripts in which most cues have a line each; None for a file in one language.

    Two languages in one script, such as German and English, are not detected: see `may_be_two_languages`.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    total = 0
    for lines in cues:
        if not lines:
            continue
        total += 1
        scripts = list(dict.fromkeys(script for script in map(_script, lines) if script))
        if len(scripts) == 2:
            pairs[scripts[0], scripts[1]] += 1
    if not pairs:
        return None
    (pair, count) = pairs.most_common(1)[0]
    return pair if count >= _FEWEST and count > _SHARE * total else None


def may_be_two_languages(cues: Iterable[Sequence[str]]) -> bool:
    """Whether each cue has two lines, and no first line has a word of any second line; only a hint."""
    shown = [lines for lines in cues if lines]
    if len(shown) < _FEWEST_PAIRS or any(len(lines) != 2 for lines in shown):
        return False
    first, second = ({word for lines in shown for word in lines[at].casefold().split()} for at in (0, 1))
    return not first & second


def _script(line: str) -> str | None:
    """The name of the script of most letters of a line."""
    counts: Counter[str] = Counter()
    for letter in line:
        if letter.isalpha():
            name = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
            counts["CJK" if name in _JAPANESE else name] += 1
    return counts.most_common(1)[0][0].capitalize() if counts else None
