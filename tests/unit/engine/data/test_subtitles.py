"""Long recordings with subtitles: their cues become items that fit a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio.reading import read_audio
from engine.data.layouts.subtitles import grouped
from engine.data.limits import IngestLimits
from engine.data.manifest import read_manifest
from engine.data.subtitles.reading import Cue, read_subtitles
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.audio.encoded import by_ffmpeg, tone
from tests.unit.engine.data.recordings import UNJUDGED, codes, folder_of, noise, reason, wav, zip_of

LIMITS = IngestLimits(max_item_s=6.0)
SRT = """\
1
00:00:01,000 --> 00:00:03,000
hello there

2
00:00:03,400 --> 00:00:05,000
my <i>friend</i>

3
00:00:05,100 --> 00:00:08,000
how are you

4
00:00:12,000 --> 00:00:14,500
{\\an8}fine,
thank you
"""


def _cue(start_s: float, end_s: float, speaker: str | None = None) -> Cue:
    return Cue(1, start_s, end_s, f"{start_s:g}", speaker)


@pytest.mark.parametrize("packed", [False, True])
def test_cues_become_items_with_their_part_of_the_audio(tmp_path: Path, packed: bool) -> None:
    samples = noise(1, 15.0)
    files = {"talks/a.wav": wav(samples), "talks/a.srt": SRT.encode()}
    source = zip_of(tmp_path / "s.zip", files) if packed else folder_of(tmp_path / "s", files)
    report = ingest(source, tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert (report.layout, report.metadata_files, report.set_aside) == ("subtitles", ["talks/a.srt"], [])
    found = {u.target.text: u for u in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    # Two cues fit into 6 s; half of a short pause, or up to 0.2 s before and 0.05 s after, is theirs.
    times = {"hello there my friend": (0.8, 5.05), "how are you": (5.05, 8.05), "fine, thank you": (11.8, 14.55)}
    assert found.keys() == times.keys()
    for text, (start_s, end_s) in times.items():
        u = found[text]
        kept = read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
        expected = samples[round(start_s * 16_000) : round(end_s * 16_000)]
        assert np.array_equal(kept * 32768, expected), text
    assert [u.id for u in found.values()] == ["a", "a-2", "a-3"]


def test_webvtt_with_speakers_notes_and_entities(tmp_path: Path) -> None:
    text = (
        "WEBVTT - an interview\n\nNOTE not said -->\nnot said\n\nSTYLE\n::cue { color: red }\n\n"
        "intro\n00:01.000 --> 00:02.000 align:start position:10%\n<v Ann>you &amp; <00:01.500>me\n\n"
        "00:02.100 --> 00:03.000\n<v.loud Bob Miller>yes\n"
    )
    files = {"a.flac": wav(noise(2, 4.0), format="FLAC"), "a.en.vtt": text.encode("utf-8-sig")}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert report.set_aside == []
    found = [(u.target.text, u.group) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    assert found == [("you & me", "Ann"), ("yes", "Bob Miller")]


def test_faults_are_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    srt = (
        "1\n00:00:01,000 --> 00:00:02,000\ngood\n\n2\n00:00:09,000 --> 00:00:08,000\nbackwards\n\n"
        "3\n1:2 --> soon\nnever\n\n4\n00:00:20,000 --> 00:00:22,000\nbeyond\n\n5\n00:00:03,000 --> 00:00:09,900\nlong\n"
    )
    files = {"a.wav": wav(noise(3, 10.0)), "a.srt": srt.encode(), "b.srt": SRT.encode(), "c.wav": wav(noise(4, 1.0))}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert codes(report) == {
        "a.wav (a.srt:6)": "bad_times",
        "a.wav (a.srt:10)": "bad_times",
        "a.wav (a.srt:14)": "bad_times",
        "a.wav (a.srt:18)": "too_long",
        "b.srt": "not_audio",
        "c.wav": "missing_text",
    }
    assert "it goes from 9 s to 8 s; allowed: a start before the end" in reason(report, "a.wav (a.srt:6)")
    assert "found '1:2 --> soon'; allowed: 00:00:01,000 --> 00:00:03,500" in reason(report, "a.wav (a.srt:10)")
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["good"]


def test_a_file_without_times_is_refused(tmp_path: Path) -> None:
    files = {"a.wav": wav(noise(3, 10.0)), "a.srt": b"hello\n\nthere\n"}
    with pytest.raises(IngestError, match=r"a\.srt has no times such as 00:00:01,000 --> 00:00:03,500"):
        ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS)


def test_a_file_of_sounds_alone_is_refused(tmp_path: Path) -> None:
    files = {"a.wav": wav(noise(3, 5.0)), "a.srt": _srt("[Music]", "(applause)")}
    with pytest.raises(IngestError, match=r"a\.srt has 2 cues, and in none of them anything is said"):
        ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS)


def test_cues_without_blank_lines_between_them() -> None:
    text = "1\r\n00:00:01.5 --> 00:00:02.25\r\nfour 4\r\n2\r\n00:00:03,000 --> 01:00:04,000\r\nfive\r\n"
    assert [(c.start_s, c.end_s, c.text, c.fault) for c in read_subtitles(text, "srt").cues] == [
        (1.5, 2.25, "four 4", None),
        (3.0, 3604.0, "five", None),
    ]


def test_groups_end_at_pauses_speakers_and_the_longest_length() -> None:
    cues = [_cue(0, 2), _cue(2, 4), _cue(4, 5.8), _cue(7.9, 8), _cue(8, 9, "Ann"), _cue(9, 10, "Ann")]
    assert [[c.start_s for c in group] for group in grouped(cues, 6.0)] == [[0, 2], [4], [7.9], [8, 9]]
    assert [[c.start_s for c in group] for group in grouped(cues, 30.0)] == [[0, 2, 4], [7.9], [8, 9]]


def test_cues_that_overlap_stay_together_in_any_order() -> None:
    cues = [_cue(5, 9, "Bob"), _cue(0, 5.5, "Ann"), _cue(9, 10, "Bob")]
    assert [[c.start_s for c in group] for group in grouped(cues, 6.0)] == [[0, 5], [9]]


def _srt(*texts: str) -> bytes:
    cues = [f"{n}\n00:00:{2 * n:02},000 --> 00:00:{2 * n + 1:02},900\n{text}\n" for n, text in enumerate(texts)]
    return "\n".join(cues).encode()


ENGLISH = _srt("the river rose all night", "and by the morning it was high")
GERMAN = _srt("der fluss stieg die ganze nacht", "und am morgen stand er hoch")
SAID = {
    "en": "the river rose all night and by the morning it was high",
    "de": "der fluss stieg die ganze nacht und am morgen stand er hoch",
}


def _vtt(srt: bytes) -> bytes:
    return b"WEBVTT\n\n" + srt.replace(b",000", b".000").replace(b",900", b".900")


@pytest.mark.parametrize(
    ("files", "language", "taken", "warning"),
    [
        ({"talk.de.srt": GERMAN, "talk.en.srt": ENGLISH}, "en", "talk.en.srt", "found talk.de.srt, talk.en.srt"),
        ({"talk.deu.srt": GERMAN, "talk.eng.srt": ENGLISH}, "de-AT", "talk.deu.srt", ""),
        ({"talk_German.srt": GERMAN, "talk_English.srt": ENGLISH}, "german", "talk_German.srt", ""),
        ({"talk.de.srt": GERMAN, "talk.srt": ENGLISH}, "en", "talk.srt", ""),
        ({"talk.de.srt": GERMAN, "talk.srt": ENGLISH}, None, "talk.srt", "its name has no language"),
        ({"talk.de.vtt": _vtt(GERMAN), "talk.en-orig.vtt": _vtt(ENGLISH)}, None, "talk.en-orig.vtt", "the original"),
        ({"talk.en.srt": ENGLISH, "talk.en.vtt": _vtt(ENGLISH)}, None, "talk.en.srt", "found talk.en.srt, talk.en.vtt"),
        ({"talk.en-GB.vtt": _vtt(ENGLISH), "talk.en.sdh.srt": ENGLISH}, None, "talk.en.sdh.srt", ""),
        ({"talk.en.srt": ENGLISH, "talk.de.forced.srt": GERMAN}, None, "talk.en.srt", ""),
        ({"talk.en.srt": ENGLISH, "talk.forced.srt": GERMAN}, None, "talk.en.srt", ""),
    ],
)
def test_of_several_subtitle_files_one_is_read_and_named(
    tmp_path: Path, files: dict[str, bytes], language: str | None, taken: str, warning: str
) -> None:
    source = folder_of(tmp_path / "s", {"talk.wav": wav(noise(5, 5.0)), **files})
    report = ingest(source, tmp_path / "out", LIMITS, validation=UNJUDGED, language=language)
    assert (report.metadata_files, report.set_aside) == ([taken], [])
    assert report.text_source == "subtitles beside each recording"
    assert [w for w in report.warnings if f"{taken} was read" in w and warning in w and all(f in w for f in files)]
    spoken = "de" if files[taken] in (GERMAN, _vtt(GERMAN)) else "en"
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == [SAID[spoken]]


def test_which_language_is_spoken_is_not_guessed(tmp_path: Path) -> None:
    files = {"talk.wav": wav(noise(5, 5.0)), "talk.de.srt": GERMAN, "talk.en.srt": ENGLISH}
    with pytest.raises(
        IngestError, match=r"talk.wav \(several_texts: found talk.de.srt, talk.en.srt, and it is unclear"
    ):
        ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    # The language that more recordings have than any other is the one that is spoken.
    files |= {"two.wav": wav(noise(6, 5.0)), "two.en.srt": _srt("another one", "of these")}
    report = ingest(folder_of(tmp_path / "t", files), tmp_path / "two", LIMITS, validation=UNJUDGED)
    assert report.metadata_files == ["talk.en.srt", "two.en.srt"]
    assert [w for w in report.warnings if "most recordings have subtitles in the language en" in w]
    with pytest.raises(IngestError, match="and none in the language fr"):
        ingest(folder_of(tmp_path / "t", files), tmp_path / "three", LIMITS, validation=UNJUDGED, language="fr")


def test_a_cue_that_lacks_words_takes_its_item_with_it_and_no_other(tmp_path: Path) -> None:
    files = {"a.wav": wav(noise(7, 9.0)), "a.srt": _srt("one", "two [inaudible]", "three", "four")}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert codes(report) == {"a.wav (a.srt:6)": "mismatched_text"}
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["one", "three four"]


def test_subtitles_of_a_kind_that_is_not_read_are_named(tmp_path: Path) -> None:
    files = {"7_ann_1.wav": wav(noise(8, 1.0)), "7_ann_1.ttml": b"<tt/>"}
    files |= {"talk.wav": wav(noise(9, 5.0)), "talk.srt": ENGLISH}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert codes(report) == {"7_ann_1.wav": "missing_text"}
    assert "its text is in 7_ann_1.ttml, a kind of subtitles that is not read; allowed: .srt, .vtt" in reason(
        report, "7_ann_1.wav"
    )


def test_a_film_with_subtitles(tmp_path: Path) -> None:
    """The parts are cut from the sound of the film, decoded once."""
    low, high = tone(2.0, 300), tone(3.0, 700)
    # Its channels cancel in the first two seconds.
    sound = np.stack([np.concatenate([low, high]), np.concatenate([-low, high])], axis=1)
    files = {"film.mp4": by_ffmpeg(sound, "mp4", "aac"), "film.en.vtt": _vtt(_srt("the river", "rose all night"))}
    report = ingest(
        folder_of(tmp_path / "s", files), tmp_path / "out", IngestLimits(max_item_s=2.5), validation=UNJUDGED
    )
    assert (report.set_aside, report.formats) == ([], {"MP4": 2})
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == [
        "the river",
        "rose all night",
    ]
    assert report.validation
    assert report.validation.findings_by_code["cancelling_channels"] == 1


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("audio/talk.wav", "subs/talk.en.srt", "subs/talk.de.srt"), "subs/talk.en.srt"),
        (("talk.wav", "en/talk.srt", "de/talk.srt"), "en/talk.srt"),
        (("talk/talk.wav", "talk/English/talk.srt", "talk/German/talk.srt"), "talk/English/talk.srt"),
    ],
)
def test_subtitles_in_folders_of_their_own(tmp_path: Path, names: tuple[str, str, str], taken: str) -> None:
    files = dict(zip(names, (wav(noise(5, 5.0)), ENGLISH, GERMAN), strict=True))
    source = folder_of(tmp_path / "s", files)
    report = ingest(source, tmp_path / "out", LIMITS, validation=UNJUDGED, language="en")
    assert (report.metadata_files, report.set_aside) == ([taken], [])
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == [SAID["en"]]
    with pytest.raises(IngestError, match="several_texts"):
        ingest(source, tmp_path / "two", LIMITS, validation=UNJUDGED)


def test_of_two_recordings_of_one_name_neither_is_taken_for_subtitles_elsewhere(tmp_path: Path) -> None:
    files = {
        "a/talk.wav": wav(noise(5, 5.0)),
        "b/talk.wav": wav(noise(6, 5.0)),
        "c/talk.srt": ENGLISH,
        "b/talk.srt": GERMAN,
    }
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert report.metadata_files == ["b/talk.srt"]
    assert codes(report) == {"a/talk.wav": "missing_text", "c/talk.srt": "not_audio"}


def test_two_languages_in_one_file_are_not_read_as_one(tmp_path: Path) -> None:
    both = _srt("река поднималась\nthe river rose", "всю ночь\nall night", "да")
    files = {
        "a.wav": wav(noise(5, 7.0)),
        "a.srt": both,
        "b.wav": wav(noise(6, 7.0)),
        "b.srt": _srt("это Windows\nда", "ja"),
    }
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert codes(report) == {"a.wav": "several_texts"}
    assert "a.srt shows its text in two languages, one below the other (Cyrillic and Latin letters)" in reason(
        report, "a.wav"
    )


def test_of_a_film_and_its_sound_the_sound_is_read(tmp_path: Path) -> None:
    files = {"talk.mp4": by_ffmpeg(tone(5.0, 300), "mp4", "aac"), "talk.wav": wav(noise(5, 5.0)), "talk.srt": ENGLISH}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", LIMITS, validation=UNJUDGED)
    assert (report.formats, codes(report)) == ({"WAV": 1}, {"talk.mp4": "missing_text"})
