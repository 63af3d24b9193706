"""Datasets of many megabytes are read through a few of them."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.limits import MIB, IngestLimits
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import Spoken, parquet_of
from tests.unit.engine.data.recordings import UNJUDGED, assert_survived, folder_of, jsonl, noise, wav, zip_of

_POOLS: list[pa.MemoryPool] = []
"""Kept to the end: what Arrow holds from a pool, perhaps in a cycle, may be freed long after the test."""


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Modules and fonts are loaded once per process, 25 MB of them where drawings are made: they are not the
    dataset's, whichever test of this file a worker begins with."""
    folder = tmp_path_factory.mktemp("loaded")
    voices = [Spoken(str(at), noise(at, 2.0), "x", None, None) for at in range(50)]
    (folder / "a.parquet").write_bytes(parquet_of(voices))
    ingest(folder / "a.parquet", folder / "out", validation=UNJUDGED, threads=1)
    assert (folder / "out" / "validation.png").stat().st_size > 0
    ingest(zip_of(folder / "a.zip", {"a_x_0.wav": wav(noise(0, 5.0))}), folder / "judged", threads=1)


def test_memory_does_not_grow_with_the_audio(tmp_path: Path) -> None:
    """Recordings of 5 s; a few are there at any time, with their spectrograms. In one thread, so that it is always as
    many: of two threads it depends on their turns how much of what each has for a moment is there at once."""

    def peak_bytes(recordings: int) -> int:
        files = {f"a_x_{i}.wav": wav(noise(i, 5.0)) for i in range(recordings)}
        source = zip_of(tmp_path / f"{recordings}.zip", files)
        del files
        tracemalloc.start()
        ingest(source, tmp_path / f"out{recordings}", threads=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = peak_bytes(20), peak_bytes(80)
    assert many < 12_000_000
    assert many - few < 1_500_000  # 19 MB of audio more, as floats


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
def test_a_table_is_never_held_whole(tmp_path: Path, name: str) -> None:
    """Recordings of 5 s, 14 MB together, in row groups and compressed batches of ten, and in one plain batch."""
    rows = [Spoken(str(at), noise(at, 5.0), "x", None, None) for at in range(100)]
    data = parquet_of(rows, row_group_size=10)
    if name != "a.parquet":
        table = pq.read_table(io.BytesIO(data))
        options = pa.ipc.IpcWriteOptions(compression="lz4" if name == "a.feather" else None)
        file = io.BytesIO()
        with pa.ipc.new_stream(file, table.schema, options=options) as writer:
            writer.write_table(table.combine_chunks(), max_chunksize=10 if name == "a.feather" else None)
        data = file.getvalue()
        del table, file, writer
    (tmp_path / name).write_bytes(data)
    assert len(data) > 14_000_000
    del data
    del rows
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    _POOLS.append(pool)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    report = ingest(tmp_path / name, tmp_path / "out", validation=UNJUDGED, threads=1)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pa.set_memory_pool(before)
    assert report.items_good == 100
    assert peak_bytes < 6_000_000
    assert pool.max_memory() < 7_000_000


@pytest.mark.parametrize("container", ["WAV", "FLAC", "MP3"])
def test_memory_is_that_of_a_part(tmp_path: Path, container: str) -> None:
    """Fifty parts of five minutes, which are 19 MB as floats."""
    data = wav(noise(1, 300.0), format=container, subtype="MPEG_LAYER_III" if container == "MP3" else "PCM_16")
    rows = [{"audio_filepath": "a.audio", "offset": at * 5.0, "duration": 4.0, "text": "x"} for at in range(50)]
    source = folder_of(tmp_path / "s", {"a.audio": data, "m.json": jsonl(*rows)})
    tracemalloc.start()
    report = ingest(source, tmp_path / "out", validation=UNJUDGED, threads=1)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.items_good == 50
    assert peak_bytes < 10 * MIB
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_file()] != []
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["audio", "items.jsonl", "manifest.jsonl", "report.json", "validation.html", "validation.png"]


def test_members_of_many_megabytes_go_through_a_file(tmp_path: Path) -> None:
    samples = {"1_ada_1": noise(1, 540.0)}  # 17.3 MB
    source = zip_of(tmp_path / "upload.zip", {"1_ada_1.wav": wav(samples["1_ada_1"])}, zipfile.ZIP_STORED)
    ingest(source, tmp_path / "out", IngestLimits(max_item_s=1000.0))
    assert_survived(tmp_path / "out", samples)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith((".", "tmp"))]
