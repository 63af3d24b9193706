"""Remove repetitions from rolling captions, in which each cue repeats the previous one and adds to it.

Automatic captions show the last line above the new one, and the new one alone for 10 ms; captions of live speech grow
word by word. Repeated text was spoken only once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Words, and the letters of scripts without spaces between words.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    "|[^\\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_MARKS = re.compile(r"\W+")
_MOMENT_S = 0.05  # a cue that is at most this long says nothing new
_SURE_WORDS = 3  # a line of this many words is rarely said twice in a row
_USUAL = 0.5  # of the neighbouring cues, in a file of rolling captions
_TOUCH_S = 0.05


@dataclass(frozen=True, slots=True)
class Shown:
    """A cue without its tags."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    has_word_times: bool = False
    """Whether its words have times of their own, as in automatic captions."""


@dataclass(frozen=True, slots=True)
class Once:
    """The new text of each cue."""

    lines: list[tuple[str, ...]]
    """The lines of each cue that are shown for the first time."""
    repeats: int
    """Number of cues whose repeated text was left out."""
    doubtful: int
    """Number of cues that repeat a line in a file with few repetitions; they were left unchanged."""


def said_once(cues: Sequence[Shown]) -> Once:
    """Leave out repeated text if the file has rolling captions; cues are in order of time."""
    whole = [cue.lines for cue in cues]
    before: tuple[str, ...] = ()
    added: list[tuple[str, ...]] = []
    partial = sure = moments = repeats = 0
    for cue in cues:
        words, total = _shown_again(before, cue.lines)
        is_moment = cue.end_s - cue.start_s <= _MOMENT_S
        if words and words == total and is_moment:
            moments += 1
        elif 0 < words < total:
            partial += 1
            sure += words >= _SURE_WORDS
        repeats += words > 0
        added.append(_after(cue.lines, words))
        before = cue.lines or before
    pairs = max(1, len(cues) - 1 - moments)
    is_automatic = (moments or any(cue.has_word_times for cue in cues)) and partial + moments > 0
    if is_automatic or (sure and sure >= _USUAL * pairs) or (partial > 1 and partial >= _USUAL * pairs):
        return Once(added, repeats, 0)
    return Once(whole, 0, sure)


def without_overlap(cues: Sequence[Shown]) -> list[Shown]:
    """End each cue where the next one begins, if most cues overlap.

    Such times state how long a line is shown, which is longer than the time in which it is spoken.
    """
    overlaps = sum(b.start_s < a.end_s - _TOUCH_S for a, b in itertools.pairwise(cues))
    if overlaps < 2 or overlaps <= _USUAL * (len(cues) - 1):
        return list(cues)
    ends = [b.start_s if a.start_s < b.start_s < a.end_s else a.end_s for a, b in itertools.pairwise(cues)]
    return [replace(cue, end_s=end_s) for cue, end_s in zip(cues, [*ends, cues[-1].end_s], strict=True)]


def _shown_again(before: Sequence[str], now: Sequence[str]) -> tuple[int, int]:
    """Number of words at the beginning of a cue that ended the previous cue, and number of all words of the cue.

    Repeated words must be whole lines of one of the two: a word that two lines share by chance is not a repetition.
    """
    shown: list[str] = []
    begins = set()
    for line in before:
        begins.add(len(shown))
        shown += _words(line)
    new: list[str] = []
    ends = set()
    for line in now:
        new += _words(line)
        ends.add(len(new))
    for words in range(min(len(shown), len(new)), 0, -1):
        if shown[-words:] == new[:words] and (words in ends or len(shown) - words in begins):
            return words, len(new)
    return 0, len(new)


def _words(line: str) -> list[str]:
    """Words for comparing lines: live captions get capitals and punctuation only when a sentence is complete."""
    return [_MARKS.sub("", word).casefold() or word for word in _WORD.findall(line)]


def _after(lines: Sequence[str], words: int) -> tuple[str, ...]:
    """The lines without their first words."""
    kept = []
    for line in lines:
        found = list(_WORD.finditer(line))
        if words < len(found):
            kept.append(line[found[words].start() :])
        words = max(0, words - len(found))
    return tuple(kept)
