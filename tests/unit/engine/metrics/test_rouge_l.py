"""Expected values: `RougeScorer(["rougeL"], use_stemmer=False).score_multi` of rouge-score 0.1.2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engine.metrics.rouge_l import common_subsequence_length, rouge_l, rouge_l_scores

REFERENCES = [
    ["a dog barks while birds sing in the distance", "a dog is barking and birds are chirping"],
    ["rain falls on a metal roof", "heavy rain is falling on a roof with thunder in the distance"],
    ["a man is speaking while a car passes by", "a man speaks and then a car drives past him on the road"],
    ["a car horn honks twice"],
]
PREDICTIONS = [
    "a dog barks and birds sing",
    "rain is falling on a metal roof",
    "a woman is speaking while music plays in the distance in the distance",
    "a car horn honks twice",
]


def test_the_reference_that_fits_best_counts() -> None:
    scores = rouge_l_scores(REFERENCES, PREDICTIONS)
    assert scores == pytest.approx([0.6666666666666667, 0.7692307692307692, 0.3636363636363637, 1.0])
    assert rouge_l(REFERENCES, PREDICTIONS) == pytest.approx(sum(scores) / 4)


@pytest.mark.parametrize(
    ("prediction", "value"),
    [
        ("police kill the gunman", 0.75),
        ("the gunman kill police", 0.5),
        ("the gunman police killed", 0.5),
        ("police killed the gunman at once and fled", 2 * 4 / (4 + 8)),
        ("police", 2 * 1 / (4 + 1)),
        ("Police killed the gunman!", 1.0),
        ("nothing", 0.0),
    ],
)
def test_words_count_in_their_order(prediction: str, value: float) -> None:
    """The first three are from Lin 2004, section 3.1."""
    assert rouge_l([["police killed the gunman"]], [prediction]) == pytest.approx(value)


def test_empty_texts_score_nothing() -> None:
    assert rouge_l_scores([["", "a"], [""], ["a dog"], ["?!"]], ["", "", "", "a dog"]) == [0, 0, 0, 0]
    assert rouge_l([["", "a dog"]], ["a dog"]) == 1


@pytest.mark.parametrize(
    ("reference", "prediction", "value"),
    [
        ("今天天气很好", "今天天气真好。", 2 * 5 / 12),
        ("今天 天气 很好", "今天天气很好", 1.0),
        ("मैं स्कूल जाता हूँ", "मैं स्कूल जाती हूँ", 0.75),
        ("собака лает громко", "Собака громко лает.", 2 / 3),
    ],
)
def test_every_script_has_tokens(reference: str, prediction: str, value: float) -> None:
    assert rouge_l([[reference]], [prediction]) == pytest.approx(value)


def test_the_normaliser_is_the_callers() -> None:
    assert rouge_l([["A Dog"]], ["a dog"], str.strip) == 0
    assert rouge_l([["A Dog"]], ["a dog"], str.lower) == 1


def test_the_longest_common_subsequence_is_that_of_the_table() -> None:
    generator = np.random.default_rng(0)
    for _ in range(300):
        first, second = (
            [str(token) for token in generator.integers(generator.integers(1, 6), size=generator.integers(0, 40))]
            for _ in range(2)
        )
        assert common_subsequence_length(first, second) == length_by_table(first, second)


def length_by_table(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for a in first:
        before = row
        row = [0]
        for j, b in enumerate(second):
            row.append(before[j] + 1 if a == b else max(before[j + 1], row[j]))
    return row[-1]
