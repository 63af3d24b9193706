"""The training data of a run, from what is stored about a dataset."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.base import parse
from engine.config.training import SplitConfig
from engine.data.planning import Lengths
from engine.data.validation.statistics import sound_spreads
from services.estimates.amount import training_pool

WHOLE = SplitConfig(validation_fraction=0.0)


def count(examples: int, total: float, statistics: dict[str, Any], **split: Any) -> int:
    config = parse(SplitConfig, {"validation_fraction": 0.0} | split)
    [lengths] = training_pool(examples, total, statistics, config).lengths
    assert lengths.length == pytest.approx(total / examples)
    return lengths.count


def test_what_a_run_holds_out_is_not_trained_on() -> None:
    statistics = {"speakers": {"ann": 30, "bo": 50, "cy": 20}, "splits": {}}
    assert count(100, 200.0, statistics) == 90
    assert count(100, 200.0, statistics, validation_fraction=0.1) == 81
    assert count(100, 200.0, statistics, test_groups=["ann"]) == 70
    assert count(100, 200.0, statistics, test_groups=["ann"], validation_groups=["cy"]) == 50
    divided = {**statistics, "splits": {"train": 70, "validation": 10, "test": 20}}
    assert count(100, 200.0, divided, validation_fraction=0.5) == 70
    assert count(100, 200.0, {}) == 90


def test_a_dataset_of_test_examples_alone_is_divided_anew() -> None:
    assert count(100, 50.0, {"splits": {"test": 100}}) == 90
    assert count(100, 50.0, {"splits": {"test": 60, "train": 40}}) == 40


def test_targets_are_counted_for_each_example() -> None:
    assert training_pool(100, 50.0, {"captions": 500}, WHOLE).targets == 5.0
    assert training_pool(100, 50.0, {"captions": 0}, WHOLE).targets == 1.0


def test_lengths_have_the_distribution_that_was_stored() -> None:
    spread = sound_spreads(30.0)["duration"]
    durations_s = [1.0] * 600 + [20.0] * 400
    for duration_s in durations_s:
        spread.add(duration_s)
    histograms = [spread.histogram().model_dump()]
    statistics = {"shortest_s": 1.0, "longest_s": 20.0}
    pool = training_pool(1000, sum(durations_s), statistics, WHOLE, histograms)
    short = sum(each.count for each in pool.lengths if each.length < 2)
    assert (sum(each.count for each in pool.lengths), short) == (900, 540)
    assert sum(each.length * each.count for each in pool.lengths) == pytest.approx(0.9 * sum(durations_s), rel=0.01)
    # A report of other examples tells nothing about these.
    assert training_pool(999, 999.0, statistics, WHOLE, histograms).lengths == (Lengths(1.0, 899),)
