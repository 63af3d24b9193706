"""Rows that are parts of a recording, in every way to write times; what is not understood is never a whole file's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import UNJUDGED, folder_of, jsonl, noise, wav

Part = tuple[str, float]
FOUR_S = wav(noise(7, 4.0, 8_000), 8_000)
PARTS = [("one", 0.5), ("two", 0.75), ("three", 1.25)]


def _parts(tmp_path: Path, metadata: dict[str, str | bytes]) -> tuple[list[Part], IngestReport]:
    """Text and length in seconds of the items that are cut out of one recording of four seconds."""
    files = {name: text.encode() if isinstance(text, str) else text for name, text in metadata.items()}
    files |= {"call.wav": FOUR_S, "other.wav": wav(noise(8))}
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out", validation=UNJUDGED)
    found = read_manifest(tmp_path / "out" / "manifest.jsonl")
    return [(u.target.text, round(u.input.duration_s, 3)) for u in found if u.id.startswith("call")], report


@pytest.mark.parametrize(
    "table",
    [
        "path,start,end,text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "path,start_time,end_time,text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "path,offset,duration,text\ncall.wav,0.25,0.5,one\ncall.wav,1,0.75,two\ncall.wav,2,1.25,three\n",
        "path,onset,offset,text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "path,Start (s),End (s),text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "path,startSec,endSec,text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "Datei;Beginn;Ende;Text\ncall.wav;0,25;0,75;one\ncall.wav;1;1,75;two\ncall.wav;2;3,25;three\n",
        "path,start_ms,end_ms,text\ncall.wav,250,750,one\ncall.wav,1000,1750,two\ncall.wav,2000,3250,three\n",
        "path,begin_s,duration_ms,text\ncall.wav,0.25,500,one\ncall.wav,1,750,two\ncall.wav,2,1250,three\n",
        "path,start,end,text\ncall.wav,250,750,one\ncall.wav,1000,1750,two\ncall.wav,2000,3250,three\n",
        "path,start,end,text\ncall.wav,250.0,750.0,one\ncall.wav,1000.0,1750.0,two\ncall.wav,2000.0,3250.0,three\n",
        "path,from,to,text\ncall.wav,00:00:00.250,00:00:00.750,one\ncall.wav,0:01,0:01.75,two\n"
        "call.wav,00:02,0:0:03.25,three\n",
        "path;von;bis;text\ncall.wav;0,25;0,75;one\ncall.wav;1,0;1,75;two\ncall.wav;2;3,25;three\n",
        "path\tstart\tend\ttext\ncall.wav\t0.25s\t750ms\tone\ncall.wav\t1s\t1.75 s\ttwo\ncall.wav\t2s\t3.25s\tthree\n",
        "path,end,duration,text\ncall.wav,0.75,0.5,one\ncall.wav,1.75,0.75,two\ncall.wav,3.25,1.25,three\n",
        "path,开始时间,结束时间,文本\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\ncall.wav,2,3.25,three\n",
        "text,end_time,start_time,path\nthree,3.25,2,call\none,.75,.25,call\ntwo,1.75,1,call\n",
    ],
)
def test_every_way_to_write_times(tmp_path: Path, table: str) -> None:
    name = "metadata.tsv" if "\t" in table else "metadata.csv"
    found, report = _parts(tmp_path, {name: table})
    assert sorted(found) == sorted(PARTS)
    assert [item.path for item in report.set_aside] == ["other.wav"]


def test_times_in_json_lines(tmp_path: Path) -> None:
    rows = [
        {"audio": "call.wav", "start": 1, "end": 1.75, "text": "two"},
        {"audio": "call.wav", "start": 2.0, "end": None},
    ]
    rows += [{"audio": "call.wav", "start": "0.25", "end": "0.75", "text": "one"}]
    found, report = _parts(tmp_path, {"metadata.jsonl": jsonl(*rows)})
    assert sorted(found) == [("one", 0.5), ("two", 0.75)]
    assert {item.code for item in report.set_aside} == {"missing_text"}


def test_numbers_without_a_unit_are_told(tmp_path: Path) -> None:
    _, report = _parts(
        tmp_path, {"metadata.csv": "path,start,end,text\ncall.wav,250,750,one\ncall.wav,1000,1750,two\n"}
    )
    assert report.warnings == [
        "metadata.csv: its times (start, end) name no unit; they were taken for milliseconds, because a row lasts 625"
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("call.wav,3,9,late", "its row goes from 3 s to 9 s; its file lasts 4.000 s"),
        ("call.wav,3,2,back", "it goes from 3 s to 2 s; allowed: 0 <= start < end"),
        ("call.wav,-1,2,before", "start is '-1'; allowed: 0 or more"),
        ("call.wav,soon,2,when", "start is 'soon'; allowed: seconds such as 1.25, or 00:00:01.250"),
        ("call.wav,,,nothing", "its row has no times, as the others have"),
        ("call.wav,1.1,1.9,over", "it shares 0.65 s with the row in line 3, which has another text"),
        ("call.wav,3.5,,to the end", "it gives no end, and other rows are parts of the same file"),
    ],
)
def test_times_that_cannot_be_right_are_rejected(tmp_path: Path, row: str, reason: str) -> None:
    table = f"path,start,end,text\ncall.wav,0.25,0.75,one\ncall.wav,1.0,1.75,two\n{row}\n"
    found, report = _parts(tmp_path, {"metadata.csv": table})
    assert found == ([("one", 0.5)] if "over" in row else [("one", 0.5), ("two", 0.75)])
    faults = [item for item in report.set_aside if item.path != "other.wav"]
    assert {item.code for item in faults} == {"bad_times"}
    assert any(reason in item.reason for item in faults), faults


@pytest.mark.parametrize(
    "table",
    [
        "path,text\ncall.wav,one\ncall.wav,two\ncall.wav,three\n",
        "path,segment,text\ncall.wav,1,one\ncall.wav,2,two\ncall.wav,3,three\n",
        "path,start_sample,end_sample,text\ncall.wav,0,4000,one\ncall.wav,4000,9000,two\n",
        "path,duration,text\ncall.wav,1.0,one\ncall.wav,1.5,two\n",
        "path,start,text\ncall.wav,0,one\ncall.wav,1.5,two\n",
        "path,start,end,text\ncall.wav,0,9000000,one\ncall.wav,9000000,20000000,two\n",
    ],
)
def test_a_whole_file_never_gets_the_text_of_a_part(tmp_path: Path, table: str) -> None:
    files = {"metadata.csv": table.encode(), "call.wav": FOUR_S, "x/x.wav": wav(noise(8))}
    files["x/metadata.csv"] = b"path,text\nx.wav,last\n"
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out", validation=UNJUDGED)
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["last"]
    assert {item.code for item in report.set_aside} <= {"duplicate_name", "bad_times"}
    assert len(report.set_aside) == table.count("call.wav")
    assert "was kept" not in " ".join(item.reason for item in report.set_aside)


def test_nothing_is_left_of_one_file_with_contradicting_texts(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"rows give it different texts, 'one' \(metadata.csv:2\) and 'two'"):
        ingest(
            folder_of(tmp_path / "s", {"metadata.csv": b"path,text\ncall.wav,one\ncall.wav,two\n", "call.wav": FOUR_S}),
            tmp_path / "out",
        )


def test_a_file_that_is_named_twice_with_one_text_is_kept_once(tmp_path: Path) -> None:
    found, report = _parts(tmp_path, {"metadata.csv": "path,text\ncall.wav,One!\ncall.wav,one\n"})
    assert found == [("One!", 4.0)]
    assert report.set_aside[0].reason == "metadata.csv:3 names it again; the row metadata.csv:2 was kept"


@pytest.mark.parametrize("column", ["from", "stop", "begin"])
def test_a_column_that_only_sounds_like_times_is_none(tmp_path: Path, column: str) -> None:
    found, report = _parts(tmp_path, {"metadata.csv": f"path,{column},text\ncall.wav,ann,one\nother.wav,bob,two\n"})
    assert found == [("one", 4.0)]
    assert report.columns_ignored == [column]


def test_two_speakers_may_talk_at_the_same_time(tmp_path: Path) -> None:
    table = "path,start,end,speaker,text\ncall.wav,0.25,1.5,ann,one\ncall.wav,0.75,1.75,bob,two\n"
    found, _ = _parts(tmp_path, {"metadata.csv": table})
    assert found == [("one", 1.25), ("two", 1.0)]
