"""Values that are small in a file and large in memory, or that make much work: each is set aside, and the rest is read."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from engine.data.limits import DEFAULT_LIMITS
from engine.data.report import IngestReport
from engine.errors import IngestError
from engine.stages.ingest import ingest

MIB = 1 << 20


def tone(hz: float) -> bytes:
    t = np.arange(16_000) / 16_000
    noise = np.random.default_rng(round(hz)).standard_normal(len(t))
    target = io.BytesIO()
    soundfile.write(target, (0.3 * np.sin(2 * np.pi * hz * t) + 0.02 * noise).astype("float32"), 16_000, format="WAV")
    return target.getvalue()


def made(folder: Path, files: Mapping[str, bytes | str]) -> IngestReport:
    """The report of a folder with these files, also where nothing in it is good."""
    source = folder / "source"
    for name, data in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    try:
        return ingest(source, folder / "target", threads=1)
    except IngestError:
        return IngestReport.model_validate_json((folder / "target" / "report.json").read_bytes())


def set_aside(report: IngestReport) -> set[tuple[str, str]]:
    return {(each.path, each.code) for each in report.set_aside}


def test_a_text_that_nobody_can_say_is_set_aside(tmp_path: Path) -> None:
    most = DEFAULT_LIMITS.max_text_characters
    rows = f"file_name,text\na.wav,{'<' * (most + 1)}\nb.wav,hello there\n"
    report = made(tmp_path, {"a.wav": tone(220), "b.wav": tone(330), "metadata.csv": rows})
    assert (report.items_good, set_aside(report)) == (1, {("a.wav", "mismatched_text")})
    assert f"at most {most:,}" in report.set_aside[0].reason


@pytest.mark.parametrize("column", ["text", "path"])
def test_rows_that_share_a_large_value_take_no_memory_each(tmp_path: Path, column: str) -> None:
    rows = 60
    large = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array(["x" * 16 * MIB]))
    small = pa.array([f"number {number}" for number in range(rows)])
    recordings = pa.array([tone(200 + 10 * number) for number in range(rows)])
    audio = pa.StructArray.from_arrays([recordings, large if column == "path" else small], ["bytes", "path"])
    target = io.BytesIO()
    table = pa.table({"audio": audio, "text": large if column == "text" else small})
    pq.write_table(table, target, compression="zstd", store_schema=False)  # read as plain texts, not as a dictionary
    most_before = pa.default_memory_pool().max_memory()
    tracemalloc.start()
    report = made(tmp_path, {"d.parquet": target.getvalue()})
    peak_bytes = tracemalloc.get_traced_memory()[1] + pa.default_memory_pool().max_memory() - most_before
    tracemalloc.stop()
    assert (report.items_good, report.set_aside[0].code) == (0, "mismatched_text")
    assert "at most" in report.set_aside[0].reason or "most allowed" in report.set_aside[0].reason
    assert peak_bytes < 300 * MIB  # 64 rows of them took 1 GiB, and again as texts


@pytest.mark.parametrize("end", ["1e999999999", "1e400", "9" * 4_000])
def test_times_without_end_are_faults(tmp_path: Path, end: str) -> None:
    started_s = time.thread_time()
    row = json.dumps({"file_name": "a.wav", "text": "hello", "start": 0, "end": end})
    report = made(tmp_path, {"a.wav": tone(220), "metadata.jsonl": f"{row}\n"})
    assert {code for _, code in set_aside(report)} == {"bad_times"}
    assert time.thread_time() - started_s < 10


def test_a_path_through_many_folders_is_refused_and_costs_nothing(tmp_path: Path) -> None:
    deep = "/".join(f"d{level}" for level in range(80))
    names = "".join(f"{deep}/x{number}.wav,hello\n" for number in range(500))
    started_s = time.thread_time()
    report = made(tmp_path, {f"{deep}/a.wav": tone(220), f"{deep}/metadata.csv": f"file_name,text\n{names}"})
    assert {code for _, code in set_aside(report)} == {"unsafe_path"}
    assert "at most 31" in report.set_aside[0].reason
    assert time.thread_time() - started_s < 10


def test_names_in_as_many_folders_as_are_allowed_are_located_in_time(tmp_path: Path) -> None:
    deep = "/".join(f"d{level}" for level in range(30))
    names = "".join(f"{deep}/x{number}.wav,hello\n" for number in range(2_000))
    started_s = time.thread_time()
    made(tmp_path, {f"{deep}/a.wav": tone(220), f"{deep}/metadata.csv": f"file_name,text\n{names}"})
    assert time.thread_time() - started_s < 10


@pytest.mark.parametrize("part", ["<", "{\\", "a?", "[(", " >>"])
def test_a_cue_of_endless_text_is_set_aside(tmp_path: Path, part: str) -> None:
    cues = (
        f"{'9' * 5_000}\n00:00:00,000 --> 00:00:00,400\n{part * 100_000}\n\n"
        "2\n00:00:00,500 --> 00:00:00,900\nhello there\n"
    )
    started_s = time.thread_time()
    report = made(tmp_path, {"a.wav": tone(220), "a.srt": cues})
    assert "bad_times" in {code for _, code in set_aside(report)}
    assert report.items_good == 1
    assert time.thread_time() - started_s < 10
