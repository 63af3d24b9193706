from __future__ import annotations

import pytest

from engine.evaluation.text import normalize_basic
from engine.evaluation.word_errors import count_errors


def test_word_and_character_errors_are_counted_over_the_corpus() -> None:
    counts = count_errors(["one two three", "four"], ["one too three", "four five"])
    assert (counts.word_errors, counts.words) == (2, 4)
    assert counts.wer == pytest.approx(0.5)
    assert counts.characters == 17
    assert counts.character_errors == 6


def test_words_in_silence_are_insertions() -> None:
    counts = count_errors(["", "one"], ["hello there", "one"])
    assert (counts.word_errors, counts.words) == (2, 1)
    assert count_errors([""], [""]).wer == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seven.", "seven"),
        ("  And so, my fellow AMERICANS!  ", "and so my fellow americans"),
        ("don\u2019t 'quote' me", "don't quote me"),
        ("ﬁve_six\tseven", "five six seven"),
        ("Stra\u00dfe", "strasse"),
        ("?!", ""),
    ],
)
def test_basic_normalisation(text: str, expected: str) -> None:
    assert normalize_basic(text) == expected
