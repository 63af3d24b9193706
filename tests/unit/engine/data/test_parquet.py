"""Parquet and AudioFolder as Hugging Face datasets writes and reads them, and tables with faults."""

from __future__ import annotations

import gc
import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import embed_table_storage

from engine.data.limits import MIB, IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import (
    Spoken,
    audiofolder_csv,
    expected,
    nemo,
    parquet_of,
    spoken,
    tar_of,
    utterances,
)
from tests.unit.engine.data.recordings import codes, folder_of, noise, reason, wav, zip_of


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def _table(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _audio(*samples: np.ndarray) -> list[dict[str, object]]:
    return [{"bytes": wav(s, format="FLAC"), "path": f"{at}.flac"} for at, s in enumerate(samples)]


# ---- what the tool itself writes ----------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["folder", "zip", "tar.gz"])
def test_shards_of_a_dataset_as_its_own_tool_writes_them(tmp_path: Path, container: str) -> None:
    corpus = spoken()
    files: dict[str, bytes] = {}
    for split in ("train", "validation", "test"):
        rows = [s for s in corpus if s.split == split]
        folder = folder_of(tmp_path / "wavs", {f"{s.name}.flac": wav(s.samples, format="FLAC") for s in rows})
        columns = {
            "audio": [str(folder / f"{s.name}.flac") for s in rows],
            "sentence": [s.text for s in rows],
            "speaker_id": [int(s.speaker or 0) for s in rows],
        }
        made = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio())
        made = made.with_format("arrow").map(embed_table_storage, batched=True, batch_size=100)  # as push_to_hub does
        shards = 2 if split == "train" else 1
        for index in range(shards):
            name = f"data/{split}-{index:05d}-of-{shards:05d}.parquet"
            made.shard(shards, index).to_parquet(tmp_path / "shard.parquet")
            files[name] = (tmp_path / "shard.parquet").read_bytes()
    source = {
        "folder": lambda: folder_of(tmp_path / "source", files),
        "zip": lambda: zip_of(tmp_path / "source.zip", files),
        "tar.gz": lambda: tar_of(tmp_path / "source.tar.gz", files, "w:gz"),
    }[container]()
    report = ingest(source, tmp_path / "out")
    assert (report.layout, report.set_aside, report.warnings) == ("parquet", [], [])
    assert report.metadata_files == sorted(files)
    assert utterances(tmp_path / "out") == expected(corpus)
    assert {u.id for u in read_manifest(tmp_path / "out" / "manifest.jsonl")} == {s.name for s in corpus}


def test_classes_are_known_by_their_names(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict({"clip": _audio(noise(1), noise(2)), "label": [1, 0]})
    made = made.cast_column("clip", datasets.Audio(decode=False))
    made = made.cast_column("label", datasets.ClassLabel(names=["no", "yes"]))
    made.to_parquet(tmp_path / "words.parquet")
    ingest(tmp_path / "words.parquet", tmp_path / "out")
    assert [u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["yes", "no"]


def test_a_table_of_paths_finds_the_files_beside_it(tmp_path: Path) -> None:
    """`to_parquet` without the audio: absolute paths of the machine that wrote it."""
    corpus = [s for s in spoken() if s.split == "train"]
    files = {f"wavs/{s.name}.wav": wav(s.samples) for s in corpus}
    written = folder_of(tmp_path / "there", files)
    columns = {
        "audio": [str(written / name) for name in files],
        "text": [s.text for s in corpus],
        "speaker": [s.speaker for s in corpus],
    }
    made = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio(decode=False))
    made.to_parquet(tmp_path / "there" / "train.parquet")
    source = (tmp_path / "there").rename(tmp_path / "here")
    ingest(source, tmp_path / "out")
    assert utterances(tmp_path / "out") == expected(corpus)


@pytest.mark.filterwarnings("ignore:.*unclosed file")  # which datasets leaves so
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_audio_folder_gives_what_its_own_tool_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What it makes of a file's path would need torchcodec, which is not in question here.
    monkeypatch.setattr(datasets.Audio, "encode_example", lambda self, path: {"bytes": None, "path": path})
    corpus = spoken()
    source = folder_of(tmp_path / "source", audiofolder_csv(corpus))
    ingest(source, tmp_path / "out")
    theirs = datasets.load_dataset("audiofolder", data_dir=str(source), split="train", cache_dir=str(tmp_path / "c"))
    rows = list(theirs.cast_column("audio", datasets.Audio(decode=False)))
    assert len(rows) == len(corpus)
    by_name = {f"{s.name}.wav": s for s in corpus}
    read: list[Spoken] = []
    for row in rows:
        s = by_name[Path(row["audio"]["path"]).name]
        read.append(Spoken(s.name, s.samples, row["transcription"], str(row["speaker"]), row["split"]))
    assert utterances(tmp_path / "out") == expected(read)
    del theirs, rows
    gc.collect()  # so that its warning comes here


# ---- other tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["audio", "bytes only", "large"])
def test_other_columns_of_bytes(tmp_path: Path, column: str) -> None:
    data = wav(noise(1))
    audio: Any = {
        "audio": pa.array([data], pa.binary()),
        "bytes only": pa.array([{"bytes": data}]),
        "large": pa.array(
            [{"bytes": data, "path": None}], pa.struct({"bytes": pa.large_binary(), "path": pa.string()})
        ),
    }[column]
    name = "audio" if column == "audio" else "sound"
    (tmp_path / "a.parquet").write_bytes(_table(**{name: audio, "split": ["val"], "text": ["hello"]}))
    ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert utterances(tmp_path / "out") == expected([Spoken("", noise(1), "hello", None, "validation")])
    assert [u.id for u in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["a.1"]


def test_every_faulty_row_is_named(tmp_path: Path) -> None:
    audio = _audio(noise(1), noise(2), noise(3), noise(4))
    audio[1]["bytes"] = None
    audio[2]["bytes"] = b"no audio"
    (tmp_path / "a.parquet").write_bytes(_table(audio=audio, text=["good", "b", "c", None]))
    report = ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert codes(report) == {
        "a.parquet:2": "missing_audio",
        "a.parquet:3": "corrupt",
        "a.parquet:4": "missing_text",
    }
    assert reason(report, "a.parquet:2").startswith("its row holds no audio -> add the file")
    assert report.items_good == 1


def test_tables_without_the_needed_columns_are_named(tmp_path: Path) -> None:
    files = {"a.parquet": _table(tone=["x"], words=["y"]), "b.parquet": b"PAR1 and no more", "c.parquet": b""}
    with pytest.raises(IngestError) as raised:
        ingest(folder_of(tmp_path / "source", files), tmp_path / "out")
    message = str(raised.value)
    assert "a.parquet has the columns tone (string), words (string); needed: one of file_name, " in message
    assert "and one of transcription, transcript, text, sentence, label with text: rename a column" in message
    assert "b.parquet cannot be read: it is not a Parquet file, or it is damaged or cut short" in message
    assert "c.parquet cannot be read: it is not a Parquet file" in message
    files["good.parquet"] = _table(audio=_audio(noise(1)), text=["good"])
    report = ingest(folder_of(tmp_path / "more", files), tmp_path / "out2")
    assert codes(report) == dict.fromkeys(("a.parquet", "b.parquet", "c.parquet"), "bad_metadata")
    assert report.items_good == 1


def test_a_damaged_row_group_costs_only_its_rows(tmp_path: Path) -> None:
    corpus = spoken()
    file = io.BytesIO()
    audio = [{"bytes": wav(s.samples), "path": f"{s.name}.wav"} for s in corpus]
    table = pa.table({"audio": audio, "text": [s.text for s in corpus], "speaker": [s.speaker for s in corpus]})
    pq.write_table(table, file, row_group_size=2, compression="snappy", write_page_checksum=True)
    metadata = pq.ParquetFile(file).metadata
    data = bytearray(file.getvalue())
    at = metadata.row_group(1).column(0).dictionary_page_offset
    data[at + 100 : at + 160] = bytes(60)
    texts = next(at for at in range(5) if metadata.row_group(3).column(at).path_in_schema == "text")
    at = metadata.row_group(3).column(texts).dictionary_page_offset
    data[at : at + 20] = bytes(20)
    (tmp_path / "a.parquet").write_bytes(data)
    report = ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert codes(report) == {"a.parquet:3": "corrupt", "a.parquet:4": "corrupt", "a.parquet:7-7": "corrupt"}
    assert "row group 3 of the table is damaged" in reason(report, "a.parquet:7-7")
    assert "row group 1 of the table is damaged" in reason(report, "a.parquet:3")
    kept = [Spoken("", s.samples, s.text, s.speaker, None) for s in (*corpus[:2], *corpus[4:6])]
    assert utterances(tmp_path / "out") == expected(kept)


def test_bombs_of_one_value_repeated_are_refused(tmp_path: Path) -> None:
    """A dictionary of one recording, and a thousand rows that point to it."""
    data = wav(noise(1, 5.0))
    audio = pa.array([{"bytes": data, "path": None}] * 1000, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    source = tmp_path / "a.parquet"
    source.write_bytes(_table(audio=audio, text=["x"] * 1000))
    assert source.stat().st_size < 2 * MIB
    with pytest.raises(
        IngestError, match=r"a\.parquet is a bomb: its [\d,]+ bytes unpack to more than 20 times as much"
    ):
        ingest(source, tmp_path / "out", IngestLimits(ratio_floor_bytes=MIB, max_ratio=20))
    with pytest.raises(IngestError, match=r"a\.parquet and the tables before it have more than 999 rows"):
        ingest(source, tmp_path / "out", IngestLimits(max_members=999))
    source.write_bytes(_table(audio=_audio(noise(1)) * 100, text=["long " * 1000] * 100))
    with pytest.raises(IngestError, match=r"the texts up to a\.parquet:2 have more than 10,000 characters, the most"):
        ingest(source, tmp_path / "out", IngestLimits(max_metadata_bytes=10_000))


def test_tables_beside_other_structures(tmp_path: Path) -> None:
    corpus = spoken()
    files = {f"manifests/{name}": data for name, data in nemo(corpus[:3]).items() if data}
    table = parquet_of([s for s in corpus[3:] if s.split == "test"])
    rest = {f"more/{name}": data for name, data in nemo([s for s in corpus[3:] if s.split != "test"]).items() if data}
    report = ingest(folder_of(tmp_path / "s", {**files, **rest, "test-0.parquet": table}), tmp_path / "out")
    assert report.layouts == ["nemo", "parquet"]
    assert utterances(tmp_path / "out") == expected(corpus)
