"""Captions of recordings: columns, several columns or rows, text files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.manifest import read_examples
from engine.errors import IngestError
from tests.unit.engine.data.recordings import codes, jsonl, noise, wav
from tests.unit.engine.data.targets import CAPTIONED, found, made, sounds, targets

TWO = ("1.wav", "2.wav")


def _table(header: str, *rows: str) -> dict[str, bytes]:
    return {"metadata.csv": "\n".join([header, *rows, ""]).encode()}


@pytest.mark.parametrize("column", ["caption", "Captions", "description", "title", "text", "audio_caption", "描述"])
def test_columns_of_captions_have_many_names(tmp_path: Path, column: str) -> None:
    report = made(tmp_path, sounds(*TWO) | _table(f"file_name,{column}", "1.wav,a dog barks", "2.wav,rain"), CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks", "2": "rain"}
    assert (report.target, report.captions) == ("captions", 2)


def test_a_caption_is_preferred_to_a_title(tmp_path: Path) -> None:
    rows = ("1.wav,dogs.wav,a dog barks", "2.wav,rain2,rain falls")
    report = made(tmp_path, sounds(*TWO) | _table("file_name,title,caption", *rows), CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks", "2": "rain falls"}
    assert report.columns_ignored == ["title"]


def test_numbered_columns_are_captions_of_one_recording(tmp_path: Path) -> None:
    """As in Clotho."""
    header = "file_name," + ",".join(f"caption_{number}" for number in (2, 1, 3))
    made(tmp_path, sounds(*TWO) | _table(header, "1.wav,second,first,third", "2.wav,,only one,"), CAPTIONED)
    assert targets(tmp_path) == {"1": "first\nsecond\nthird", "2": "only one"}


def test_rows_of_one_file_are_captions_of_one_recording(tmp_path: Path) -> None:
    """As in AudioCaps, with the place in the film that the file was cut from."""
    header = "audiocap_id,file_name,start_time,caption"
    rows = ("5,1,130,a dog barks", "6,2,30,rain falls", "7,1,130,an animal makes noise")
    report = made(tmp_path, sounds(*TWO) | {"test.csv": "\n".join([header, *rows]).encode()}, CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks\nan animal makes noise", "2": "rain falls"}
    assert not report.set_aside
    assert any("the times (start_time) were not read" in warning for warning in report.warnings)


def test_lists_of_captions(tmp_path: Path) -> None:
    rows = jsonl(
        {"audio": "1.wav", "captions": ["a dog barks", " ", None, "barking"]},
        {"audio": "2.wav", "captions": []},
    )
    report = made(tmp_path, sounds(*TWO) | {"metadata.jsonl": rows}, CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks\nbarking"}
    assert codes(report)["2.wav"] == "missing_caption"


def test_lists_of_captions_in_parquet(tmp_path: Path) -> None:
    audio = pa.array([{"bytes": wav(noise(at)), "path": f"{at}.wav"} for at in range(3)])
    captions = pa.array([["a dog\nbarks", "barking"], ["rain"], None])
    pq.write_table(pa.table({"audio": audio, "caption": captions}), tmp_path / "a.parquet")
    report = made(tmp_path, {"a.parquet": (tmp_path / "a.parquet").read_bytes()}, CAPTIONED)
    assert targets(tmp_path) == {"0": "a dog barks\nbarking", "1": "rain"}
    assert report.set_aside_by_code == {"missing_caption": 1}


def test_numbered_columns_in_parquet(tmp_path: Path) -> None:
    audio = pa.array([{"bytes": wav(noise(at)), "path": f"{at}.wav"} for at in range(2)])
    pq.write_table(
        pa.table({"audio": audio, "caption_1": ["a", "b"], "caption_2": ["c", None], "raw": ["x", "y"]}),
        tmp_path / "a.parquet",
    )
    made(tmp_path, {"a.parquet": (tmp_path / "a.parquet").read_bytes()}, CAPTIONED)
    assert targets(tmp_path) == {"0": "a\nc", "1": "b"}


def test_a_text_file_for_each_recording_has_a_caption_on_each_line(tmp_path: Path) -> None:
    files = sounds(*TWO) | {"1.txt": b"a dog barks\n\nbarking\n", "2.txt": b"rain 1.5 to 2\n"}
    made(tmp_path, files, CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks\nbarking", "2": "rain 1.5 to 2"}


def test_members_of_webdataset_have_their_captions_in_json(tmp_path: Path) -> None:
    about = {"text": ["a dog barks", "barking"], "tag": ["dog"], "original_data": {"title": "x"}}
    files = sounds(*TWO) | {"1.json": json.dumps(about).encode(), "2.json": b'{"caption": "rain"}'}
    made(tmp_path, files, CAPTIONED)
    assert targets(tmp_path) == {"1": "a dog barks\nbarking", "2": "rain"}


def test_names_of_files_are_no_captions(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="nothing that could be read gives its caption"):
        made(tmp_path, sounds("dog_ann_1.wav", "cat_ann_2.wav"), CAPTIONED)


# ---- checks of single captions ------------------------------------------------------------------------------


def test_a_faulty_caption_is_left_out_and_the_others_stay(tmp_path: Path) -> None:
    rows = (
        '1.wav,a dog barks,"call ann@example.com, please"',
        "2.wav,b\ufffdrking,",
        "3.wav,...,rain",
    )
    report = made(
        tmp_path, sounds("1.wav", "2.wav", "3.wav") | _table("file_name,caption_1,caption_2", *rows), CAPTIONED
    )
    assert targets(tmp_path) == {"1": "a dog barks", "3": "rain"}
    assert codes(report)["2.wav"] == "unreadable_text"
    dropped = found(report, "dropped_caption")
    assert len(dropped) == 2
    assert any("its caption has an e-mail address" in reason for reason in dropped)


def test_personal_data_alone_rejects_a_recording(tmp_path: Path) -> None:
    rows = ("1.wav,call ann@example.com", "2.wav,rain")
    report = made(tmp_path, sounds(*TWO) | _table("file_name,caption", *rows), CAPTIONED)
    assert codes(report)["1.wav"] == "personal_data"


def test_a_caption_that_repeats_is_told_and_taken_once(tmp_path: Path) -> None:
    rows = ("1.wav,A dog barks.,a dog barks", "2.wav,rain,falling rain")
    report = made(tmp_path, sounds(*TWO) | _table("file_name,caption_1,caption_2", *rows), CAPTIONED)
    assert targets(tmp_path) == {"1": "A dog barks.", "2": "rain\nfalling rain"}
    assert found(report, "repeated_caption") == ["its caption 'a dog barks' repeats another one, and was left out"]


def test_a_caption_may_be_longer_than_anyone_can_speak(tmp_path: Path) -> None:
    long = "a very long description of a short sound " * 40
    report = made(tmp_path, sounds(*TWO) | _table("file_name,caption", f"1.wav,{long}", "2.wav,rain"), CAPTIONED)
    assert report.items_good == 2
    assert read_examples(tmp_path / "out" / "manifest.jsonl")[0].target.captions == (long.strip(),)
