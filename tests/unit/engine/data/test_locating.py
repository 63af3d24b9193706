"""Names of recordings as metadata has them: with folders or without, absolute, in another case, escaped, converted."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from engine.data.layouts.locating import Index, locate
from tests.unit.engine.data.sources import taken

FILES = ["wavs/a.wav", "wavs/B.WAV", "wavs/c d.flac", "wavs/ü.wav", "other/e.mp3", "other/sub/f.wav"]


def _found(*names: str, metadata: str = "metadata.csv", files: list[str] = FILES) -> list[str | None]:
    located = locate(names, metadata, Index(files))
    return [located.find(name) for name in names]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("wavs/a.wav", "wavs/a.wav"),
        ("./wavs/a.wav", "wavs/a.wav"),
        ("wavs\\a.wav", "wavs/a.wav"),
        ("wavs/a", "wavs/a.wav"),
        ("a", "wavs/a.wav"),
        ("a.wav", "wavs/a.wav"),
        ("a.WAV", "wavs/a.wav"),
        ("wavs/b.wav", "wavs/B.WAV"),
        ("b", "wavs/B.WAV"),
        ("wavs/c%20d.flac", "wavs/c d.flac"),
        ("c%20d", "wavs/c d.flac"),
        (unicodedata.normalize("NFD", "wavs/ü.wav"), "wavs/ü.wav"),
        ("wavs/%C3%BC.wav", "wavs/ü.wav"),
        ("e.wav", "other/e.mp3"),
        ("/home/me/data/wavs/a.wav", "wavs/a.wav"),
        ("C:\\data\\mine\\a.wav", "wavs/a.wav"),
        ("file:///data/a.wav", "wavs/a.wav"),
        ("sub/f.wav", "other/sub/f.wav"),
        ("a.txt", None),
        ("g.wav", None),
    ],
)
def test_a_name_by_itself(name: str, path: str | None) -> None:
    assert _found(name) == [path]


def test_absolute_names_without_a_folder_in_common() -> None:
    assert _found("/mnt/x/a.wav", "D:\\y\\f.wav") == ["wavs/a.wav", "other/sub/f.wav"]


def test_two_names_never_become_one_recording() -> None:
    assert _found("/data/x/1.wav", "/data/y/1.wav", files=["y/1.wav"]) == [None, "y/1.wav"]
    assert _found("x/1.wav", "y/1.wav", files=["z/1.wav"]) == [None, None]
    assert _found("x/1.wav", "z/2.wav", files=["z/2.wav", "z/1.wav"]) == [None, "z/2.wav"]


def test_a_name_that_several_recordings_have_is_none_and_they_are_named(tmp_path: Path) -> None:
    assert _found("1.wav", files=["x/1.wav", "y/1.wav"]) == [None]
    assert _found("A.wav", files=["a.wav", "A.WAV"]) == ["A.WAV"]
    table = "file,text\nx/2.wav,two\n1.wav,one\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, ["x/1.wav", "y/1.wav", "x/2.wav"])
    assert [text for _, text, _, _ in found] == ["two"]
    first = next(item for item in report.set_aside if item.path.startswith("1.wav"))
    assert first.reason == "metadata.csv:3 names it, and 2 recordings are called so: x/1.wav, y/1.wav"


@pytest.mark.parametrize("form", ["metadata.csv", "metadata.txt"])
@pytest.mark.parametrize(
    "name", ["LJ1", "LJ1.wav", "wavs/LJ1.wav", "./wavs/LJ1", "lj1", "/home/me/LJ/wavs/LJ1.wav", "wavs\\LJ1"]
)
@pytest.mark.parametrize("file", ["wavs/LJ1.wav", "wavs/LJ1.WAV"])
def test_every_layout_of_one_text_finds_its_recording(tmp_path: Path, form: str, name: str, file: str) -> None:
    table = f"{name}|nine five\n" if form == "metadata.txt" else f"file,text\n{name},nine five\n"
    found, report = taken(tmp_path, {form: table}, [file])
    assert found == [("wavs.LJ1", "nine five", None, None)] or found == [("LJ1", "nine five", None, None)]
    assert report.set_aside == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("1.wav", "001.wav"), ("1", "0001.flac"), ("1.0", "1.wav"), ("clips/007.0", "clips/7.wav"), ("0", "000.wav"),
        ("https://data.org/set/a%20b.wav?download=1", "a b.wav"), ("s3://bucket/x/clips/a.wav", "clips/a.wav"),
    ],
)  # fmt: skip
def test_numbers_of_spreadsheets_and_addresses_on_the_web(name: str, file: str) -> None:
    assert _found(name, files=[file]) == [file]


def test_a_number_that_two_recordings_have_is_none() -> None:
    assert _found("1.wav", files=["01.wav", "001.wav"]) == [None]
    assert _found("1.wav", "001.wav", files=["1.wav", "001.wav"]) == ["1.wav", "001.wav"]
    assert _found("10.wav", "1_0.wav", "v1.0.wav", files=["1.wav"]) == [None, None, None]


def test_names_in_another_case_are_told(tmp_path: Path) -> None:
    _, report = taken(tmp_path, {"metadata.csv": "file,text\nCLIPS/A.wav,one\n"}, ["clips/a.wav"])
    assert report.warnings == [
        "1 recordings have other names than in the metadata, in case, ending, escapes or number, and nothing else fits: "
        "clips/a.wav was taken for 'CLIPS/A.wav'"
    ]


def test_names_of_another_machine_are_told(tmp_path: Path) -> None:
    table = "file,text\n/home/me/one/a.wav,one\n/mnt/two/b.wav,two\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, ["clips/a.wav", "clips/b.wav"])
    assert len(found) == 2
    assert report.warnings == [
        "metadata.csv names 2 recordings in other folders than they are in; they were found by their names alone, such as "
        "clips/a.wav for '/home/me/one/a.wav'"
    ]


@pytest.mark.parametrize(
    "name", ["c1.mp3", "c1", "clips/c1.mp3", "/home/me/cv/clips/c1.mp3", "C:\\cv\\c1.mp3", "C1.MP3"]
)
@pytest.mark.parametrize("file", ["clips/c1.mp3", "clips/c1.wav", "audio/c1.flac"])
def test_clips_of_common_voice(tmp_path: Path, name: str, file: str) -> None:
    found, report = taken(tmp_path, {"test.tsv": f"client_id\tpath\tsentence\nann\t{name}\tnine five\n"}, [file])
    assert [(text, speaker, split) for _, text, speaker, split in found] == [("nine five", "ann", "test")]
    assert report.layout == "common_voice"
    assert report.set_aside == []
