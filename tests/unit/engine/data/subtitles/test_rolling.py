"""Captions that roll: each line once, and nothing that was said twice is lost."""

from __future__ import annotations

from engine.data.subtitles.reading import read_subtitles

LINES = ["so the first thing we need", "is a bowl of warm water", "and then we add the salt", "no", "no", "not yet"]
WHOLE = " ".join(LINES)


def _stamp(seconds: float) -> str:
    return f"00:{int(seconds) // 60:02}:{seconds % 60:06.3f}"


def _automatic(times_in_words: bool = True) -> str:
    """As YouTube writes them: the line before and the new one, then for 10 ms the new one alone."""
    text = "WEBVTT\nKind: captions\nLanguage: en\n"
    before = " "
    for number, line in enumerate(LINES):
        start = 2.0 * number
        words = line.split()
        timed = words[0] + "".join(f"<{_stamp(start + 0.1 * i)}><c> {word}</c>" for i, word in enumerate(words[1:], 1))
        new = timed if times_in_words else line
        text += f"\n{_stamp(start)} --> {_stamp(start + 1.99)} align:start position:0%\n{before}\n{new}\n"
        text += f"\n{_stamp(start + 1.99)} --> {_stamp(start + 2)} align:start position:0%\n{line}\n \n"
        before = line
    return text


def _said(text: str, ending: str) -> str:
    return " ".join(cue.text for cue in read_subtitles(text, ending).cues)


def test_automatic_captions() -> None:
    assert _said(_automatic(), "vtt") == WHOLE
    found = read_subtitles(_automatic(), "vtt")
    assert [cue.start_s for cue in found.cues] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert found.warnings[0].startswith("its captions roll: 11 of 12 cues show lines of the cue before again")


def test_subrip_made_from_automatic_captions() -> None:
    text = _automatic(times_in_words=False).replace("WEBVTT\nKind: captions\nLanguage: en\n", "")
    for number, part in enumerate(text.split("\n\n"), start=1):
        assert "-->" in part
        text = text.replace(
            part.strip("\n"), f"{number}\n" + part.strip("\n").replace(" align:start position:0%", ""), 1
        )
    assert _said(text.replace(".", ","), "srt") == WHOLE


def test_one_text_with_one_word_after_the_other_marked() -> None:
    """As Whisper writes it with `--highlight_words True`."""
    shown = [
        "<u>so</u> it begins",
        "so it begins",
        "so <u>it</u> begins",
        "so it <u>begins</u>",
        "<u>yes</u>",
        "yes",
        "yes",
    ]
    cues = [f"{n}\n{_stamp(n)} --> {_stamp(n + 1)}\n{text}\n" for n, text in enumerate(shown)]
    found = read_subtitles("\n".join(cues).replace(".", ","), "srt")
    assert [(cue.text, cue.start_s, cue.end_s) for cue in found.cues] == [
        ("so it begins", 0.0, 4.0),
        ("yes", 4.0, 6.0),
        ("yes", 6.0, 7.0),
    ]
    assert found.warnings == ["4 cues show a cue again with another word marked; each text was taken once"]
    italics = "1\n00:00:01,000 --> 00:00:02,000\n<i>no</i>\n\n2\n00:00:02,000 --> 00:00:03,000\nno\n"
    assert _said(italics, "srt") == "no no"


def test_two_lines_of_which_one_is_old() -> None:
    pairs = zip(["", *LINES[:-1]], LINES, strict=True)
    cues = [
        f"{n}\n{_stamp(2 * n)} --> {_stamp(2 * n + 3.5)}\n{before}\n{line}\n" for n, (before, line) in enumerate(pairs)
    ]
    found = read_subtitles("\n".join(cues).replace(".", ","), "srt")
    assert " ".join(cue.text for cue in found.cues) == WHOLE
    # The times of display overlap, so each cue ends where the next begins, or all would be one item.
    assert [cue.end_s for cue in found.cues][:2] == [2.0, 4.0]


def test_captions_that_grow_by_a_word() -> None:
    words = ["we", "moved", "the", "boats", "up", "the", "bank"]
    cues = [f"{_stamp(n)} --> {_stamp(n + 1)}\n{' '.join(words[: n + 1])}\n" for n in range(len(words))]
    assert _said("WEBVTT\n\n" + "\n".join(cues), "vtt") == "we moved the boats up the bank"


def test_captions_without_blanks_between_words_roll_too() -> None:
    lines = ["我们需要的第一件", "东西是一碗温水", "然后我们加盐"]
    cues = [
        f"{_stamp(n)} --> {_stamp(n + 1)}\n" + "\n".join(lines[max(0, n - 1) : n + 1]) + "\n" for n in range(len(lines))
    ]
    assert _said("WEBVTT\n\n" + "\n".join(cues), "vtt") == " ".join(lines)


def test_what_is_said_twice_stays() -> None:
    song = ["la la la la", "la la la la", "and the river", "and the river", "runs away"]
    cues = [f"{n}\n{_stamp(2 * n)} --> {_stamp(2 * n + 1.9)}\n{line}\n" for n, line in enumerate(song)]
    text = "\n".join(cues).replace(".", ",")
    assert _said(text, "srt") == " ".join(song)
    assert read_subtitles(text, "srt").warnings == []
    talk = ["to the", "the house we go", "go now", "now", "and rest"]  # one word each is shared by chance
    cues = [f"{n}\n{_stamp(2 * n)} --> {_stamp(2 * n + 1.9)}\n{line}\n" for n, line in enumerate(talk)]
    assert _said("\n".join(cues).replace(".", ","), "srt") == " ".join(talk)


def test_a_line_that_one_cue_repeats_is_shown() -> None:
    lines = ["one two three", "one two three\nfour", "five six", "seven", "eight", "nine ten"]
    cues = [f"{n}\n{_stamp(2 * n)} --> {_stamp(2 * n + 1.9)}\n{line}\n" for n, line in enumerate(lines)]
    found = read_subtitles("\n".join(cues).replace(".", ","), "srt")
    assert [cue.text for cue in found.cues][:2] == ["one two three", "one two three four"]
    assert found.warnings == ["1 of 6 cues show a line of the cue before again; they were left as they are"]


def test_live_captions_that_get_their_marks_late() -> None:
    shown = ["so we moved", "so we moved the boats", "So we moved the boats up.", "then it", "then it rained"]
    cues = [f"{_stamp(n)} --> {_stamp(n + 1)}\n{line}\n" for n, line in enumerate(shown)]
    assert _said("WEBVTT\n\n" + "\n".join(cues), "vtt") == "so we moved the boats up. then it rained"


def test_three_lines_of_which_two_are_old_and_lines_that_pile_up() -> None:
    rolling = [LINES[max(0, n - 2) : n + 1] for n in range(3)]
    piling = [LINES[:1], LINES[:2], LINES[2:3], LINES[2:4]]
    for shown, said in ((rolling, LINES[:3]), (piling, LINES[:4])):
        cues = [f"{n}\n{_stamp(2 * n)} --> {_stamp(2 * n + 2)}\n" + "\n".join(s) + "\n" for n, s in enumerate(shown)]
        assert _said("\n".join(cues).replace(".", ","), "srt") == " ".join(said)


def test_a_cue_that_stands_twice_is_taken_once() -> None:
    cue = f"1\n{_stamp(1)} --> {_stamp(2)}\nthe river\n"
    found = read_subtitles(f"{cue}\n{cue}".replace(".", ","), "srt")
    assert [c.text for c in found.cues] == ["the river"]
    assert found.warnings == ["1 cues are duplicates, with the same times and text; one of each was kept"]


def test_one_word_above_another_is_no_rolling() -> None:
    cues = [f"{_stamp(2 * n)} --> {_stamp(2 * n + 1)}\n{s}\n" for n, s in enumerate(["is it so\nno", "no\nnot at all"])]
    assert _said("WEBVTT\n\n" + "\n".join(cues), "vtt") == "is it so no no not at all"
