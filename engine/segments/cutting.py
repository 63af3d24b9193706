"""Choose where to cut a recording that is too long for the model."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.data.example import TimedText
from engine.segments.segment import Span

_MIN_STEP_S = 1.0
"""Minimum distance between the previous cut and a cut at a pause, in spans without a text."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a recording with its text."""

    bounds: Span
    text: str
    parts: tuple[TimedText, ...] = ()
    """The parts of the text."""


def cut_silence(whole: Span, pauses: Sequence[Span], longest_s: float, min_share: float) -> list[Cut]:
    """Cut a span without a text at the longest pause in reach, or else at the maximum length.

    Args:
        whole: the span, in seconds of the recording.
        pauses: spans without speech, in order.
        longest_s: maximum length of a part.
        min_share: minimum length of a part before a pause, as a share of `longest_s`.
    """
    cuts: list[Cut] = []
    start_s = whole.start_s
    while whole.end_s - start_s > longest_s + 1e-9:
        latest_s = start_s + longest_s
        reachable = [
            (round(pause.duration_s, 6), middle_s)
            for pause in pauses
            if start_s + max(min_share * longest_s, min(_MIN_STEP_S, longest_s))
            <= (middle_s := (pause.start_s + pause.end_s) / 2)
            <= latest_s
        ]
        end_s = max(reachable)[1] if reachable else latest_s
        cuts.append(Cut(Span(start_s, end_s), ""))
        start_s = end_s
    cuts.append(Cut(Span(start_s, whole.end_s), ""))
    return cuts


def cut_text(
    whole: Span,
    times: Sequence[TimedText],
    pauses: Sequence[Span],
    longest_s: float,
    min_share: float,
    fits: Callable[[str], bool],
) -> list[Cut]:
    """Cut a recording between parts of its text, at the longest pause in reach.

    A cut lies in the middle of a pause between two parts of the text, or midway between their times if no pause was
    found; never inside a part. A part that does not fit by itself becomes a segment that is too long, which the caller
    drops.

    Args:
        whole: the span, in seconds of the recording.
        times: parts of the text, in order, in seconds of the recording.
        pauses: spans without speech, in order.
        longest_s: maximum length of a segment.
        min_share: among cuts at or after this share of `longest_s`, the longest pause wins; if there are none, the last
            cut that fits.
        fits: whether a text fits the model.
    """
    parts = _apart(times)
    # cut_at[i] lies before part i; the first and the last are the ends of the recording.
    cut_at = [whole.start_s]
    pause_s = [math.inf]
    for before, after in itertools.pairwise(parts):
        at_s, length_s = _between(before.end_s, after.start_s, pauses)
        cut_at.append(min(max(at_s, cut_at[-1]), whole.end_s))
        pause_s.append(length_s)
    cut_at.append(whole.end_s)
    pause_s.append(math.inf)

    cuts: list[Cut] = []
    first = 0
    while first < len(parts):
        latest_s = cut_at[first] + longest_s + 1e-9
        near = itertools.takewhile(lambda end: cut_at[end] <= latest_s, range(first + 1, len(parts) + 1))  # noqa: B023
        reachable = [end for end in near if fits(_joined(parts[first:end]))]
        if not reachable:
            end = first + 1
        elif reachable[-1] == len(parts):
            end = len(parts)
        else:
            late = [end for end in reachable if cut_at[end] - cut_at[first] >= min_share * longest_s]
            end = max(late, key=lambda e: (round(pause_s[e], 6), e)) if late else reachable[-1]
        chosen = tuple(parts[first:end])
        cuts.append(Cut(Span(cut_at[first], cut_at[end]), _joined(chosen), chosen))
        first = end
    return cuts


def _apart(times: Sequence[TimedText]) -> list[TimedText]:
    """Merge overlapping parts."""
    parts: list[TimedText] = []
    for part in times:
        if parts and part.start_s < parts[-1].end_s - 1e-6:
            last = parts[-1]
            parts[-1] = TimedText(last.start_s, max(last.end_s, part.end_s), _joined([last, part]))
        else:
            parts.append(part)
    return parts


def _between(end_s: float, start_s: float, pauses: Sequence[Span]) -> tuple[float, float]:
    """Time of the cut between two parts of a text, and the length of the pause there (0 without a pause)."""
    first = bisect.bisect_right(pauses, end_s, key=lambda pause: pause.end_s)
    near = itertools.takewhile(lambda pause: pause.start_s < start_s, pauses[first:])
    found = [Span(max(pause.start_s, end_s), min(pause.end_s, start_s)) for pause in near]
    if not found:
        return (end_s + start_s) / 2, 0.0
    longest = max(found, key=lambda pause: pause.duration_s)
    return (longest.start_s + longest.end_s) / 2, longest.duration_s


def _joined(parts: Sequence[TimedText]) -> str:
    return " ".join(text for part in parts if (text := part.text.strip()))
