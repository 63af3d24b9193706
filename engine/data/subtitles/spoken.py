"""Extract the spoken words of captions, without tags, names of speakers, descriptions of sounds and music notes.

- `<v Ann>` and the name field of `.ass` name the speaker. So do `Speaker 1:` and `[John]:` at the beginning of a line;
  `JOHN:`, unless the file is all in capitals; and `John:`, if at least two such names occur more than once, or if every
  cue begins with one, as Zoom writes them. Names are not spoken, and are left out.
- `>>` and a dash at the beginning of a line mark a change of speaker, and are left out.
- `[Music]` and other words in brackets are sounds, and are left out. So are words in parentheses or asterisks if
  nothing else is on their line or they are in capitals, and Japanese parentheses in a name's place. Music notes are
  removed; the words between them, which are sung, are kept.
- `[inaudible]` or `[ __ ]` says that a word is missing: such a cue cannot be used.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s++([^<>]++)>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>|</?p\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</?>|<\d[\d:.,]*>|\{\\[^{}]*\}|\{/?[biusBIUS]\}|\{[yYcCfF]:[^{}]*\}")
_WORD_TIME = re.compile(r"<\d[\d:.]*>")
_TURN = re.compile(r"\s*[-–—‐]\s*(?=[^\W\d_]|[\[(\"'¿¡«“„♪])|\s*[-–—‐]\s+(?=\d)")
_CHEVRONS = re.compile(r"(?<!\s)\s*>>+\s*")
_LABEL = re.compile(
    r"(?P<before>(?:\s*(?:\[[^\[\]]*\]|\([^()]*\))(?!\s?[:：]))*)\s*(?P<open>\[)?(?P<name>[^\W\d_][\w .'’\-]{0,28}?)"
    r"(?(open)\]|(?:\s?\([^)]*\))?)\s?[:：](?:\s+(?=\S)|\s*$)"
)
_NUMBERED_SPEAKER = re.compile(r"(?:speaker|sprecher|locuteur|hablante|spk)[ _]?\d+", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|【[^【】]*】|［[^［］]*］")
_PARENTHESES = re.compile(r"\([^()]*\)|（[^（）]*）")
_STARS = re.compile(r"\*[^*]+\*")
_MUSIC = re.compile(r"[♩♪♫♬♭♯]+")
_MISSING = re.compile(
    r"_|\?|\b(?:inaudible|unintelligible|indistinct|unclear|crosstalk|foreign|bleep|censored|unverständlich|"
    r"inaudibile|inintelligible|ininteligible|ininteligível|неразборчиво)\b",
    re.IGNORECASE,
)
_MOST_WORDS_OF_NAME = 4
_FEWEST_CAPITALS = 0.7  # of the letters of a file that is all in capitals


@dataclass(slots=True)
class LeftOut:
    """The parts of a file's captions that are not speech."""

    sounds: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    music: int = 0

    def warnings(self) -> list[str]:
        """One sentence for each kind of text left out."""
        found = []
        if self.sounds:
            found.append(f"{_counted(self.sounds, 'description of a sound', 'descriptions of sounds')} left out")
        if self.labels:
            found.append(f"{_counted(self.labels, 'name', 'names')} of speakers before a colon left out of the text")
        if self.music:
            found.append(f"{self.music} cues are sung; signs of music left out, and words kept")
        return found


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a cue."""

    text: str
    speaker: str | None
    missing: str | None
    """The mark for missing words, if there is one."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A cue's lines without tags."""

    lines: tuple[str, ...]
    speakers: tuple[str, ...]
    """Names in the tags, in order."""
    has_word_times: bool


def plain(lines: Iterable[str]) -> Plain:
    """Remove the tags and decode the entities in a cue's lines."""
    speakers: list[str] = []
    kept: list[str] = []
    has_word_times = False
    for line in lines:
        speakers += [name for name in (" ".join(html.unescape(n).split()) for n in _VOICE.findall(line)) if name]
        has_word_times = has_word_times or _WORD_TIME.search(line) is not None
        for part in _BREAK.split(_VOICE.sub(" ", line)):
            shown = " ".join(html.unescape(_TAG.sub("", part)).split())
            if shown:
                kept.append(shown)
    return Plain(tuple(kept), tuple(speakers), has_word_times)


def speaker_labels(cues: Sequence[Sequence[str]]) -> frozenset[str]:
    """The words before a colon that are names of speakers, not part of the text."""
    lines = [line for cue in cues for line in cue]
    counts: Counter[str] = Counter()
    bracketed = set[str]()
    for line in lines:
        if label := _label(_turned(line)):
            name = label["name"].strip()
            counts[name] += 1
            if label["open"]:
                bracketed.add(name)
    letters = [c for line in lines for c in line if c.isupper() or c.islower()]
    all_capitals = sum(c.isupper() for c in letters) > _FEWEST_CAPITALS * len(letters)
    again = {name for name, count in counts.items() if count > 1}
    first = [turned for cue in cues if cue and _without_sounds(turned := _turned(cue[0]))[0].strip()]
    names = {label["name"].strip() for line in first if (label := _label(line)) and not label["name"][0].islower()}
    all_named = len(first) > 1 and all((label := _label(line)) and label["name"].strip() in names for line in first)
    return frozenset(
        name
        for name in counts
        if _NUMBERED_SPEAKER.fullmatch(name)
        or (name.isupper() and not all_capitals)
        or (len(again) > 1 and name in again)
        or (all_named and name in names)
        or name in bracketed
    )


def said(lines: Sequence[str], labels: frozenset[str], left_out: LeftOut) -> Said:
    """The spoken words of a cue's lines."""
    kept: list[str] = []
    speakers: set[str] = set()
    missing = None
    is_sung = False
    for line in _unbroken(lines):
        rest, before = _turned(line), ""
        label = _label(rest)
        if label and (name := label["name"].strip()) in labels:
            left_out.labels[name] += 1
            speakers.add(name)
            before, rest = label["before"], rest[label.end() :]
        rest, sounds = _without_sounds(rest)
        sounds = _without_sounds(before)[1] + sounds
        for sound in sounds:
            if _MISSING.search(sound):
                missing = missing or sound
            left_out.sounds[sound] += 1
        is_sung = is_sung or _MUSIC.search(rest) is not None
        rest = _turned(_MUSIC.sub(" ", rest))
        if rest:
            kept.append(rest)
    if is_sung and kept:
        left_out.music += 1
    return Said(" ".join(" ".join(kept).split()), speakers.pop() if len(speakers) == 1 else None, missing)


def _unbroken(lines: Sequence[str]) -> list[str]:
    """The lines, joined where a bracket spans several."""
    joined: list[str] = []
    for line in lines:
        if joined and any(joined[-1].rfind(mark) > joined[-1].rfind(end) and end in line for mark, end in ("[]", "()")):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
    return joined


def _without_sounds(line: str) -> tuple[str, list[str]]:
    sounds = _BRACKETS.findall(line)
    rest = _BRACKETS.sub(" ", line)
    for pattern in (_PARENTHESES, _STARS):
        found = pattern.findall(rest)
        alone = not re.sub(r"[\W_]+", "", pattern.sub("", rest))
        out = [
            sound
            for sound in found
            if alone or sound.isupper() or (sound[0] == "（" and rest.lstrip().startswith(sound))
        ]
        for sound in out:
            rest = rest.replace(sound, " ", 1)
        sounds += out
    return rest, sounds


def _turned(line: str) -> str:
    """A line without the marks of a change of speaker."""
    rest = _CHEVRONS.sub(" ", line)
    dash = _TURN.match(rest)
    return rest[dash.end() :].strip() if dash else rest.strip()


def _label(line: str) -> re.Match[str] | None:
    """A possible name before a colon at the beginning of a line, after descriptions of sounds."""
    found = _LABEL.match(line)
    return found if found and len(found["name"].split()) <= _MOST_WORDS_OF_NAME else None


def _counted(counts: Counter[str], one: str, many: str) -> str:
    shown = ", ".join(name for name, _ in counts.most_common(3))
    return f"{counts.total()} {one if counts.total() == 1 else many} ({shown})"
