"""Tables of every type that holds recordings: Parquet and Arrow, files, samples, views; and what is refused, and how."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from engine.data.limits import MIB, IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import Spoken, expected, spoken, tar_of, utterances
from tests.unit.engine.data.recordings import UNJUDGED, Samples, codes, folder_of, noise, reason, wav, zip_of

WORDS = ("turn left", "नमस्ते")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _stream(table: pa.Table, rows: int = 1000) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return file.getvalue()


def _feather(table: pa.Table, compression: str = "lz4") -> bytes:
    file = io.BytesIO()
    pyarrow.feather.write_feather(table, file, compression=compression)
    return file.getvalue()


def _rows() -> tuple[Samples, Samples]:
    return noise(1, 0.5), noise(2, 0.4)


def _floats(samples: Samples) -> list[float]:
    return [float(value) for value in samples.astype(np.float32) / 32768]


def _structs(kind: pa.DataType, rates: bool = True) -> pa.Array:
    values = [{"array": _floats(s), "path": f"clip{at}.wav", "sampling_rate": 16_000} for at, s in enumerate(_rows())]
    fields = [("array", kind), ("path", pa.string()), ("sampling_rate", pa.int64())]
    return pa.array(values, pa.struct(fields if rates else fields[:2]))


def _lists(kind: pa.DataType, scale: int = 1) -> pa.Array:
    return pa.array([[int(value) * scale for value in s] for s in _rows()], kind)


# ---- samples ------------------------------------------------------------------------------------------------

FORMS: dict[str, Callable[[], dict[str, Any]]] = {
    "struct of float32": lambda: {"audio": _structs(pa.list_(pa.float32()))},
    "struct of float64, large": lambda: {"audio": _structs(pa.large_list(pa.float64()))},
    "struct with another name": lambda: {"speech": _structs(pa.list_(pa.float32()))},
    "one channel": lambda: {"audio": pa.array(
        [{"array": [_floats(s)], "sampling_rate": 16_000} for s in _rows()])},
    "frames of one channel": lambda: {"audio": pa.array(
        [{"array": [[value] for value in _floats(s)], "sampling_rate": 16_000} for s in _rows()])},
    "two equal channels": lambda: {"audio": pa.array(
        [{"array": [_floats(s), _floats(s)], "sampling_rate": 16_000} for s in _rows()])},
    "plain floats": lambda: {"audio": pa.array([_floats(s) for s in _rows()]), "sampling_rate": [16_000, 16_000]},
    "plain int16": lambda: {"wav": _lists(pa.list_(pa.int16())), "sr": pa.array([16_000] * 2, pa.int32())},
    "plain int64": lambda: {"waveform": _lists(pa.list_(pa.int64())), "sample_rate": [16_000.0, 16_000.0]},
    "plain int32 of 32 bits": lambda: {"samples": _lists(pa.list_(pa.int32()), 65536), "rate": [16_000, 16_000]},
    "plain int32 of 24 bits": lambda: {"samples": _lists(pa.list_(pa.int32()), 256), "rate": [16_000, 16_000]},
    "whole floats": lambda: {"audio": pa.array([[float(v) for v in s] for s in _rows()]), "sampling_rate": ["16000"] * 2},
    "lists of one length": lambda: {"audio": pa.array([_floats(s)[:6400] for s in (_rows()[0][:6400], _rows()[1])],
                                                      pa.list_(pa.float32(), 6400)), "rate": [16_000, 16_000]},
    "dictionary of bytes": lambda: {"audio": pa.array([wav(s) for s in _rows()]).dictionary_encode()},
    "other names": lambda: {"speech_array": pa.array([_floats(s) for s in _rows()]), "audio_sampling_rate": [16_000] * 2},
    "bytes under another name": lambda: {"audio_bytes": [wav(s) for s in _rows()], "audio_length": [0.5, 0.4]},
    "the only bytes": lambda: {"content": [wav(s) for s in _rows()]},
    "bytes as a list": lambda: {"audio": pa.array([list(wav(s)) for s in _rows()], pa.list_(pa.uint8()))},
    "binary view": lambda: {"audio": pa.array([wav(s) for s in _rows()], pa.binary_view())},
    "large binary": lambda: {"audio": pa.array([wav(s) for s in _rows()], pa.large_binary())},
    "struct of views": lambda: {"audio": pa.array(
        [{"bytes": wav(s), "path": "a.wav"} for s in _rows()],
        pa.struct([("bytes", pa.binary_view()), ("path", pa.string_view())]))},
}  # fmt: skip
TEXTS = {
    "string": pa.string(),
    "large string": pa.large_string(),
    "string view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("container", ["parquet", "stream.arrow", "feather", "zipped.arrow"])
def test_recordings_of_any_type_are_read_sample_by_sample(tmp_path: Path, form: str, container: str) -> None:
    table = pa.table({**FORMS[form](), "text": pa.array(WORDS), "speaker_id": [7, 8]})
    name = f"test.{container.rpartition('.')[2]}"
    data = {"parquet": _parquet, "feather": _feather}.get(container, _stream)(table)
    source = tmp_path / name
    if container == "zipped.arrow":
        source = zip_of(tmp_path / "a.zip", {f"data/{name}": data})
    else:
        source.write_bytes(data)
    report = ingest(source, tmp_path / "out", validation=UNJUDGED)
    assert report.set_aside == []
    assert report.layouts == ["parquet" if container == "parquet" else "arrow"]
    wanted = [s[:6400] if form == "lists of one length" else s for s in _rows()]
    rows = [Spoken("", s, text, who, "test") for s, text, who in zip(wanted, WORDS, ("7", "8"), strict=True)]
    assert utterances(tmp_path / "out") == expected(rows)
    assert report.columns_read["text"] == "text"
    assert "audio" in report.columns_read.values()


def test_views_of_lists(tmp_path: Path) -> None:
    kind = pa.struct([("array", pa.list_view(pa.float32())), ("sampling_rate", pa.int32())])
    audio = pa.array([{"array": _floats(s), "sampling_rate": 16_000} for s in _rows()], kind)
    (tmp_path / "a.arrow").write_bytes(_stream(pa.table({"audio": audio, "text": WORDS})))
    ingest(tmp_path / "a.arrow", tmp_path / "out", validation=UNJUDGED)
    rows = [Spoken("", s, text, None, None) for s, text in zip(_rows(), WORDS, strict=True)]
    assert utterances(tmp_path / "out") == expected(rows)


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_of_any_type(tmp_path: Path, kind: str) -> None:
    audio = pa.array([{"bytes": wav(s), "path": None} for s in _rows()])
    table = pa.table({"audio": audio, "text": pa.array(WORDS).cast(TEXTS[kind]), "note": ["a", "b"]})
    (tmp_path / "a.arrow").write_bytes(_stream(table))
    report = ingest(tmp_path / "a.arrow", tmp_path / "out")
    assert sorted(u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")) == sorted(WORDS)
    assert report.columns_ignored == ["note"]


def test_texts_as_bytes_beside_names_of_files(tmp_path: Path) -> None:
    table = pa.table({"path": ["a.wav", "b.wav"], "text": pa.array([word.encode() for word in WORDS], pa.binary())})
    files = {"a.wav": wav(_rows()[0]), "b.wav": wav(_rows()[1]), "rows.parquet": _parquet(table)}
    ingest(zip_of(tmp_path / "a.zip", files), tmp_path / "out", validation=UNJUDGED)
    assert sorted(u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")) == sorted(WORDS)


def test_other_rates_of_samples_are_theirs(tmp_path: Path) -> None:
    audio = [{"array": _floats(noise(at, 0.5, 8000)), "sampling_rate": 8000} for at in (1, 2)]
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.table({"audio": audio, "text": WORDS})))
    report = ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert report.rates_hz == {8000: 2}
    assert report.audio_s == pytest.approx(1.0)


def test_faulty_rows_of_samples_are_named(tmp_path: Path) -> None:
    good = _floats(noise(1))
    audio = [
        {"array": good, "sampling_rate": 16_000},
        {"array": [], "sampling_rate": 16_000},
        {"array": good, "sampling_rate": 0},
        {"array": good, "sampling_rate": None},
        None,
        {"array": [*good, None], "sampling_rate": 16_000},
        {"array": [0.0] * 8000, "sampling_rate": 16_000},
        {"array": [value * 32768.5 for value in good], "sampling_rate": 16_000},
    ]
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.table({"audio": audio, "text": ["x"] * 8})))
    report = ingest(tmp_path / "a.parquet", tmp_path / "out", validation=UNJUDGED)
    assert report.items_good == 1
    assert codes(report) == {
        "a.parquet:2": "empty_file",
        "a.parquet:3": "corrupt",
        "a.parquet:4": "corrupt",
        "a.parquet:5": "missing_audio",
        "a.parquet:6": "corrupt",
        "a.parquet:7": "silent",
        "a.parquet:8": "corrupt",
    }
    assert "allowed: -1 to 1, or whole numbers of 16 bits" in reason(report, "a.parquet:8")
    assert "found a sample rate of 0; allowed: hertz" in reason(report, "a.parquet:3")
    assert "NaN" in reason(report, "a.parquet:6")


# ---- what is refused ----------------------------------------------------------------------------------------


def test_columns_of_one_name_are_named(tmp_path: Path) -> None:
    arrays = [pa.array([wav(s) for s in _rows()]), pa.array(WORDS), pa.array(WORDS)]
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.Table.from_arrays(arrays, ["audio", "text", "text"])))
    with pytest.raises(IngestError, match="several columns are called text; give each a name of its own"):
        ingest(tmp_path / "a.parquet", tmp_path / "out")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            lambda: {"audio": _structs(pa.list_(pa.float32()), rates=False), "text": WORDS},
            "the column audio.array holds samples, and nothing says their rate; add it as a column sampling_rate, in hertz",
        ),
        (
            lambda: {"audio": pa.array([[0.1], [0.2]]), "text": WORDS},
            "the column audio holds samples, and nothing says their rate",
        ),
        (
            lambda: {"audio": pa.array([{"id": 1}, {"id": 2}]), "text": WORDS},
            "the column audio holds struct<id: int64>; allowed: a struct with bytes, with path, or with array and",
        ),
        (
            lambda: {"audio": [1, 2], "text": WORDS},
            "the column audio holds int64, which is neither audio nor names of files",
        ),
        (
            lambda: {"audio": _structs(pa.list_(pa.float32())), "text": [["a"], ["b"]]},
            r"the column text holds list<element: string>; needed: text",
        ),
        (
            lambda: {"audio": _structs(pa.list_(pa.float32())), "label": [3, 4]},
            "the column label holds numbers of classes without their names; needed: text",
        ),
    ],
)
def test_a_column_of_the_right_name_is_refused_for_what_it_holds(
    tmp_path: Path, columns: Callable[[], dict[str, Any]], message: str
) -> None:
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.table(columns())))
    with pytest.raises(IngestError) as raised:
        ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert message in str(raised.value)
    assert "rename" not in str(raised.value)


def test_numbers_that_are_repeated_are_no_way_to_fill_the_memory(tmp_path: Path) -> None:
    zeros = pa.array([{"array": np.zeros(2_000_000, np.float32), "sampling_rate": 16_000}])
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.table({"audio": zeros, "text": ["x"]})))
    assert (tmp_path / "a.parquet").stat().st_size < 20_000
    with pytest.raises(
        IngestError, match=r"the table is a bomb: [\d,]+ bytes of its column audio\.array\.list\.element unp"
    ):
        ingest(tmp_path / "a.parquet", tmp_path / "out", IngestLimits(ratio_floor_bytes=MIB))
    (tmp_path / "a.feather").write_bytes(_feather(pa.table({"audio": zeros, "text": ["x"]}), "zstd"))
    with pytest.raises(
        IngestError, match=r"the table is a bomb: its [\d,]+ bytes say that they unpack to [\d,]+ and more"
    ):
        ingest(tmp_path / "a.feather", tmp_path / "out", IngestLimits(ratio_floor_bytes=MIB))


@pytest.mark.parametrize("kind", [pa.binary(), pa.binary_view()], ids=str)
def test_rows_that_share_one_recording_are_counted(tmp_path: Path, kind: pa.DataType) -> None:
    """Views point to the same bytes again and again; others are compressed."""
    data = wav(np.tile(noise(1, 0.1), 50))
    view = struct.pack("<i4sii", len(data), data[:4], 0, 0)
    audio = {
        pa.binary(): pa.array([data] * 1000),
        pa.binary_view(): pa.Array.from_buffers(kind, 1000, [None, pa.py_buffer(view * 1000), pa.py_buffer(data)]),
    }[kind]
    table = pa.table({"audio": audio, "text": ["x"] * 1000})
    (tmp_path / "a.arrow").write_bytes(_stream(table) if kind == pa.binary_view() else _feather(table, "zstd"))
    assert (tmp_path / "a.arrow").stat().st_size < 2 * MIB
    with pytest.raises(IngestError, match=r"bomb"):
        ingest(tmp_path / "a.arrow", tmp_path / "out", IngestLimits(ratio_floor_bytes=MIB, max_ratio=20))


def test_audio_as_text_is_named_and_not_shown(tmp_path: Path) -> None:
    audio = [base64.b64encode(wav(s)).decode() for s in _rows()]
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.table({"audio": audio, "text": WORDS})))
    with pytest.raises(IngestError) as raised:
        ingest(tmp_path / "a.parquet", tmp_path / "out")
    assert "found a text of 21,392 characters (base64?); allowed: names of files, or binary values" in str(raised.value)
    assert len(str(raised.value)) < 500


# ---- Arrow --------------------------------------------------------------------------------------------------


def _saved(folder: Path, corpus: list[Spoken]) -> datasets.DatasetDict:
    """A dataset of several splits, one of them in two files, as its own tool saves it."""
    made = {}
    for split in ("train", "validation", "test"):
        rows = [s for s in corpus if s.split == split]
        columns = {
            "audio": [{"bytes": wav(s.samples, format="FLAC"), "path": f"{s.name}.flac"} for s in rows],
            "sentence": [s.text for s in rows],
            "speaker_id": [s.speaker for s in rows],
        }
        made[split] = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio(decode=False))
    found = datasets.DatasetDict(made)
    found.save_to_disk(folder, num_shards={"train": 2, "validation": 1, "test": 1})
    return found


@pytest.mark.parametrize("container", ["folder", "tar", "zip"])
def test_a_folder_that_datasets_saved(tmp_path: Path, container: str) -> None:
    corpus = spoken()
    _saved(tmp_path / "saved", corpus)
    files = {
        f"mine/{path.relative_to(tmp_path / 'saved').as_posix()}": path.read_bytes()
        for path in (tmp_path / "saved").rglob("*")
        if path.is_file()
    }
    files["mine/train/cache-1234.arrow"] = files["mine/train/data-00000-of-00002.arrow"]
    source = {
        "folder": lambda: folder_of(tmp_path / "source", files),
        "zip": lambda: zip_of(tmp_path / "source.zip", files),
        "tar": lambda: tar_of(tmp_path / "source.tar", files),
    }[container]()
    report = ingest(source, tmp_path / "out")
    assert report.layouts == ["arrow"]
    assert utterances(tmp_path / "out") == expected(corpus)
    assert codes(report) == {"mine/train/cache-1234.arrow": "not_audio"}
    assert "mine/train/state.json does not name it" in reason(report, "mine/train/cache-1234.arrow")


def test_a_stream_that_was_cut_gives_what_comes_before(tmp_path: Path) -> None:
    corpus = spoken()
    audio = [{"bytes": wav(s.samples), "path": f"{s.name}.wav"} for s in corpus]
    data = _stream(pa.table({"audio": audio, "text": [s.text for s in corpus]}), rows=2)
    (tmp_path / "a.arrow").write_bytes(data[: len(data) * 2 // 3])
    report = ingest(tmp_path / "a.arrow", tmp_path / "out")
    assert report.items_good in (4, 5)
    assert list(codes(report).values()) == ["truncated"]
    assert "from here on it is damaged or cut short" in reason(report, f"a.arrow:{report.items_good + 1}-")


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_damage_anywhere_costs_no_more_than_rows(tmp_path: Path, at: int) -> None:
    """Lengths and offsets are those of a stranger: whatever they say, nothing is read beyond the file."""
    audio = [{"bytes": wav(noise(seed, 0.1)), "path": f"{seed}.wav"} for seed in range(3)]
    data = bytearray(_stream(pa.table({"audio": audio, "text": ["a", "b", "c"]})))
    place = len(data) * at // 400 if at % 2 else at * 3
    data[place : place + 4] = b"\xff\x7f\xff\x7f"
    (tmp_path / "a.arrow").write_bytes(data)
    try:
        report = ingest(tmp_path / "a.arrow", tmp_path / "out", validation=UNJUDGED)
        assert report.items_found == report.items_good + len(report.set_aside)
    except IngestError as error:
        assert "a.arrow" in str(error)


def test_old_feather_and_what_is_no_arrow_are_named(tmp_path: Path) -> None:
    for name, data, message in (
        ("a.feather", b"FEA1" + bytes(100), "found Feather version 1; allowed: version 2"),
        ("b.arrow", b"", "it is not an Arrow file: it is empty"),
        ("c.arrow", b"nothing of the kind", "it is not an Arrow file, or it is damaged or cut short"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(IngestError, match=message):
            ingest(tmp_path / name, tmp_path / "out")
