"""Expected values: scikit-learn 1.9.1's `average_precision_score`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics.multi_label import average_precision, classes_above, mean_average_precision

CLASSES = ["dog", "cat", "rain", "wind"]
SETS = [{"dog", "rain"}, {"cat"}, {"dog", "cat"}, set(), {"rain"}, {"dog"}]
SCORES = [
    [0.9, 0.2, 0.6, 0.1],
    [0.4, 0.8, 0.3, 0.2],
    [0.6, 0.4, 0.7, 0.1],
    [0.6, 0.1, 0.2, 0.3],
    [0.1, 0.55, 0.4, 0.6],
    [0.3, 0.4, 0.1, 0.0],
]


def test_classes_above_the_threshold() -> None:
    chosen = [{"dog", "rain"}, {"cat"}, {"dog", "rain"}, {"dog"}, {"cat", "wind"}, set()]
    assert classes_above(SCORES, CLASSES) == chosen
    logits = np.log(np.maximum(SCORES, 1e-9)) - np.log1p(-np.array(SCORES))
    assert classes_above(logits, CLASSES, threshold=0.0) == chosen
    assert classes_above([[0.5, 0.75]], ["a", "b"], threshold=0.5) == [{"b"}]
    assert classes_above([[0.5, 0.75]], ["a", "b"], threshold=0.8) == [set()]


def test_mean_average_precision_is_of_the_classes_that_occur() -> None:
    each = [0.7555555555555555, 0.75, 0.5833333333333333]
    assert mean_average_precision(SETS, SCORES, CLASSES) == pytest.approx(sum(each) / 3)
    assert mean_average_precision([{"wind"}, set()], [[0, 0, 0, 2], [9, 9, 9, 1]], CLASSES) == 1


@pytest.mark.parametrize(
    ("has", "scores", "value"),
    [
        ([1, 0, 1, 0, 1], [0.5, 0.5, 0.5, 0.2, 0.2], 0.6444444444444444),
        ([0, 1, 1, 1, 0], [0.2, 0.5, 0.2, 0.5, 0.5], 0.6444444444444444),
        ([0, 1], [1, 1], 0.5),
        ([1, 0], [1, 1], 0.5),
        ([0, 0, 1], [3, 2, 1], 1 / 3),
        ([1, 1], [0, 1], 1.0),
        ([1], [-4], 1.0),
        ([1, 0, 0], [-math.inf, -math.inf, 0], 1 / 3),
    ],
)
def test_examples_of_equal_score_are_taken_together(has: list[int], scores: list[float], value: float) -> None:
    assert average_precision(np.array(has, dtype=bool), np.array(scores, dtype=float)) == pytest.approx(value)


def test_only_the_order_of_scores_counts() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        scores = generator.integers(6, size=(12, 4)).astype(float)
        sets = [{name for name in CLASSES if generator.random() < 0.4} for _ in range(11)] + [set(CLASSES)]
        value = mean_average_precision(sets, scores, CLASSES)
        order = generator.permutation(12)
        shuffled = mean_average_precision([sets[i] for i in order], np.exp(scores[order]), CLASSES)
        assert shuffled == pytest.approx(value)
        assert 0 < value <= 1


def test_scores_that_do_not_belong_to_the_references_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores of shape \(2, 1\), expected \(examples, 2\)"):
        mean_average_precision([{"a"}, {"b"}], [[1], [2]], ["a", "b"])
    with pytest.raises(ValueError, match=r"scores of shape \(1,\)"):
        classes_above([1], ["a"])
    with pytest.raises(ValueError, match="1 predictions for 2 references"):
        mean_average_precision([{"a"}, {"b"}], [[1, 2]], ["a", "b"])
    with pytest.raises(ValueError, match="some scores are not a number"):
        mean_average_precision([{"a"}], [[math.nan]], ["a"])
    with pytest.raises(ValueError, match="example 1 has the class 'c', which has no scores"):
        mean_average_precision([{"a"}, {"c"}], [[1, 2], [1, 2]], ["a", "b"])
    with pytest.raises(ValueError, match="no example has a class"):
        mean_average_precision([set(), set()], [[1], [2]], ["a"])
