"""Which transcripts repeat themselves."""

from __future__ import annotations

import pytest
import torch

from engine.families.whisper.repetition import StopsRepeating, repeats

WORDS = list(range(100, 400))


@pytest.mark.parametrize(
    "ids",
    [
        [5] * 48,
        WORDS[:30] + [5, 6] * 24,
        WORDS[:7] + WORDS[50:100] * 4,
        [1, 1, 2] * 16,
    ],
    ids=["one token", "two after good ones", "a long sentence", "a piece with a double"],
)
def test_a_piece_over_and_over_at_the_end(ids: list[int]) -> None:
    assert repeats(ids)
    assert not repeats([*ids, 999]), "it went on: the repetition is over"


@pytest.mark.parametrize(
    "ids",
    [[], [5], [5] * 20, WORDS, [5, 6, 7] * 10, WORDS[:60] * 3],
    ids=["nothing", "a token", "a word twenty times", "a text", "ten times three words", "a minute three times"],
)
def test_what_people_say_is_none(ids: list[int]) -> None:
    assert not repeats(ids)


def test_a_search_ends_only_the_rows_that_repeat() -> None:
    rows = torch.tensor([[9, 9, *([5] * 48)], [9, 9, *WORDS[:48]]])
    assert StopsRepeating(2)(rows, None).tolist() == [True, False]
    assert StopsRepeating(2)(rows[:, :-1], None).tolist() == [False, False], "it looks at every eighth token"
