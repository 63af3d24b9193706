"""Metrics as values: which of two is better, how one is shown, and which names there are."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.code import import_code
from engine.metrics.registry import METRICS, Better, Metric, MetricName, headline_first, metric_named

NAN = math.nan


@pytest.mark.parametrize(
    ("better", "value", "on", "improves"),
    [
        ("lower", 0.1, 0.2, True),
        ("lower", 0.2, 0.1, False),
        ("lower", 0.1, 0.1, False),
        ("higher", 0.2, 0.1, True),
        ("higher", 0.1, 0.2, False),
        ("higher", 0.1, 0.1, False),
        ("lower", 9.0, None, True),
        ("higher", -9.0, None, True),
        ("lower", 9.0, NAN, True),
        ("higher", -9.0, NAN, True),
        ("lower", NAN, 0.1, False),
        ("higher", NAN, 0.1, False),
        ("lower", NAN, None, False),
        ("higher", NAN, NAN, False),
        ("higher", math.inf, 1e300, True),
    ],
)
def test_a_value_improves_on_another_in_the_direction_of_its_metric(
    better: Better, value: float, on: float | None, improves: bool
) -> None:
    assert Metric("m", "M", "a metric", better).improves(value, on) is improves


def test_shares_are_shown_in_percent_and_scores_as_they_are() -> None:
    share, score = Metric("m", "M", "a share", "lower"), Metric("s", "S", "a score", "higher", "score")
    assert (share.shown(0.1234), share.shown(0.1234, 2), share.axis, share.scale) == ("12.3%", "12.34%", "M (%)", 100.0)
    assert (score.shown(0.1234), score.shown(31.4159, 2), score.axis, score.scale) == ("0.12", "31.416", "S", 1.0)


def test_every_metric_has_its_own_name_and_says_what_it_means() -> None:
    assert METRICS.keys() >= {"wer", "cer"}
    for name, metric in METRICS.items():
        assert metric_named(name) is metric
        assert metric.name == name and metric.title and metric.meaning


def test_a_metric_of_another_release_is_shown_as_a_number() -> None:
    unknown = metric_named("of_the_future")
    assert (unknown.title, unknown.shown(0.5)) == ("of_the_future", "0.50")


def test_the_primary_metric_comes_first_and_the_others_in_their_order() -> None:
    values = {"a": 1.0, "wer": 2.0, "cer": 3.0}
    assert [(metric.name, value) for metric, value in headline_first(values, "cer")] == [
        ("cer", 3.0),
        ("a", 1.0),
        ("wer", 2.0),
    ]
    assert [metric.name for metric, _ in headline_first(values, "none_of_them")] == ["a", "wer", "cer"]


def test_a_name_is_of_a_metric_that_there_is() -> None:
    names: TypeAdapter[Any] = TypeAdapter(MetricName)
    for name in ("primary", *METRICS):
        assert names.validate_python(name) == name
    assert names.json_schema()["enum"] == ["primary", *METRICS]
    with pytest.raises(ValidationError, match="no metric 'no_such'; there are wer, cer, .*and primary for the one"):
        names.validate_python("no_such")


def test_the_named_functions_exist() -> None:
    counted = {name: metric.code for name, metric in METRICS.items() if metric.code is not None}
    assert counted.keys() >= {"bleu", "cider", "accuracy"}
    assert all(callable(import_code(code)) for code in counted.values())
