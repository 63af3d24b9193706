"""Expected values of SQuAD: torchmetrics 1.9.0's `squad`, which is SQuAD's evaluate-v1.1.py."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest

from engine.metrics.answers import exact_match, exact_matches, token_f1, token_f1_scores

REFERENCES = [
    ["the Eiffel Tower", "Eiffel tower in Paris"],
    ["two dogs"],
    ["in 1984"],
    ["a violin"],
    ["rain rain go away"],
]
PREDICTIONS = ["The eiffel tower, Paris", "two dogs", "1984", "drums", "rain go"]


def without_articles(text: str) -> str:
    """SQuAD's normalisation."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept)


def test_squads_values() -> None:
    assert token_f1_scores(REFERENCES, PREDICTIONS, without_articles) == pytest.approx([6 / 7, 1, 2 / 3, 0, 2 / 3])
    assert token_f1(REFERENCES, PREDICTIONS, without_articles) == pytest.approx(0.638095, abs=1e-6)
    assert exact_matches(REFERENCES, PREDICTIONS, without_articles) == [False, True, False, False, False]
    assert exact_match(REFERENCES, PREDICTIONS, without_articles) == pytest.approx(0.2)


def test_any_reference_may_match_after_normalisation() -> None:
    references = [["Paris", "the city of Paris"], ["a dog", "dog"], ["Seven", "7"]]
    assert exact_matches(references, ["The City of paris!", "a cat", "7."]) == [True, False, True]
    assert exact_matches(references, ["The City of paris!", "dog", "7."], str) == [False, True, False]
    assert exact_match(references, ["The City of paris!", "a cat", "7."]) == pytest.approx(2 / 3)


def test_an_empty_answer_is_right_where_there_is_none() -> None:
    references, predictions = [[""], ["?"], [""], ["a dog"], ["a dog", ""]], ["", "", "a dog", "", ""]
    assert exact_matches(references, predictions) == [True, True, False, False, True]
    assert token_f1_scores(references, predictions) == [1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("reference", "prediction", "matches", "f1"),
    [
        ("北京 大学", "北京大学。", True, 1.0),
        ("北京大学", "北京", False, 2 * 2 / 6),
        ("埃菲尔铁塔", "Eiffel", False, 0.0),
        ("Москва", "москва", True, 1.0),
        ("सात", "सातवाँ", False, 0.0),
        ("قطة سوداء", "سوداء", False, 2 / 3),
    ],
)
def test_every_script_has_tokens(reference: str, prediction: str, matches: bool, f1: float) -> None:
    assert exact_matches([[reference]], [prediction]) == [matches]
    assert token_f1([[reference]], [prediction]) == pytest.approx(f1)


def test_f1_ignores_order_and_is_1_exactly_for_the_same_words() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        first, second = ([str(token) for token in generator.integers(4, size=generator.integers(0, 6))] for _ in "ab")
        value = token_f1([[" ".join(first)]], [" ".join(second)])
        assert 0 <= value <= 1
        assert (value == 1) == (sorted(first) == sorted(second))
        assert value == token_f1([[" ".join(second)]], [" ".join(first[::-1])])
