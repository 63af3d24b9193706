"""JSON with an object for each recording, in every form that tools write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.data.layouts import json_files
from engine.data.limits import IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import codes, folder_of, noise, reason, wav

Found = dict[str, tuple[str, str | None, str | None]]
WAVS = {f"wavs/{name}.wav": wav(noise(at + 1)) for at, name in enumerate(("a", "b", "c"))}
WANTED: Found = {"a": ("eins", "ann", None), "b": ("zwei", "ann", None), "c": ("drei", "bob", None)}
ROWS = [{"audio": f"wavs/{name}.wav", "text": text, "speaker": speaker} for name, (text, speaker, _) in WANTED.items()]


def _found(folder: Path) -> Found:
    utterances = read_manifest(folder / "manifest.jsonl")
    return {u.id.rpartition(".")[2]: (u.target.text, u.group, u.split) for u in utterances}


def _without(row: dict[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in row.items() if name != key}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.json", json.dumps(ROWS)),
        ("data.json", json.dumps(ROWS, indent=2, ensure_ascii=False)),
        ("data.json", "\ufeff" + json.dumps(ROWS)),
        ("data.json", json.dumps({"version": "1.0", "languages": ["de"], "data": ROWS})),
        ("metadata.json", json.dumps({"info": {"rows": 3}, "utterances": ROWS}, indent=1)),
        ("data.json", json.dumps({row["audio"]: _without(row, "audio") for row in ROWS})),
        ("data.json", json.dumps({row["audio"][5:6]: _without(row, "audio") for row in ROWS}, indent=4)),
        ("data.json", "\n".join(json.dumps(row) for row in ROWS)),
        ("data.json", json.dumps([{**row, "audio": {"path": row["audio"]}} for row in ROWS])),
        ("data.json", json.dumps([{**row, "audio": f"/home/me/corpus/{row['audio']}"} for row in ROWS])),
        ("meta/data.json", json.dumps([{**row, "audio": f"../{row['audio']}"} for row in ROWS])),
    ],
)
def test_an_object_for_each_recording_in_any_form(tmp_path: Path, name: str, content: str) -> None:
    source = folder_of(tmp_path / "source", {**WAVS, name: content.encode()})
    report = ingest(source, tmp_path / "out")
    assert _found(tmp_path / "out") == WANTED
    assert report.layouts == ["json"]
    assert report.metadata_files == [name]
    assert report.set_aside == []
    assert report.columns_read["speaker"] == "speaker"


def test_texts_by_name(tmp_path: Path) -> None:
    texts = {f"{name}.wav": text for name, (text, _, _) in WANTED.items()}
    report = ingest(folder_of(tmp_path / "s", {**WAVS, "texts.json": json.dumps(texts).encode()}), tmp_path / "out")
    assert _found(tmp_path / "out") == {name: (text, None, None) for name, (text, _, _) in WANTED.items()}
    assert report.set_aside == []


@pytest.mark.parametrize("by_id", [False, True])
def test_arrays_and_objects_of_splits(tmp_path: Path, by_id: bool) -> None:
    splits = {"train": ROWS[:1], "dev": ROWS[1:2], "test": ROWS[2:]}
    content: object = splits
    if by_id:
        content = {split: {row["audio"]: row for row in rows} for split, rows in splits.items()}
    ingest(folder_of(tmp_path / "s", {**WAVS, "all.json": json.dumps(content).encode()}), tmp_path / "out")
    wanted = zip(WANTED.items(), ("train", "validation", "test"), strict=True)
    assert _found(tmp_path / "out") == {name: (text, who, split) for (name, (text, who, _)), split in wanted}


def test_a_file_for_each_split(tmp_path: Path) -> None:
    files = {**WAVS, "train.json": json.dumps(ROWS[:2]).encode(), "test.json": json.dumps(ROWS[2]).encode()}
    ingest(folder_of(tmp_path / "s", files), tmp_path / "out")
    assert {name: split for name, (_, _, split) in _found(tmp_path / "out").items()} == {
        "a": "train",
        "b": "train",
        "c": "test",
    }


def test_every_faulty_object_is_named(tmp_path: Path) -> None:
    rows = [ROWS[0], {"audio": "wavs/lost.wav", "text": "x"}, {"audio": "wavs/b.wav"}, "nothing", {"text": "x"}]
    content = json.dumps(rows)[:-1] + ', {"audio": "wavs/c.wav", '
    report = ingest(folder_of(tmp_path / "s", {**WAVS, "data.json": content.encode()}), tmp_path / "out")
    assert _found(tmp_path / "out") == {"a": WANTED["a"]}
    assert codes(report) == {
        "wavs/lost.wav": "missing_audio",
        "wavs/b.wav": "missing_text",
        "wavs/c.wav": "missing_text",
        "data.json:4": "corrupt",
        "data.json:5": "missing_audio",
        "data.json:6": "corrupt",
    }
    assert "it holds str; allowed: an object" in reason(report, "data.json:4")
    assert "from here on it is no JSON" in reason(report, "data.json:6")


def test_a_name_that_stands_twice_is_no_silent_choice(tmp_path: Path) -> None:
    content = '{"a.wav": {"text": "eins"}, "a.wav": {"text": "zwei"}, "b.wav": {"text": "drei"}}'
    report = ingest(folder_of(tmp_path / "s", {**WAVS, "data.json": content.encode()}), tmp_path / "out")
    assert _found(tmp_path / "out") == {"b": ("drei", None, None)}
    assert report.set_aside_by_code["duplicate_name"] == 2


def test_objects_without_a_text_are_refused_with_what_they_have(tmp_path: Path) -> None:
    content = json.dumps([{"audio": row["audio"], "emotion": "calm"} for row in ROWS])
    with pytest.raises(IngestError, match=r"data\.json has the columns audio, emotion; none of them is the text"):
        ingest(folder_of(tmp_path / "s", {**WAVS, "data.json": content.encode()}), tmp_path / "out")


def test_other_json_is_left_alone(tmp_path: Path) -> None:
    files = {"config.json": b'{"rate": 16000, "names": ["x", "y"]}', "ja_ann_1.wav": wav(noise(1)), "x.json": b"[[[["}
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out")
    assert report.layouts == ["file_names"]
    assert codes(report) == {"config.json": "not_audio", "x.json": "not_audio"}


def test_json_without_end_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = json.dumps(ROWS)[:-1] + ", " + "[" * 200_000
    report = ingest(folder_of(tmp_path / "deep", {**WAVS, "data.json": deep.encode()}), tmp_path / "out")
    assert codes(report) == {"data.json:4": "corrupt"}
    source = folder_of(tmp_path / "s", {**WAVS, "data.json": json.dumps(ROWS * 2).encode()})
    with pytest.raises(IngestError, match=r"data\.json has 6 objects; allowed: at most 5"):
        ingest(source, tmp_path / "out2", IngestLimits(max_members=5))
    monkeypatch.setattr(json_files, "_MOST_CHARACTERS", 100)
    with pytest.raises(
        IngestError, match=r"data\.json has \d+ characters; allowed: at most 100: save it as JSON lines"
    ):
        ingest(source, tmp_path / "out3")
