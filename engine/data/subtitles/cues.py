"""Parse the raw cues of subtitle files: SubRip, WebVTT, SubViewer (`.sbv`) and SubStation Alpha (`.ass`).

A cue's text extends to the next times, even across blank lines. The line before the times is the cue's number or, in
WebVTT, its name.

Source: W3C, WebVTT, section 4; SubRip's `.srt`, which has no standard; Aegisub's description of `.ass`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ENDINGS = ("srt", "vtt", "sbv", "ass", "ssa")
"""File extensions of the supported formats."""
OTHER_ENDINGS = ("dfxp", "itt", "json3", "lrc", "sami", "smi", "srv1", "srv2", "srv3", "stl", "sub", "ttml")
"""File extensions of formats that are recognised but not supported."""

_TIME = r"(?:(\d{1,9})\s?:\s?)?(\d{1,2})\s?:\s?(\d{1,2})(?:\s?(?:[.,]\s?(\d{1,9})|:(\d{3})))?"
_ARROW = r"\s*(?:-{1,3}>|–>|—>|→)\s*"
_TIMES = re.compile(rf"\s*{_TIME}{_ARROW}{_TIME}(?:\s(?P<rest>.*))?")
_COMMA_TIMES = re.compile(rf"\s*{_TIME}\s*,\s*{_TIME}\s*")
_SETTINGS = re.compile(r"(?:\s*[A-Za-z]\w*:\S+)*\s*")
_LOOKS_LIKE_TIMES = re.compile(r"\s*(?:-?\d[^a-z]*)?-->", re.IGNORECASE)
_COMMENT = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s.*)?")
_DIALOGUE = re.compile(r"Dialogue:\s*", re.IGNORECASE)
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_MOST_CHARACTERS = 5_000  # of a cue
_LONGEST_NUMBER = 9  # digits of a cue's number
_ASS_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


@dataclass(frozen=True, slots=True)
class RawCue:
    """A span of time and the text shown in it."""

    line: int
    """Line of its times in the file, counted from 1."""
    start_s: float
    """Start, in seconds."""
    end_s: float
    """End, in seconds."""
    lines: tuple[str, ...]
    """Lines of text with tags; none is blank."""
    speaker: str | None = None
    """Its speaker, if the format has a field for that."""
    fault: str | None = None
    """Why the cue cannot be used; None if it can."""


@dataclass(slots=True)
class RawCues:
    """The cues of a file."""

    cues: list[RawCue] = field(default_factory=list)
    """In the order of the file."""
    warnings: list[str] = field(default_factory=list)
    """What was skipped."""
    language: str | None = None
    """The language that the file itself names."""


def raw_cues(text: str, ending: str) -> RawCues:
    """Parse the cues of a file.

    Args:
        text: content of the file.
        ending: ending of its name, one of `ENDINGS`.
    """
    lines = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if ending in ("ass", "ssa"):
        return RawCues(list(_dialogue(lines)))
    return _Blocks(lines, "comma" if ending == "sbv" else "arrow").read()


class _Blocks:
    """Parses blocks of times and text."""

    def __init__(self, lines: Sequence[str], times: str) -> None:
        self._lines = lines
        self._times = _COMMA_TIMES if times == "comma" else _TIMES
        self._has_arrow = times == "arrow"
        self._is_vtt = next((line for line in lines if line.strip()), "").startswith("WEBVTT")
        self._number: int | None = None
        self._names: list[int] = []
        self._found = RawCues()

    def read(self) -> RawCues:
        said: list[str] = []
        place = 0
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            if self._begins_comment(at):
                while at < len(self._lines) and self._lines[at].strip():
                    at += 1
                continue
            if self._has_times(line):
                self._without_name(said, at, is_header=not place)
                self._add(place, said)
                said, place = [], at + 1
            else:
                said.append(line)
            at += 1
        self._add(place, said)
        cues = len(self._found.cues)
        if 0 < len(self._names) < cues / 2:
            shown = self._lines[self._names[0] - 1].strip()[:40]
            self._found.warnings.append(
                f"{len(self._names)} of {cues} cues have a name, such as {shown!r} in line {self._names[0]}; names are "
                "not said, and were left out"
            )
        return self._found

    def _begins_comment(self, at: int) -> bool:
        is_first = at == 0 or not self._lines[at - 1].strip()
        return self._is_vtt and is_first and _COMMENT.fullmatch(self._lines[at]) is not None

    def _has_times(self, line: str) -> bool:
        if self._times.fullmatch(line):
            return True
        return self._has_arrow and _LOOKS_LIKE_TIMES.match(line) is not None

    def _without_name(self, said: list[str], at: int, is_header: bool) -> None:
        """Remove the number or the name of the next cue from the end of the text before it."""
        if is_header:
            self._read_header(said)
        last = next((i for i in reversed(range(len(said))) if said[i].strip()), None)
        if last is None:
            return
        word = said[last].strip()
        is_adjacent = last == len(said) - 1
        is_alone = last == 0 or not said[last - 1].strip()
        if word.isdecimal() and len(word) <= _LONGEST_NUMBER:
            follows = self._number is not None and int(word) == self._number + 1
            is_number = is_header or follows or (is_adjacent and (self._number is not None or (is_alone and last > 0)))
            if is_number:
                self._number = int(word)
                del said[last:]
        elif self._is_vtt and is_adjacent and is_alone and (last > 0 or is_header):
            self._names.append(at - len(said) + last + 1)
            del said[last:]

    def _read_header(self, said: Sequence[str]) -> None:
        for line in said:
            key, colon, value = line.partition(":")
            if colon and key.strip().lower() == "language" and value.strip():
                self._found.language = value.strip()

    def _add(self, place: int, said: Sequence[str]) -> None:
        if not place:
            return
        times = self._lines[place - 1]
        lines = tuple(line for line in said if line.strip())
        match = self._times.fullmatch(times)
        if not match:
            fault = f"found {times.strip()[:80]!r}; allowed: 00:00:01,000 --> 00:00:03,500"
            self._found.cues.append(RawCue(place, 0.0, 0.0, lines, fault=fault))
            return
        rest = match.groupdict().get("rest") or ""
        if not _SETTINGS.fullmatch(rest):  # the text begins on the line of the times
            lines = (rest, *lines)
        start_s, end_s = _seconds(match.groups()[:5]), _seconds(match.groups()[5:10])
        self._found.cues.append(_cue(place, start_s, end_s, lines))


def _dialogue(lines: Sequence[str]) -> Iterator[RawCue]:
    """The cues of the `[Events]` section."""
    columns = [name.strip().lower() for name in _ASS_FIELDS.split(",")]
    for number, line in enumerate(lines, start=1):
        if line.lower().startswith("format:") and "text" in line.lower():
            columns = [name.strip().lower() for name in line.partition(":")[2].split(",")]
        found = _DIALOGUE.match(line)
        if not found:
            continue
        values = dict(zip(columns, line[found.end() :].split(",", len(columns) - 1), strict=False))
        text = values.get("text", "")
        if _DRAWING.search(text):  # shapes, not words
            continue
        shown = tuple(part for part in re.split(r"\\[Nn]", text.replace("\\h", " ")) if part.strip())
        match = _COMMA_TIMES.fullmatch(f"{values.get('start', '')},{values.get('end', '')}")
        speaker = (values.get("name") or values.get("actor") or "").strip() or None
        if not match:
            yield RawCue(number, 0.0, 0.0, shown, speaker, f"found {line[:80]!r}; allowed: times such as 0:00:01.00")
            continue
        start_s, end_s = _seconds(match.groups()[:5]), _seconds(match.groups()[5:])
        yield _cue(number, start_s, end_s, shown, speaker)


def _cue(line: int, start_s: float, end_s: float, lines: tuple[str, ...], speaker: str | None = None) -> RawCue:
    characters = sum(map(len, lines))
    if characters > _MOST_CHARACTERS:
        fault = f"it shows {characters:,} characters; allowed: at most {_MOST_CHARACTERS:,}"
        return RawCue(line, start_s, end_s, (), speaker, fault)
    fault = f"it goes from {start_s:g} s to {end_s:g} s; allowed: a start before the end"
    return RawCue(line, start_s, end_s, lines, speaker, None if start_s < end_s else fault)


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction, milliseconds = parts
    return (
        int(hours or 0) * 3600
        + int(minutes or 0) * 60
        + int(seconds or 0)
        + float(f"0.{fraction or milliseconds or 0}")
    )
