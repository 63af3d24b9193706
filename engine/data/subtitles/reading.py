"""Read subtitle files: what is said, when and by whom, and what was left out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.data.subtitles.cues import RawCue, raw_cues
from engine.data.subtitles.rolling import Shown, said_once, without_overlap
from engine.data.subtitles.spoken import LeftOut, Plain, plain, said, speaker_labels
from engine.data.subtitles.two_languages import may_be_two_languages, two_scripts

_MARKED_WORD = re.compile(r"\w\W*<[a-z][^<>]*>\w|\w</[a-z]+>\W*\w")  # a tag inside a line
_FEWEST_MARKED = 2  # cues that repeat the previous one's text
_TOUCH_S = 0.05


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said in a span of time."""

    line: int
    """Line of its times in the file, counted from 1."""
    start_s: float
    """Start, in seconds."""
    end_s: float
    """End, in seconds."""
    text: str
    """Its text, without tags."""
    speaker: str | None
    """Its speaker, if the subtitles name one."""
    fault: str | None = None
    """Why its times cannot be used; None if they can."""
    missing: str | None = None
    """The mark for missing words in its text, if there is one."""


@dataclass(slots=True)
class Subtitles:
    """Content of a subtitle file."""

    cues: list[Cue] = field(default_factory=list)
    """Cues in order of time, without those in which nothing is said; faulty ones are at the end."""
    total: int = 0
    """Number of cues in the file, including those in which nothing is said."""
    warnings: list[str] = field(default_factory=list)
    """What was left out or changed."""
    language: str | None = None
    """The language that the file itself names."""
    scripts: tuple[str, str] | None = None
    """The scripts of a file that shows its text in two languages, one below the other."""


def read_subtitles(text: str, ending: str) -> Subtitles:
    """Read a subtitle file.

    Args:
        text: content of the file.
        ending: ending of its name, one of `engine.data.subtitles.cues.ENDINGS`.
    """
    raw = raw_cues(text, ending)
    found = Subtitles(total=len(raw.cues), warnings=raw.warnings, language=raw.language)
    faulty = [cue for cue in raw.cues if cue.fault]
    distinct = {(cue.start_s, cue.end_s, cue.lines): cue for cue in raw.cues if not cue.fault}
    good = sorted(distinct.values(), key=lambda cue: (cue.start_s, cue.end_s))
    if twice := len(raw.cues) - len(faulty) - len(good):
        found.warnings.append(f"{twice} cues are duplicates, with the same times and text; one of each was kept")
    good, marked = _once_marked(good)
    if marked:
        found.warnings.append(f"{marked} cues show a cue again with another word marked; each text was taken once")
    plains = [plain(cue.lines) for cue in good]
    shown = [
        Shown(cue.start_s, cue.end_s, clean.lines, clean.has_word_times)
        for cue, clean in zip(good, plains, strict=True)
    ]
    once = said_once(shown)
    if once.repeats:
        found.warnings.append(
            f"its captions roll: {once.repeats} of {len(good)} cues show lines of the cue before again, which were left out"
        )
    if once.doubtful:
        found.warnings.append(
            f"{once.doubtful} of {len(good)} cues show a line of the cue before again; they were left as they are"
        )
    together = _together(good, once.lines)
    found.scripts = two_scripts(together)
    if found.scripts is None and may_be_two_languages(together):
        found.warnings.append(
            "each of its cues has two lines, or stands beside one with the same times, and the first ones share no word "
            "with the second ones: if they are in two languages, keep the spoken one"
        )
    kept = [at for at, lines in enumerate(once.lines) if lines]
    times = without_overlap([shown[at] for at in kept])
    if [cue.end_s for cue in times] != [shown[at].end_s for at in kept]:
        found.warnings.append("most of its cues end after the next one begins; each was taken up to there")
    left_out = LeftOut()
    labels = speaker_labels(once.lines)
    for at, time in zip(kept, times, strict=True):
        cue = _cue(good[at], time, once.lines[at], plains[at], labels, left_out)
        if cue.text or cue.missing:
            found.cues.append(cue)
    found.warnings += left_out.warnings()
    found.cues += [Cue(cue.line, 0.0, 0.0, "", None, cue.fault) for cue in faulty]
    return found


def _once_marked(cues: Sequence[RawCue]) -> tuple[list[RawCue], int]:
    """Merge cues that repeat one text with another word marked each time (Whisper's `--highlight_words`)."""
    texts = [" ".join(plain(cue.lines).lines) for cue in cues]
    again = [
        before.lines != now.lines and said == says and now.start_s - before.end_s <= _TOUCH_S
        for (before, said), (now, says) in itertools.pairwise(zip(cues, texts, strict=True))
    ]
    if sum(again) < _FEWEST_MARKED or not any(_MARKED_WORD.search(line) for cue in cues for line in cue.lines):
        return list(cues), 0
    kept = [cues[0]]
    for cue, is_again in zip(cues[1:], again, strict=True):
        if is_again:
            kept[-1] = replace(kept[-1], end_s=cue.end_s)
        else:
            kept.append(cue)
    return kept, sum(again)


def _together(cues: Sequence[RawCue], lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines that are shown at the same time."""
    shown: dict[tuple[float, float], list[str]] = {}
    for cue, added in zip(cues, lines, strict=True):
        shown.setdefault((cue.start_s, cue.end_s), []).extend(added)
    return list(shown.values())


def _cue(
    raw: RawCue, time: Shown, lines: Sequence[str], clean: Plain, labels: frozenset[str], left_out: LeftOut
) -> Cue:
    spoken = said(lines, labels, left_out)
    named = {name for name in (*clean.speakers, raw.speaker, spoken.speaker) if name}
    speaker = named.pop() if len(named) == 1 else None
    return Cue(raw.line, time.start_s, time.end_s, _text(spoken.text), speaker, missing=spoken.missing)


def _text(text: str) -> str:
    return text if re.search(r"\w", text) else ""
