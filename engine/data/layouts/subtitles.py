"""Long recordings beside subtitles: `talk.mp3` with `talk.srt`, `talk.vtt` or `talk.en.vtt`.

Neighbouring cues become one item, up to the longest that is allowed; a new one begins after a long pause and with
another speaker (`<v Ann>` in WebVTT). Cues that overlap are never cut apart.

Source: W3C, WebVTT; SubRip's `.srt`.
"""

from __future__ import annotations

import html
import math
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.metadata import Row, clean_text
from engine.errors import IngestError, ItemError

_LONGEST_PAUSE_S = 2.0  # between two cues of one item
_BEFORE_S = 0.2  # of the pause before an item
_AFTER_S = 0.05  # of the pause after it: no more than times may be off by, since the file may end there
_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_SPEAKER = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
_NO_CUE = ("WEBVTT", "NOTE", "STYLE", "REGION")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said in a stretch of time."""

    line: int
    """Of its times in the file, counted from 1."""
    start_s: float
    """Where it begins, in seconds."""
    end_s: float
    """Where it ends, in seconds."""
    text: str
    """Without tags."""
    speaker: str | None
    """Who says it, if the subtitles do."""
    fault: str | None = None
    """Why it cannot be used, if so."""


def find(contents: Contents) -> list[str]:
    """Subtitles with a recording of their name beside them."""
    return [path for path in contents.unclaimed(".srt", ".vtt") if _recording(contents, path)]


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make items of the cues of each file."""
    for path in metadata:
        audio = _recording(contents, path)
        assert audio  # `find` gave it
        try:
            cues = list(read_cues(contents.text(path)))
        except IngestError as error:
            builder.refuse(path, error)
            continue
        if not cues:
            builder.refuse(path, f"{path} has no times such as 00:00:01,000 --> 00:00:03,500; save it as SRT or WebVTT")
            continue
        builder.layout.metadata_files.append(path)
        for cue in cues:
            if cue.fault:
                builder.set_aside(f"{audio} ({path}:{cue.line})", ItemError("bad_times", cue.fault))
        good = [cue for cue in cues if not cue.fault and cue.text]
        for row in _rows(good, contents.limits.max_item_s, audio):
            builder.take(row, f"{path}:{row.line}", audio)


def read_cues(text: str) -> Iterator[Cue]:
    """The cues of a file, in its order; blocks without times are passed over."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0
    while at < len(lines):
        if lines[at].startswith(_NO_CUE):  # to the end of the block
            while at < len(lines) and lines[at].strip():
                at += 1
            continue
        if "-->" not in lines[at]:
            at += 1
            continue
        number, times = at + 1, lines[at]
        said: list[str] = []
        at += 1
        while at < len(lines) and lines[at].strip() and "-->" not in lines[at]:
            said.append(lines[at])
            at += 1
        # A file without blank lines: what stands before the next times is their number.
        if at < len(lines) and "-->" in lines[at] and said and said[-1].strip().isdigit():
            said.pop()
        yield _cue(number, times, " ".join(said))


def grouped(cues: Sequence[Cue], longest_s: float) -> list[list[Cue]]:
    """Cues that become one item each, in order of time."""
    groups: list[list[Cue]] = []
    end_s = 0.0
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s)):
        current = groups[-1] if groups else None
        overlaps = current is not None and cue.start_s < end_s
        fits = (
            current is not None
            and cue.end_s - current[0].start_s + _BEFORE_S + _AFTER_S <= longest_s
            and cue.start_s - end_s <= _LONGEST_PAUSE_S
            and cue.speaker == current[-1].speaker
        )
        if current is not None and (overlaps or fits):
            current.append(cue)
        else:
            groups.append([cue])
        end_s = max(end_s, cue.end_s)
    return groups


def _rows(cues: Sequence[Cue], longest_s: float, audio: str) -> Iterator[Row]:
    groups = grouped(cues, longest_s)
    ends = [max(cue.end_s for cue in group) for group in groups]
    for at, group in enumerate(groups):
        before_s = group[0].start_s - (ends[at - 1] if at else 0.0)
        after_s = groups[at + 1][0].start_s - ends[at] if at + 1 < len(groups) else math.inf
        start_s = group[0].start_s - min(_BEFORE_S, before_s / 2)
        end_s = ends[at] + min(_AFTER_S, after_s / 2)
        speaker = group[0].speaker if len({cue.speaker for cue in group}) == 1 else None
        text = clean_text(" ".join(cue.text for cue in group))
        yield Row(group[0].line, audio, text, speaker, None, None, round(start_s, 3), round(end_s - start_s, 3))


def _cue(number: int, times: str, said: str) -> Cue:
    match = _TIMES.fullmatch(times)
    named = _SPEAKER.search(said)
    speaker = clean_text(html.unescape(named[1])) or None if named else None
    text = clean_text(html.unescape(_TAG.sub(" ", said)))
    if not match:
        unknown = f"found {times.strip()[:80]!r}; allowed: 00:00:01,000 --> 00:00:03,500"
        return Cue(number, 0.0, 0.0, text, speaker, unknown)
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    fault = None if start_s < end_s else f"it goes from {start_s:g} s to {end_s:g} s; allowed: a start before the end"
    return Cue(number, start_s, end_s, text, speaker, fault)


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction}")


def _recording(contents: Contents, path: str) -> str | None:
    stem = path.rpartition(".")[0]
    found = contents.recording(stem)
    if found is None and "." in posixpath.basename(stem):  # talk.en.vtt
        found = contents.recording(stem.rpartition(".")[0])
    return found
