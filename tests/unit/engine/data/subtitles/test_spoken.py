"""What of a caption is said."""

from __future__ import annotations

import pytest

from engine.data.subtitles.reading import Subtitles, read_subtitles


def _read(*texts: str) -> Subtitles:
    cues = [f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\n{text}\n" for n, text in enumerate(texts, start=1)]
    return read_subtitles("\n".join(cues), "srt")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("<i>my</i> friend", "my friend"),
        ('<font color="#ffff00">my</font> fri<b>en</b>d', "my friend"),
        ("{\\an8}{\\i1}my{\\i0} friend", "my friend"),
        ("{y:i}my friend", "my friend"),
        ("my<br/>friend", "my friend"),
        ("my &amp; friend&nbsp;&gt;", "my & friend >"),
        ("if a < b and c > d", "if a < b and c > d"),
        (">> my friend", "my friend"),
        ("&gt;&gt;&gt; my friend. &gt;&gt; yes", "my friend. yes"),
        ("- my friend?\n- yes", "my friend? yes"),
        ("-my friend?\n–Yes", "my friend? Yes"),
        ("-5 degrees", "-5 degrees"),
        ("well-known", "well-known"),
        ("♪ my friend ♪", "my friend"),
        ("[Music] my friend [APPLAUSE]", "my friend"),
        ("[door\nopens] my friend", "my friend"),
        ("(laughs)\nmy friend", "my friend"),
        ("(LAUGHS) my friend", "my friend"),
        ("my friend (and I mean it) left", "my friend (and I mean it) left"),
        ("（田中）今日はいい天気", "今日はいい天気"),
        ("今日は（たぶん）いい天気", "今日は（たぶん）いい天気"),
        ("*sighs*\nmy friend", "my friend"),
        ("JOHN: my friend", "my friend"),
        ("it is 10:30 now: go", "it is 10:30 now: go"),
        ("Remember: my friend", "Remember: my friend"),
    ],
)
def test_what_is_said(shown: str, text: str) -> None:
    assert [cue.text for cue in _read(shown, "and more of the words").cues] == [text, "and more of the words"]


@pytest.mark.parametrize("shown", ["[Music]", "♪♪", "(applause)", "- [door closes]\n- (JOHN COUGHS)", ">>", "..."])
def test_cues_in_which_nothing_is_said(shown: str) -> None:
    assert [cue.text for cue in _read("before", shown, "behind").cues] == ["before", "behind"]


def test_what_was_left_out_is_told() -> None:
    found = _read("[Music]", "JOHN: yes", "[Music] no (COUGHS)", "♪ and so on ♪")
    assert found.warnings == [
        "3 descriptions of sounds ([Music], (COUGHS)) left out",
        "1 name (JOHN) of speakers before a colon left out of the text",
        "1 cues are sung; signs of music left out, and words kept",
    ]


def test_speakers_before_a_colon() -> None:
    found = _read("John: hello there", "Mary: hello John", "well: it is late", "John: it is", "Mary:\nso go")
    assert [(cue.text, cue.speaker) for cue in found.cues] == [
        ("hello there", "John"),
        ("hello John", "Mary"),
        ("well: it is late", None),
        ("it is", "John"),
        ("so go", "Mary"),
    ]
    assert [(c.text, c.speaker) for c in _read("Speaker 1: yes").cues] == [("yes", "Speaker 1")]
    assert [(c.text, c.speaker) for c in _read("JOHN: yes\nMARY: no").cues] == [("yes no", None)]


def test_names_before_every_cue_are_speakers_however_few_they_are() -> None:
    """As Zoom writes them."""
    found = _read("Ann Mill: hello there", "[Music]", "Ann Mill: it is late")
    assert [(c.text, c.speaker) for c in found.cues] == [("hello there", "Ann Mill"), ("it is late", "Ann Mill")]
    found = _read("Ann: hello there", "Ben: it is late\nso go")
    assert [(c.text, c.speaker) for c in found.cues] == [("hello there", "Ann"), ("it is late so go", "Ben")]
    assert [(c.text, c.speaker) for c in _read("Remember: it is late").cues] == [("Remember: it is late", None)]


def test_names_in_brackets_and_behind_descriptions() -> None:
    found = _read(
        "[Ann]: hello there", "[Ben]: hello", "[Ann]: it is", "[laughs] BEN: so go", "(sighs) JOHN: no", "yes"
    )
    assert [(cue.text, cue.speaker) for cue in found.cues[:2]] == [("hello there", "Ann"), ("hello", "Ben")]
    assert [(cue.text, cue.speaker) for cue in found.cues[3:]] == [("so go", "BEN"), ("no", "JOHN"), ("yes", None)]
    assert found.warnings[0] == "2 descriptions of sounds ([laughs], (sighs)) left out"


def test_a_file_in_capitals_has_no_names_by_that_alone() -> None:
    found = _read("NOW LISTEN: IT IS LATE", "WE GO HOME")
    assert [(cue.text, cue.speaker) for cue in found.cues] == [("NOW LISTEN: IT IS LATE", None), ("WE GO HOME", None)]


@pytest.mark.parametrize(
    "shown",
    [
        "he said [inaudible] to me",
        "he said [house?] to me",
        "what the [ __ ] is that",
        "[speaking foreign language] yes",
    ],
)
def test_a_cue_that_lacks_words_says_so(shown: str) -> None:
    assert [cue.missing is not None for cue in _read("before", shown, "behind").cues] == [False, True, False]


def test_voices_of_webvtt() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>you &amp; <00:01.500>me</v>\n\n00:02.100 --> 00:03.000\n<v.loud Bob>yes <v Ann>no\n"
    assert [(c.text, c.speaker) for c in read_subtitles(text, "vtt").cues] == [("you & me", "Ann"), ("yes no", None)]
