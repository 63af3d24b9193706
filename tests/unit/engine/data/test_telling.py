"""What a command says of data: what is good, three texts, what was rejected and why, and where the whole report is."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.manifest import read_manifest
from engine.data.telling import Line, report_lines, tell_report
from engine.errors import IngestError
from engine.run.events import MemorySink
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import folder_of, noise, wav

ROWS = "file_name,text,speaker,mood\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Nine good recordings by three people, two rows without a file, a cut file and a note."""
    rows, files = ROWS, {}
    for number in range(9):
        rows += f"r{number}.wav,text number {number},{'abc'[number % 3]},calm\n"
        files[f"r{number}.wav"] = wav(noise(number, 0.5))
    rows += "gone.wav,one,a,calm\nlost.wav,two,b,calm\ncut.wav,three,c,calm\n"
    return folder_of(
        tmp_path / "source",
        {"metadata.csv": rows.encode(), **files, "cut.wav": wav(noise(9, 0.5))[:4000], "notes.txt": b"of no use"},
    )


def _told(source: Path, target: Path) -> list[Line]:
    return report_lines(ingest(source, target), "report.json")


def test_everything_is_said_in_a_few_lines(source: Path, tmp_path: Path) -> None:
    lines = _told(source, tmp_path / "data")
    notices = [line.text for line in lines if line.level == "notice"]
    warnings = [line.text for line in lines if line.level == "warning"]
    assert notices == [
        "9 of 13 items are good: 4.5 s of audio, 3 speakers",
        "Structure: audiofolder; texts from column 'text' of metadata.csv; read: file_name as file, text as text, "
        "speaker as speaker; not read: mood",
        '  r0.wav: "text number 0" (a)',
        '  r4.wav: "text number 4" (b)',
        '  r8.wav: "text number 8" (c)',
        "The whole report: report.json",
    ]
    assert warnings[0] == "4 of 13 items were rejected:"
    assert warnings[1].startswith("  missing_audio 2: gone.wav, lost.wav; the first: ")
    assert "add the file, or remove its row" in warnings[1]
    by_code = {line.split()[0]: line for line in warnings[1:]}
    assert "cut.wav" in by_code["truncated"]
    assert "notes.txt" in by_code["not_audio"]
    assert "many_set_aside:" in by_code


def test_a_long_text_is_shown_shortened_and_paths_are_counted(tmp_path: Path) -> None:
    files = {f"r{number}.wav": wav(noise(number, 25.0)) for number in range(3)}
    gone = "".join(f"gone{number}.wav,x,a,\n" for number in range(7))
    rows = ROWS + "".join(f"{name},{'word ' * 60}{name},a,\n" for name in files) + gone
    lines = _told(folder_of(tmp_path / "s", {"metadata.csv": rows.encode(), **files}), tmp_path / "data")
    example = next(line.text for line in lines if line.text.startswith("  r0.wav"))
    assert example.endswith('..." (a)')
    assert len(example) < 160
    missing = next(line.text for line in lines if "missing_audio" in line.text)
    assert missing.startswith("  missing_audio 7: gone0.wav, gone1.wav, gone2.wav and 4 more; the first: ")


def test_findings_on_the_dataset_and_doubts_are_said(tmp_path: Path) -> None:
    splits = ("train", "test")
    rows = "file_name,text,speaker,split\n"
    files = {}
    for number in range(12):
        rows += f"r{number}.wav,this &amp; that {number},{'abc'[number % 3]},{splits[number % 2]}\n"
        files[f"r{number}.wav"] = wav(noise(number, 0.5))
    lines = _told(folder_of(tmp_path / "s", {"metadata.csv": rows.encode(), **files}), tmp_path / "data")
    warnings = [line.text for line in lines if line.level == "warning"]
    assert any(text.startswith("leakage: ") and "What to do: " in text for text in warnings)
    assert any(text.startswith("doubts about items that are kept: ") and "html 12" in text for text in warnings)


def test_events_of_a_run(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ingest(source, folder)
    sink = MemorySink()
    tell_report(sink, folder)
    assert [event.key for event in sink.events] == [f"data/{number}" for number in range(len(sink.events))]
    assert sink.events[-1].data == {"level": "notice", "message": f"The whole report: {folder / 'report.json'}"}
    assert {event.data["level"] for event in sink.events} == {"notice", "warning"}
    elsewhere = MemorySink()
    tell_report(elsewhere, folder, "s3://bucket/data/report.json")
    assert elsewhere.events[-1].data["message"] == "The whole report: s3://bucket/data/report.json"


def test_nothing_is_said_without_a_report(source: Path, tmp_path: Path) -> None:
    ingest(source, tmp_path / "data")
    (tmp_path / "data" / "report.json").unlink()
    sink = MemorySink()
    tell_report(sink, tmp_path / "data")
    assert sink.events == []
    assert len(read_manifest(tmp_path / "data" / "manifest.jsonl")) == 9


def test_where_nothing_is_good_the_error_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="none of 1 items can be used: gone.wav"):
        ingest(folder_of(tmp_path / "s", {"metadata.csv": b"file_name,text\ngone.wav,one\n"}), tmp_path / "data")
