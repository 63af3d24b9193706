"""One person under one name: numbers that programs made floats, and spellings that only look alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.speakers import same_speakers
from tests.unit.engine.data.sources import taken


@pytest.mark.parametrize(
    ("names", "renamed"),
    [
        (["1", "2", "1.0", "3.0"], {"1.0": "1", "3.0": "3"}),
        (["1.0", "2.0"], {"1.0": "1", "2.0": "2"}),
        (["01", "02", "1.0"], {"1.0": "01"}),
        (["01", "1", "1.0"], {"1.0": "1"}),
        (["01", "001", "1.0"], {"1.0": "1"}),
        (["1,0", "2", "1"], {"1,0": "1"}),
        (["1.0", "1.5"], {}),
        (["1,000", "1"], {}),
        (["1,0", "1,5"], {}),
        (["v1.0", "v2.0"], {}),
        (["01", "1"], {}),
        (["ann\u200b", "ann"], {"ann\u200b": "ann"}),
        (["\ufeffann", "ann"], {"\ufeffann": "ann"}),
        (["Ann", "ann"], {}),
    ],
)
def test_what_is_one_speaker(names: list[str], renamed: dict[str, str]) -> None:
    assert same_speakers(names)[0] == renamed


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["Ann", "ann", "bob"], "'Ann', 'ann'"),
        (["01", "1"], "'01', '1'"),
        (["spk 1", "spk_1"], "'spk 1', 'spk_1'"),
        (["spk1", "SPK01"], "'SPK01', 'spk1'"),
        (["1", "１"], "'1', '１'"),
    ],
)
def test_names_that_look_alike_are_told(names: list[str], alike: str) -> None:
    renamed, warnings = same_speakers(names)
    assert (renamed, len(warnings)) == ({}, 1)
    assert warnings[0].startswith(f"the speakers {alike} may be one person; they were kept apart")


def test_composed_and_decomposed_letters_and_blanks_are_one_name(tmp_path: Path) -> None:
    table = "file,text,speaker\na.wav,one,Zoe\u0308 \nb.wav,two,Zo\u00eb\nc.wav,three,\u00a0Zo\u00eb\n"
    found, report = taken(tmp_path, {"metadata.csv": table}, ["a.wav", "b.wav", "c.wav"])
    assert {speaker for *_, speaker, _ in found} == {"Zo\u00eb"}
    assert report.warnings == []


@pytest.mark.parametrize(
    ("name", "line"), [("csv", "file,text,speaker\n{},x,{}\n"), ("jsonl", '{{"file":"{}","text":"x","speaker":{}}}\n')]
)
def test_a_speaker_in_two_splits_is_found_behind_its_spellings(tmp_path: Path, name: str, line: str) -> None:
    metadata = {
        f"train/metadata.{name}": line.format("a.wav", "7"),
        f"test/metadata.{name}": line.format("b.wav", "7.0"),
    }
    found, report = taken(tmp_path, metadata, ["train/a.wav", "test/b.wav"])
    assert {(speaker, split) for *_, speaker, split in found} == {("7", "train"), ("7", "test")}
    assert report.validation is not None
    assert report.validation.findings_by_code["leakage"] == 1
