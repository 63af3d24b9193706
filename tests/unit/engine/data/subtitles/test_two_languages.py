"""Subtitles that show each line in two languages of one script: a doubt that is said."""

from __future__ import annotations

from engine.data.subtitles.two_languages import may_be_two_languages

GERMAN_AND_ENGLISH = [
    ("der fluss stieg", "the river rose"),
    ("die ganze nacht", "the whole night"),
    ("am morgen stand er", "in the morning it stood"),
]


def test_each_cue_has_its_line_twice() -> None:
    assert may_be_two_languages(GERMAN_AND_ENGLISH)
    assert may_be_two_languages([*GERMAN_AND_ENGLISH, ()])


def test_lines_of_one_language_share_words_and_not_every_cue_has_two() -> None:
    assert not may_be_two_languages([*GERMAN_AND_ENGLISH, ("the boats", "we pulled ashore")])
    assert not may_be_two_languages([*GERMAN_AND_ENGLISH, ("die boote",)])
    assert not may_be_two_languages(GERMAN_AND_ENGLISH[:2])
