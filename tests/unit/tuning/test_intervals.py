"""Intervals against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.studies.intervals import Errors, corpus_wer, holm, paired_difference


def _errors(rates: dict[int, float], words: int = 200) -> Errors:
    return {
        seed: {"ann": (round(rate * words), words), "bob": (round(rate * words), words)} for seed, rate in rates.items()
    }


def test_a_difference_that_every_seed_shows() -> None:
    ours, theirs = _errors(dict.fromkeys(range(14), 0.1)), _errors(dict.fromkeys(range(14), 0.15))
    assert corpus_wer(ours) == pytest.approx(0.10)
    found = paired_difference(ours, theirs, draws=500)
    assert (found.estimate, found.low, found.high) == pytest.approx((-0.05, -0.05, -0.05))
    assert found.p == pytest.approx(2 / 501)
    assert found.seeds == 14


def test_seeds_are_paired() -> None:
    """Seeds differ by far more than the arms do."""
    level = {s: float(np.random.default_rng(s).uniform(0.1, 0.5)) for s in range(14)}
    found = paired_difference(_errors(level), _errors({s: v + 0.02 for s, v in level.items()}), draws=500)
    assert -0.025 < found.low <= found.high < -0.015


def test_without_a_difference_the_interval_covers_zero_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        arms = [
            {s: {k: (int(generator.binomial(200, 0.1)), 200) for k in ("ann", "bob")} for s in range(14)}
            for _ in range(2)
        ]
        found = paired_difference(*arms, draws=100)
        covered += found.low <= 0 <= found.high
    assert 32 <= covered <= 40


def test_a_margin_counts_against_the_other_arm() -> None:
    ours, theirs = _errors(dict.fromkeys(range(5), 0.104), 1000), _errors(dict.fromkeys(range(5), 0.1), 1000)
    assert paired_difference(ours, theirs, draws=100).low > 0
    assert paired_difference(ours, theirs, draws=100, margin=0.05).high < 0


def test_only_shared_seeds_on_the_same_words_are_compared() -> None:
    assert paired_difference(_errors({0: 0.1, 1: 0.2}), _errors({1: 0.1, 2: 0.2}), draws=100).seeds == 1
    with pytest.raises(ValueError, match="no seed in common"):
        paired_difference(_errors({0: 0.1}), _errors({1: 0.1}))
    with pytest.raises(ValueError, match="other words in seed 0"):
        paired_difference(_errors({0: 0.1}), _errors({0: 0.1}, words=100))


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
