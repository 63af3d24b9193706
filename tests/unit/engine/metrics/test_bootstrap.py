from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.metrics.bootstrap import interval, interval_of


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    found = interval(values.tolist(), draws=4000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    covered = {0.95: 0, 0.5: 0}
    for seed in range(300):
        values = generator.normal(1.0, 1.0, size=60).tolist()
        for confidence in covered:
            found = interval(values, seed=seed, draws=300, confidence=confidence)
            covered[confidence] += found.low <= 1.0 <= found.high
    assert 0.90 < covered[0.95] / 300 < 0.98
    assert 0.42 < covered[0.5] / 300 < 0.58


def test_a_ratio_of_sums_is_weighted() -> None:
    errors, words = [1.0, 0.0, 5.0, 0.0], [2.0, 4.0, 10.0, 0.0]
    found = interval(errors, words)
    assert found.estimate == pytest.approx(6 / 16)
    assert 0 <= found.low < 6 / 16 < found.high <= 0.5


def test_draws_without_any_weight_are_left_out() -> None:
    found = interval([1.0, 0.0], [4.0, 0.0])
    assert (found.estimate, found.low, found.high) == (0.25, 0.25, 0.25)


def test_examples_of_a_group_are_drawn_together() -> None:
    """Speakers of 50 equal utterances: the interval is that of the 8 speakers, wider than that of 400 utterances."""
    by_speaker = np.random.default_rng(3).normal(size=8)
    values = np.repeat(by_speaker, 50).tolist()
    speakers = np.repeat([*"abcdefgh"], 50).tolist()
    grouped, speakers_only, ungrouped = (
        interval(values, groups=speakers),
        interval(by_speaker.tolist()),
        interval(values),
    )
    assert (grouped.low, grouped.high) == pytest.approx((speakers_only.low, speakers_only.high))
    assert grouped.high - grouped.low > 4 * (ungrouped.high - ungrouped.low)


def test_the_seed_decides_the_draws() -> None:
    values = np.random.default_rng(4).normal(size=30).tolist()
    assert interval(values, seed=5) == interval(values, seed=5)
    assert interval(values, seed=5) != interval(values, seed=6)


def test_any_metric_is_computed_anew_for_each_draw() -> None:
    values = np.random.default_rng(7).normal(size=40)
    groups = [i // 4 for i in range(40)]

    def mean(drawn_D: NDArray[np.int64]) -> float:
        return float(values[drawn_D].mean())

    for each in (None, groups):
        found = interval_of(mean, 40, groups=each, seed=8, draws=500)
        expected = interval(values.tolist(), groups=each, seed=8, draws=500)
        assert (found.estimate, found.low, found.high) == pytest.approx(
            (expected.estimate, expected.low, expected.high)
        )


def test_a_draw_is_made_of_whole_groups() -> None:
    drawn: list[list[int]] = []

    def metric(drawn_D: NDArray[np.int64]) -> float:
        drawn.append(drawn_D.tolist())
        return float(len(drawn_D))

    found = interval_of(metric, 5, groups=["a", "b", "a", "b", "b"], draws=50)
    assert (found.estimate, found.low, found.high) == (5, 4, 6)
    assert drawn[-1] == [0, 1, 2, 3, 4]
    assert {tuple(each) for each in drawn[:-1]} == {(0, 2, 0, 2), (0, 2, 1, 3, 4), (1, 3, 4, 0, 2), (1, 3, 4, 1, 3, 4)}


def test_what_has_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least two examples"):
        interval([1.0])
    with pytest.raises(ValueError, match="needs at least two examples"):
        interval([])
    with pytest.raises(ValueError, match="needs at least two groups"):
        interval([1.0, 2.0], groups=["a", "a"])
    with pytest.raises(ValueError, match="1 groups for 2 examples"):
        interval_of(lambda drawn_D: 0.0, 2, groups=["a"])
    with pytest.raises(ValueError, match="1 weights for 2 values"):
        interval([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="not finite"):
        interval([1.0, math.nan])
    for weights in ([0.0, 0.0], [2.0, -1.0]):
        with pytest.raises(ValueError, match="weights must not be negative"):
            interval([1.0, 2.0], weights)
