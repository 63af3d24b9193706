"""Turn probabilities of speech into spans of speech."""

from __future__ import annotations

import itertools

from engine.config.selection import SpeechActivityConfig
from engine.segments.segment import Span
from engine.segments.speech_activity import WINDOW_S, Probabilities


def speech_spans(prob_F: Probabilities, duration_s: float, config: SpeechActivityConfig) -> list[Span]:
    """Spans of speech, in order, without overlaps.

    Speech starts at `threshold` and ends once the probability is below `end_threshold` for `min_pause_s`. Spans shorter
    than `min_speech_s` are dropped.

    Args:
        prob_F: probability in each window of 32 ms.
        duration_s: length of the recording; the last window may extend past it.
        config: thresholds and minimum lengths.

    Source: `get_speech_timestamps` of silero-vad, without its padding.
    """
    spans: list[Span] = []
    start: int | None = None
    quiet_from: int | None = None
    for frame, probability in enumerate([*prob_F.tolist(), -1.0]):  # the end is quiet
        if start is None:
            if probability >= config.threshold:
                start, quiet_from = frame, None
            continue
        if probability >= config.threshold:
            quiet_from = None
        elif probability < config.end_threshold and quiet_from is None:
            quiet_from = frame
        is_last = frame == len(prob_F)
        if quiet_from is not None and (is_last or (frame + 1 - quiet_from) * WINDOW_S >= config.min_pause_s):
            span = Span(start * WINDOW_S, min(duration_s, quiet_from * WINDOW_S))
            if span.duration_s >= config.min_speech_s:
                spans.append(span)
            start = None
    return spans


def pauses(spans: list[Span]) -> list[Span]:
    """The pauses between spans of speech."""
    return [Span(before.end_s, after.start_s) for before, after in itertools.pairwise(spans)]


def speech_within(spans: list[Span], bounds: Span) -> list[Span]:
    """The parts of spans that lie inside bounds."""
    cut = [Span(max(s.start_s, bounds.start_s), min(s.end_s, bounds.end_s)) for s in spans]
    return [span for span in cut if span.duration_s > 0]
