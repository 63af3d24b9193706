"""Cuts: between words, at pauses, never too long, nothing lost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engine.data.example import TimedText
from engine.segments.cutting import cut_silence, cut_text
from engine.segments.segment import Span


def _anything(_: str) -> bool:
    return True


def _words(count: int, seed: int) -> tuple[list[TimedText], list[Span], float]:
    """Words with random lengths and gaps; a pause is found in the wider gaps only."""
    generator = np.random.default_rng(seed)
    at_s = 0.3
    words, pauses = [], []
    for number in range(count):
        end_s = at_s + generator.uniform(0.1, 0.6)
        words.append(TimedText(at_s, end_s, f"w{number}"))
        gap_s = generator.choice([0.0, 0.05, 0.3, 1.0])
        if gap_s > 0.1:
            pauses.append(Span(end_s + 0.02, end_s + gap_s - 0.02))
        at_s = end_s + gap_s
    return words, pauses, at_s + 0.2


@pytest.mark.parametrize("seed", range(5))
def test_segments_follow_each_other_fit_the_window_and_keep_every_word(seed: int) -> None:
    words, pauses, duration_s = _words(200, seed)
    cuts = cut_text(Span(0.0, duration_s), words, pauses, 8.0, 0.5, _anything)
    assert [w for cut in cuts for w in cut.text.split()] == [w.text for w in words]
    assert cuts[0].bounds.start_s == 0.0
    assert cuts[-1].bounds.end_s == duration_s
    for before, after in itertools.pairwise(cuts):
        assert before.bounds.end_s == after.bounds.start_s
    for cut in cuts:
        assert cut.bounds.duration_s <= 8.0 + 1e-9
        assert all(cut.bounds.start_s <= w.start_s and w.end_s <= cut.bounds.end_s for w in cut.parts)
    for cut in cuts[:-1]:  # no pause in the second half of its reach is longer than the one it ends in
        start_s, end_s = cut.bounds.start_s, cut.bounds.end_s
        reach = [p.duration_s for p in pauses if start_s + 4.0 <= (p.start_s + p.end_s) / 2 <= start_s + 8.0]
        its_own = max((p.duration_s for p in pauses if p.start_s < end_s < p.end_s), default=0.0)
        assert its_own >= max(reach, default=0.0) - 1e-6


def test_the_longest_pause_in_reach_wins_over_the_last_one() -> None:
    words = [TimedText(float(i), i + 0.9, str(i)) for i in range(12)]
    pauses = [Span(6.0 - 0.1, 6.0), Span(7.9, 8.0)]
    words[6] = TimedText(6.4, 6.9, "6")
    pauses[0] = Span(5.9, 6.4)
    cuts = cut_text(Span(0.0, 12.0), words, pauses, 9.0, 0.5, _anything)
    assert [cut.text for cut in cuts] == ["0 1 2 3 4 5", "6 7 8 9 10 11"]
    assert cuts[0].bounds.end_s == pytest.approx(6.15)


def test_a_text_that_the_model_does_not_take_is_cut_shorter() -> None:
    words = [TimedText(float(i), i + 0.5, f"w{i}") for i in range(10)]
    cuts = cut_text(Span(0.0, 10.0), words, [], 10.0, 0.5, lambda text: len(text.split()) <= 3)
    assert [len(cut.text.split()) for cut in cuts] == [3, 3, 3, 1]


def test_a_part_that_is_too_long_stands_alone_and_parts_that_overlap_are_one() -> None:
    times = [TimedText(0.0, 1.0, "a"), TimedText(0.5, 2.0, "b"), TimedText(3.0, 20.0, "c"), TimedText(21.0, 22.0, "d")]
    cuts = cut_text(Span(0.0, 22.0), times, [], 5.0, 0.5, _anything)
    assert [cut.text for cut in cuts] == ["a b", "c", "d"]
    assert cuts[1].bounds.duration_s > 5.0


def test_silence_is_cut_at_pauses_or_where_it_becomes_too_long() -> None:
    cuts = cut_silence(Span(1.0, 26.0), [Span(6.0, 7.0), Span(8.0, 8.2)], 10.0, 0.5)
    assert [(c.bounds.start_s, c.bounds.end_s) for c in cuts] == [(1.0, 6.5), (6.5, 16.5), (16.5, 26.0)]
    assert {c.text for c in cuts} == {""}
