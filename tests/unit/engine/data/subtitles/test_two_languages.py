"""Subtitles that show each line in two languages of one script: a doubt that is said."""

from __future__ import annotations

from engine.data.subtitles.reading import read_subtitles
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


def test_two_languages_in_cues_of_the_same_times() -> None:
    cues = [
        f"00:00:0{at},000 --> 00:00:0{at + 1},000\n{line}\n"
        for at, pair in enumerate(GERMAN_AND_ENGLISH)
        for line in pair
    ]
    assert any("if they are in two languages" in warning for warning in read_subtitles("\n".join(cues), "srt").warnings)
    one = "\n".join(cues[::2])
    assert read_subtitles(one, "srt").warnings == []
    russian = [cue if at % 2 else f"{cue.splitlines()[0]}\nрека поднималась\n" for at, cue in enumerate(cues)]
    assert read_subtitles("\n".join(russian), "srt").scripts == ("Cyrillic", "Latin")
