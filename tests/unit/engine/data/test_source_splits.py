"""The splits that a dataset's author made: by a column, a metadata file's name, or a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.split_names import split_of_folders, split_of_name
from tests.unit.engine.data.sources import taken


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("data/train", "train"),
        ("test/ann/7", "test"),
        ("train/test", "test"),
        ("audio/train-clean-100/19", "train"),
        ("dev_other", "validation"),
        ("wav_eval", "test"),
        ("TestSet", "test"),
        ("Validation", "validation"),
        ("corpus/valid/x/y", "validation"),
        ("trainers", None),
        ("untrained", None),
        ("a hearing test of 1990", None),
        ("train_and_test", None),
        ("", None),
    ],
)
def test_folders_that_are_called_as_splits(folder: str, split: str | None) -> None:
    assert split_of_folders(folder) == split


def test_a_name_that_says_two_splits_says_none() -> None:
    assert split_of_name("train_dev") is None
    assert split_of_name("metadata_test") == "test"


@pytest.mark.parametrize("top", ["", "corpus/"])
@pytest.mark.parametrize(
    ("train", "test"), [("data/train", "data/test"), ("train/ann", "eval/bob"), ("wav/train-1", "wav/tst")]
)
def test_the_innermost_folder_counts_wherever_it_stands(tmp_path: Path, top: str, train: str, test: str) -> None:
    table = f"file_name,text\n{train}/a.wav,one\n{test}/b.wav,two\n"
    found, _ = taken(tmp_path, {f"{top}metadata.csv": table}, [f"{top}{train}/a.wav", f"{top}{test}/b.wav"])
    assert sorted(split or "" for *_, split in found) == ["test", "train"]


@pytest.mark.parametrize(
    "names", [("train.csv", "test.csv"), ("metadata_train.csv", "metadata_test.csv"), ("Train.tsv", "eval.tsv")]
)
def test_the_name_of_a_metadata_file_is_a_split(tmp_path: Path, names: tuple[str, str]) -> None:
    mark = "\t" if names[0].endswith("tsv") else ","
    metadata = {name: f"path{mark}text\nclips/{at}.wav{mark}said {at}\n" for at, name in enumerate(names)}
    found, report = taken(tmp_path, metadata, ["clips/0.wav", "clips/1.wav"])
    assert [(text, split) for _, text, _, split in found] == [("said 0", "train"), ("said 1", "test")]
    assert (report.layout, report.warnings) == ("audiofolder", [])


def test_a_list_of_everything_repeats_the_splits(tmp_path: Path) -> None:
    rows = [f"clips/{at}.wav,said {at}\n" for at in range(4)]
    metadata = {
        "all.csv": "path,text\n" + "".join(rows),
        "train.csv": "path,text\n" + "".join(rows[:2]),
        "test.csv": "path,text\n" + rows[2],
    }
    found, report = taken(tmp_path, metadata, [f"clips/{at}.wav" for at in range(4)])
    assert [(id, split) for id, _, _, split in found] == [
        ("clips.0", "train"), ("clips.1", "train"), ("clips.2", "test"), ("clips.3", None),
    ]  # fmt: skip
    assert report.set_aside == []
    assert report.warnings == ["all.csv repeats 3 rows of other files; they were taken once"]


def test_a_row_in_two_splits_is_named(tmp_path: Path) -> None:
    metadata = {"train.csv": "path,text\na.wav,one\n", "test.csv": "path,text\na.wav,one\nb.wav,two\n"}
    found, report = taken(tmp_path, metadata, ["a.wav", "b.wav"])
    assert [(id, split) for id, _, _, split in found] == [("a", "train"), ("b", "test")]
    assert "test.csv:2 names it again; the row train.csv:2 was kept" in report.set_aside[0].reason
    assert report.set_aside[0].reason.endswith("which is in the split train")


def test_the_column_comes_before_the_folder_and_a_conflict_is_said(tmp_path: Path) -> None:
    table = "file_name,text,subset\ntrain/a.wav,one,test\ntrain/b.wav,two,Training\ntrain/c.wav,three,\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, ["train/a.wav", "train/b.wav", "train/c.wav"])
    assert [split for *_, split in found] == ["test", "train", "train"]
    assert report.warnings == [
        "1 recordings are in the split test by the metadata, and in a folder that is called train; the metadata was followed"
    ]


def test_a_source_of_one_split_is_told(tmp_path: Path) -> None:
    _, report = taken(
        tmp_path, {"test/metadata.csv": "file,text\na.wav,one\nb.wav,two\n"}, ["test/a.wav", "test/b.wav"]
    )
    assert report.warnings == [
        "every item is in the split test, as the source says: a training divides them anew, and says so"
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"metadata.csv": "a|one two\nb|two one\nc|three one\n"},
        {"t.tsv": "a\tone\nb\ttwo\nc\tsix\n"},
        {"metadata.csv": "file,text\na.wav,one\nb.wav,two\nc.wav,three\n"},
    ],
)
def test_lists_of_splits_beside_any_metadata(tmp_path: Path, metadata: dict[str, str | bytes]) -> None:
    lists: dict[str, str | bytes] = {"train.txt": "a\n", "val.txt": "b", "testing_list.txt": "c.wav\n"}
    found, report = taken(tmp_path, metadata | lists, ["a.wav", "b.wav", "c.wav"])
    assert [split for *_, split in found] == ["train", "validation", "test"]
    assert report.set_aside == []


def test_a_column_comes_before_lists_of_splits(tmp_path: Path) -> None:
    table = "file,text,split\na.wav,one,test\nb.wav,two,\n"
    found, _ = taken(tmp_path, {"metadata.csv": table, "train.txt": "a\nb\n"}, ["a.wav", "b.wav"])
    assert [split for *_, split in found] == ["test", "train"]
