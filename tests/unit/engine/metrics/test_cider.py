"""Expected values: `Cider().compute_score` of pycocoevalcap 1.2 (module cider), on texts with spaces between tokens."""

from __future__ import annotations

import pytest

from engine.metrics.cider import cider_d, cider_d_scores

REFERENCES = [
    [
        "a dog barks while birds sing in the distance",
        "a dog is barking and birds are chirping",
        "birds sing and a dog barks",
    ],
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


def test_the_reference_implementations_values() -> None:
    scores = cider_d_scores(REFERENCES, PREDICTIONS)
    assert scores == pytest.approx([3.367969121680017, 4.209359517886077, 0.6011302431904968, 10.0])
    assert cider_d(REFERENCES, PREDICTIONS) == pytest.approx(4.544614720689148)


def test_empty_short_and_repetitive_captions() -> None:
    scores = cider_d_scores(REFERENCES, ["", "dog", "the the the", "honks"])
    assert scores == pytest.approx([0, 0, 0.007723340775515141, 1.1104229863070842])
    assert cider_d_scores([[""], ["a dog barks", ""]], ["", "a dog barks"]) == pytest.approx([0, 3.75])


def test_captions_with_several_references_score_below_10() -> None:
    firsts = [texts[0] for texts in REFERENCES]
    scores = cider_d_scores(REFERENCES, firsts)
    assert scores == pytest.approx([4.967348699182931, 5.426485503847383, 5.348808782104467, 10.0])
    assert cider_d([[text] for text in firsts], firsts) == pytest.approx(10)


def test_characters_of_scripts_without_spaces_are_tokens() -> None:
    references = [["一只狗在叫", "狗叫了两声。"], ["雨落在屋顶上"], ["一个人在说话", "有人说话"]]
    scores = cider_d_scores(references, ["一只狗叫了", "雨在下", "一个人在说话！"])
    assert scores == pytest.approx([3.9963933268905327, 0.6976750600527643, 6.177419304512118])


def test_n_grams_of_every_example_weigh_nothing() -> None:
    assert cider_d([["a dog barks loudly"]], ["a dog barks loudly"]) == 0
    assert cider_d([["a dog barks loudly"]] * 2, ["a dog barks loudly"] * 2) == 0


def test_the_order_of_examples_and_references_changes_nothing() -> None:
    scores = cider_d_scores(REFERENCES, PREDICTIONS)
    assert cider_d_scores(REFERENCES[::-1], PREDICTIONS[::-1]) == pytest.approx(scores[::-1])
    assert cider_d_scores([texts[::-1] for texts in REFERENCES], PREDICTIONS) == pytest.approx(scores)


def test_the_normaliser_is_the_callers() -> None:
    references, predictions = [["A Dog Barks Loudly"], ["rain falls on roofs"]], ["a dog barks loudly", "x"]
    assert cider_d_scores(references, predictions) == pytest.approx([10, 0])
    assert cider_d_scores(references, predictions, str.strip) == [0, 0]
