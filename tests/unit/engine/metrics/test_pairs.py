"""What every metric of texts refuses to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from engine.metrics.answers import exact_match, token_f1
from engine.metrics.bleu import bleu
from engine.metrics.cider import cider_d
from engine.metrics.pairs import References
from engine.metrics.rouge_l import rouge_l

Score = Callable[[References, Sequence[str]], float]
SCORES: list[Score] = [bleu, rouge_l, cider_d, exact_match, token_f1]


@pytest.mark.parametrize("score", SCORES)
def test_references_and_predictions_that_do_not_belong_together_are_refused(score: Score) -> None:
    with pytest.raises(ValueError, match="1 predictions for 2 references"):
        score([["a"], ["b"]], ["a"])
    with pytest.raises(ValueError, match="no examples to score"):
        score([], [])
    with pytest.raises(ValueError, match="example 1 has no reference"):
        score([["a"], []], ["a", "b"])


@pytest.mark.parametrize("score", SCORES)
def test_a_text_is_not_taken_for_a_list_of_one_letter_references(score: Score) -> None:
    with pytest.raises(TypeError, match="example 0: the references are the text 'a dog', not a list of texts"):
        score(["a dog"], ["a dog"])
