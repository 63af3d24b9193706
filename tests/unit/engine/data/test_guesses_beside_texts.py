"""Texts that stand in files which do not say whose they are, and lines that say something twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import UNJUDGED, folder_of, noise, reason, wav

NAMES = ("ja_anna_1", "nein_anna_2", "gut_anna_3")
WAVS = {f"{name}.wav": wav(noise(at + 1)) for at, name in enumerate(NAMES)}


def _texts(tmp_path: Path, files: dict[str, str]) -> tuple[list[str], IngestReport]:
    source = folder_of(tmp_path / "source", {**WAVS, **{name: text.encode() for name, text in files.items()}})
    report = ingest(source, tmp_path / "out", validation=UNJUDGED)
    return [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")], report


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"prompts.txt": "one\ntwo\n\nthree\n"},
            "prompts.txt has as many lines as there are recordings, and does not name",
        ),
        (
            {f"texts/{at}.txt": f"text {at}" for at in (1, 2, 3)},
            "there are as many .txt files as recordings, under other names",
        ),
        (
            {f"text_{at}.lab": f"text {at}" for at in (1, 2, 3)},
            "there are as many .lab files as recordings, under other names",
        ),
    ],
)
def test_beside_as_many_texts_no_name_is_believed(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(IngestError) as raised:
        _texts(tmp_path, files)
    assert message in str(raised.value)
    assert "the first lines are" in str(raised.value)


def test_a_readme_of_as_many_lines_is_no_list(tmp_path: Path) -> None:
    texts, _ = _texts(tmp_path, {"README.txt": "Words\nof Anna\n2024\n", "LICENSE": "a\nb\nc\n"})
    assert texts == ["gut", "ja", "nein"]


def test_numbers_in_names_are_left_as_they_are_and_shown(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "source", {**WAVS, "42_anna_4.wav": wav(noise(9))})
    report = ingest(source, tmp_path / "out", validation=UNJUDGED, language="de")
    assert "42" in [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    assert report.warnings[-1].startswith(
        "numbers in 1 file names were left as they are, because a number may be spoken in many ways: 42_anna_4.wav;"
    )


def test_the_sounds_of_a_text_in_latin_letters_are_no_part_of_it(tmp_path: Path) -> None:
    """As THCHS-30 has it."""
    files = {f"{name}.wav.trn": "绿 是 阳春\nlv4 shi4 yang2 chun1\nl v4 sh ix4\n" for name in NAMES}
    texts, report = _texts(tmp_path, files)
    assert texts == ["绿 是 阳春"] * 3
    assert report.warnings[0].startswith("3 text files have lines in Latin letters below a text in another script")
    mixed, _ = _texts(tmp_path / "mixed", {f"{NAMES[0]}.txt": "это\nслово window\n"})
    assert mixed == ["это слово window"]


@pytest.mark.parametrize(
    "text",
    [
        "ORT\t\t00:00:00.000\t00:00:02.241\tja gut\nORT\t\t00:00:02.641\t00:00:04.495\tnein\n",
        "[00:00.000 --> 00:04.000]  ja gut\n",
        "00:00:01 Anna: ja gut\n00:00:04 Eva: nein\n",
        "Anna  0:00\nja gut\nEva  0:04\nnein\n",
        "[0:12] ja gut\n[0:15] nein\n",
    ],
)
def test_texts_with_times_are_no_text(tmp_path: Path, text: str) -> None:
    """Of ELAN, of whisper as it prints, of meetings."""
    texts, report = _texts(tmp_path, {f"{NAMES[0]}.txt": text, f"{NAMES[1]}.txt": "um 12:30 Uhr in 3:45.2"})
    assert texts == ["um 12:30 Uhr in 3:45.2"]
    assert "subtitles (.srt, .vtt), or a metadata.csv with the columns" in reason(report, "ja_anna_1.wav")


def test_the_name_of_a_recording_above_its_text_is_no_text(tmp_path: Path) -> None:
    files = {f"{NAMES[0]}.txt": "ja_anna_1.wav\nja gut\n", f"{NAMES[1]}.txt": "nein_anna_2\n", f"{NAMES[2]}.txt": "gut"}
    texts, _ = _texts(tmp_path, files)
    assert sorted(texts) == ["gut", "ja gut", "nein_anna_2"]


def test_as_many_lines_as_recordings_without_a_last_line_end(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"prompts.txt has as many lines as there are recordings"):
        _texts(tmp_path, {"prompts.txt": "one\ntwo\nthree"})


def test_labels_with_times_are_no_text(tmp_path: Path) -> None:
    """Label tracks of Audacity."""
    files = {
        f"{NAMES[0]}.txt": "0.000000\t0.300000\tja\n",
        f"{NAMES[1]}.txt": "nein",
        f"{NAMES[2]}.txt": "20 30 people",
    }
    texts, report = _texts(tmp_path, files)
    assert sorted(texts) == ["20 30 people", "nein"]
    assert "holds labels with times ('0.000000\\t0.300000\\tja', ...)" in reason(report, "ja_anna_1.wav")


def test_two_columns_of_the_same_text_in_a_list(tmp_path: Path) -> None:
    lines = "".join(f"/data/{name}.wav|Well, yes {at}.|well yes {at}\n" for at, name in enumerate(NAMES))
    texts, _ = _texts(tmp_path, {"filelist.txt": lines})
    assert sorted(texts) == ["Well, yes 0.", "Well, yes 1.", "Well, yes 2."]


def test_numbers_of_speakers_are_not_said(tmp_path: Path) -> None:
    files = {f"{NAMES[0]}.txt": "Speaker 1: ja\nSPEAKER_02: gut\n", f"{NAMES[1]}.txt": "the speaker 1 is loud"}
    texts, _ = _texts(tmp_path, files)
    assert sorted(texts) == ["ja gut", "the speaker 1 is loud"]
