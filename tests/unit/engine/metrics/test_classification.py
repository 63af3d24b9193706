"""Expected values: scikit-learn 1.9.1 with `zero_division=0`."""

from __future__ import annotations

import numpy as np
import pytest

from engine.metrics.classification import ClassScore, accuracy, class_scores, macro_f1, micro_f1

REFERENCES = ["dog", "dog", "dog", "cat", "cat", "bird", "rain", "dog"]
PREDICTIONS = ["dog", "cat", "dog", "cat", "cat", "bird", "wind", "dog"]
SETS = [{"dog", "rain"}, {"cat"}, {"dog", "cat"}, set(), {"rain"}, {"dog"}]
CHOSEN = [{"dog", "rain"}, {"cat"}, {"dog", "rain"}, {"dog"}, {"cat", "wind"}, set()]


def test_one_class_per_example() -> None:
    assert accuracy(REFERENCES, PREDICTIONS) == pytest.approx(0.75)
    assert macro_f1(REFERENCES, PREDICTIONS) == pytest.approx(0.5314285714285714)
    assert micro_f1(REFERENCES, PREDICTIONS) == pytest.approx(0.75)


def test_each_class_that_occurs_has_its_scores() -> None:
    scores = class_scores(REFERENCES, PREDICTIONS)
    assert list(scores) == ["bird", "cat", "dog", "rain", "wind"]
    assert [score.precision for score in scores.values()] == pytest.approx([1, 2 / 3, 1, 0, 0])
    assert [score.recall for score in scores.values()] == pytest.approx([1, 1, 0.75, 0, 0])
    assert [score.f1 for score in scores.values()] == pytest.approx([1, 0.8, 6 / 7, 0, 0])
    assert [score.support for score in scores.values()] == [1, 2, 4, 1, 0]
    assert [score.predicted for score in scores.values()] == [1, 3, 3, 0, 1]


def test_several_classes_per_example() -> None:
    assert accuracy(SETS, CHOSEN) == pytest.approx(1 / 3)
    assert micro_f1(SETS, CHOSEN) == pytest.approx(0.5333333333333333)
    assert macro_f1(SETS, CHOSEN) == pytest.approx(0.41666666666666663)


def test_a_class_that_nobody_names_does_not_count() -> None:
    assert macro_f1(["dog", "cat"], ["dog", "cat"]) == 1
    assert macro_f1(["dog", "dog"], ["dog", "dog"]) == 1
    assert macro_f1(["dog", "dog"], ["dog", "cat"]) == pytest.approx((2 / 3 + 0) / 2)


def test_no_class_at_all() -> None:
    nothing: list[set[str]] = [set(), set()]
    assert (accuracy(nothing, nothing), macro_f1(nothing, nothing), micro_f1(nothing, nothing)) == (1, 0, 0)
    assert ClassScore(right=0, support=0, predicted=0).f1 == 0


def test_a_class_is_the_set_of_this_class() -> None:
    assert class_scores(REFERENCES, PREDICTIONS) == class_scores([{r} for r in REFERENCES], [{p} for p in PREDICTIONS])
    assert accuracy(["dog"], [{"dog"}]) == 1
    assert accuracy(["dog"], [{"dog", "cat"}]) == 0


@pytest.mark.parametrize("score", [accuracy, macro_f1, micro_f1, class_scores])
def test_references_and_predictions_that_do_not_belong_together_are_refused(score: object) -> None:
    assert callable(score)
    with pytest.raises(ValueError, match="2 predictions for 1 references"):
        score(["dog"], ["dog", "cat"])
    with pytest.raises(ValueError, match="no examples to score"):
        score([], [])


def test_with_one_class_per_example_micro_f1_is_accuracy() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        references, predictions = generator.integers(5, size=(2, 20)).astype(str).tolist()
        assert micro_f1(references, predictions) == pytest.approx(accuracy(references, predictions))
        assert 0 <= macro_f1(references, predictions) <= 1
        assert macro_f1(predictions, references) == pytest.approx(macro_f1(references, predictions))
