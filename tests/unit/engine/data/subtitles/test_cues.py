"""What stands in a subtitle file belongs to a cue, wherever its writer put blank lines and numbers."""

from __future__ import annotations

import pytest

from engine.data.subtitles.reading import read_subtitles

WANTED = [(0.3, 2.0, "so the first thing we need"), (2.25, 4.0, "is a bowl"), (4.25, 5.5, "42")]
NUMBERED = """\
1
00:00:00,300 --> 00:00:02,000
so the first

thing we need

2
00:00:02,250 --> 00:00:04,000
is a bowl

3
00:00:04,250 --> 00:00:05,500
42

"""
PLAIN = [
    "00:00:00,300 --> 00:00:02,000\nso the first\nthing we need\n",
    "00:00:02,250 --> 00:00:04,000\nis a bowl\n",
    "00:00:04,250 --> 00:00:05,500\n42\n",
]


def _found(text: str, ending: str = "srt") -> list[tuple[float, float, str]]:
    found = read_subtitles(text, ending)
    assert [cue.fault for cue in found.cues] == [None] * len(found.cues)
    return [(cue.start_s, cue.end_s, cue.text) for cue in found.cues]


@pytest.mark.parametrize(
    "text",
    [
        NUMBERED,
        NUMBERED.replace("\n", "\r\n"),
        NUMBERED.replace("\n", "\r"),
        NUMBERED.replace("\n", "\r\r\n"),
        NUMBERED.replace("\n", "\n\n"),
        NUMBERED.replace("\n\n", "\n"),
        NUMBERED.replace("first\n\n", "first\n \n\n\u00a0\n"),
        "\ufeff" + NUMBERED.rstrip("\n"),
        NUMBERED.replace("\n2\n", "\n17\n"),
        NUMBERED.replace(",", "."),
        NUMBERED.replace("02,000\nso the", "02,000 so the"),
        NUMBERED.replace("-->", "->"),
        NUMBERED.replace(" --> ", " → "),
        NUMBERED.replace("00:00:0", "0:0:"),
        NUMBERED.replace("00:00:", "00: 00: "),
        NUMBERED.replace("00:02,000", "00:02,000  X1:63 X2:223 Y1:43 Y2:58"),
        "\n".join(PLAIN),
        "".join(PLAIN),
        "WEBVTT\n\n" + "\n".join(PLAIN).replace(",", ".").replace("00:00:", "00:"),
        "WEBVTT\n\nNOTE\nnot said\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:a\n\n"
        + "\n".join(PLAIN).replace(",", "."),
        "WEBVTT\n\n" + "\n".join(f"scene {i}\n{cue}" for i, cue in enumerate(PLAIN)).replace("first\n", "first\n\n"),
    ],
)
def test_every_spelling_of_a_file_gives_its_cues(text: str) -> None:
    assert _found(text, "vtt" if text.startswith("WEBVTT") else "srt") == WANTED


def test_other_formats() -> None:
    sbv = "0:00:00.300,0:00:02.000\nso the first\nthing we need\n\n0:00:02.250,0:00:04.000\nis a bowl\n\n0:00:04.250,0:00:05.500\n42\n"
    assert _found(sbv, "sbv") == WANTED
    ass = (
        "[Script Info]\nTitle: talk\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not said\n"
        "Dialogue: 0,0:00:02.25,0:00:04.00,Default,,0,0,0,,is {\\i1}a{\\i0} bowl\n"
        "Dialogue: 0,0:00:00.30,0:00:02.00,Default,,0,0,0,,so the first\\Nthing we need\n"
        "Dialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}\n"
        "Dialogue: 0,0:00:04.25,0:00:05.50,Default,Ann,0,0,0,,42\n"
    )
    assert _found(ass, "ass") == WANTED
    assert [cue.speaker for cue in read_subtitles(ass, "ass").cues] == [None, None, "Ann"]


def test_hours_beyond_99_and_the_language_in_the_header() -> None:
    found = read_subtitles("WEBVTT\nKind: captions\nLanguage: de-DE\n\n100:00:00.000 --> 100:00:01.000\nspät\n", "vtt")
    assert [(cue.start_s, cue.text) for cue in found.cues] == [(360_000.0, "spät")]
    assert found.language == "de-DE"


def test_times_that_cannot_be_read_are_named() -> None:
    found = read_subtitles(
        "1\n1:2 --> soon\nnever\n\n2\n00:00:03,000 --> 00:00:02,000\nback\n\nA --> B is an arrow\n", "srt"
    )
    assert [(cue.line, cue.fault) for cue in found.cues] == [
        (2, "found '1:2 --> soon'; allowed: 00:00:01,000 --> 00:00:03,500"),
        (6, "it goes from 3 s to 2 s; allowed: a start before the end"),
    ]
    arrow = read_subtitles("1\n00:00:01,000 --> 00:00:02,000\nA --> B is an arrow\n", "srt")
    assert [cue.text for cue in arrow.cues] == ["A --> B is an arrow"]


def test_a_time_below_zero_is_no_text() -> None:
    found = read_subtitles("1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n-00:00:01,000 --> 00:00:04,000\ntwo\n", "srt")
    assert [(cue.text, cue.fault is None) for cue in found.cues] == [("one", True), ("", False)]


def test_a_name_in_the_middle_of_a_vtt_file_is_shown() -> None:
    text = "WEBVTT\n\n" + "\n".join(PLAIN).replace(",", ".").replace("bowl\n\n", "bowl\n\nof water\n")
    found = read_subtitles(text, "vtt")
    assert [cue.text for cue in found.cues] == ["so the first thing we need", "is a bowl", "42"]
    assert found.warnings == [
        "1 of 3 cues have a name, such as 'of water' in line 10; names are not said, and were left out"
    ]
