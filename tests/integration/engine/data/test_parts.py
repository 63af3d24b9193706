"""Rows with times: parts of long files, of every format, decoded once at most."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from engine.audio import sound
from engine.audio.reading import read_audio
from engine.data.layout import Item
from engine.data.limits import IngestLimits
from engine.data.manifest import read_manifest
from engine.data.opening import open_source
from engine.data.recordings import Recordings
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import UNJUDGED, codes, folder_of, jsonl, noise, reason, wav, zip_of

FORMATS = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def _row(offset: object, duration: object, text: str = "x", name: str = "a.audio") -> dict[str, object]:
    return {"audio_filepath": name, "offset": offset, "duration": duration, "text": text}


@pytest.fixture
def decoded_frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many frames each reading took."""
    counts: list[int] = []
    read = sound.SequentialFile.read

    def counting(self: object, *args: object, **kwargs: object) -> object:
        found = read(self, *args, **kwargs)
        counts.append(len(found))
        return found

    monkeypatch.setattr(sound.SequentialFile, "read", counting)
    yield counts


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_parts_are_those_of_the_whole(
    tmp_path: Path, container: str, subtype: str, rate_hz: int, decoded_frames: list[int]
) -> None:
    if subtype == "OPUS" and rate_hz == 44_100:
        rate_hz = 48_000
    seconds = 8.0
    time_T = np.arange(round(seconds * rate_hz)) / rate_hz
    chirp = 0.4 * np.sin(2 * np.pi * (200 + 40 * time_T) * time_T)
    data = wav(np.stack([chirp, chirp], axis=1).astype(np.float32), rate_hz, subtype, container)
    times = [(at * 0.5, 0.5) for at in range(15)]
    order = np.random.default_rng(1).permutation(len(times)).tolist()
    rows = [_row(*times[at], text=f"{times[at][0]}") for at in order]
    source = zip_of(tmp_path / "s.zip", {"a.audio": data, "m.json": jsonl(*rows)})
    report = ingest(source, tmp_path / "out")
    # Each part by itself; where a decoder cannot enter in the middle, all once and the parts from what came out.
    assert sum(decoded_frames) < (1.0 if container in ("WAV", "FLAC") else 2.0) * len(time_T)
    assert codes(report) == {}
    (tmp_path / "whole").write_bytes(data)
    whole = read_audio(tmp_path / "whole")
    assert {u.target.text for u in read_manifest(tmp_path / "out" / "manifest.jsonl")} == {
        f"{start}" for start, _ in times
    }
    for u in read_manifest(tmp_path / "out" / "manifest.jsonl"):
        assert u.input.duration_s == 0.5
        found = read_audio(tmp_path / "out" / u.input.audio, start_s=u.input.start_s, duration_s=u.input.duration_s)
        start = round(float(u.target.text) * 16_000)
        inner = slice(100, -100) if rate_hz != 16_000 else slice(None)  # the edges of a resampled part differ
        assert np.abs(found[inner] - whole[start : start + 8000][inner]).max() < 1e-4, u.target.text


def test_whole_clips_with_their_lengths_are_decoded_once(tmp_path: Path, decoded_frames: list[int]) -> None:
    files = {f"{at}.mp3": wav(noise(at, 1.0), format="MP3", subtype="MPEG_LAYER_III") for at in range(10)}
    rows = [_row(None, 1.0, name=name) for name in files]
    report = ingest(folder_of(tmp_path / "s", {**files, "m.json": jsonl(*rows)}), tmp_path / "out")
    assert report.items_good == 10
    assert sum(decoded_frames) == 10 * 16_000


def test_times_of_rows(tmp_path: Path) -> None:
    """A file of 2.00 s."""
    rows = [
        _row(None, 2.04, "rounded up"),
        _row(None, 1.96, "rounded down"),
        _row(0, 1.5, "the first part"),
        _row(1.5, 0.53, "to the end, rounded"),
        _row(1.25, None, "to the end"),
        _row(1.5, 0.6, "beyond"),
        _row(2.0, 0.1, "behind"),
        _row(0.5, 0.01, "short"),
        _row(0.5, 1.4, "long"),
    ]
    source = folder_of(tmp_path / "s", {"a.audio": wav(noise(1, 2.0)), "m.json": jsonl(*rows)})
    report = ingest(source, tmp_path / "out", IngestLimits(max_item_s=1.3))
    assert codes(report) == {
        "a.audio (m.json:1)": "too_long",
        "a.audio (m.json:2)": "too_long",
        "a.audio (m.json:3)": "too_long",
        "a.audio (m.json:6)": "bad_times",
        "a.audio (m.json:7)": "bad_times",
        "a.audio (m.json:8)": "too_short",
        "a.audio (m.json:9)": "too_long",
    }
    assert reason(report, "a.audio (m.json:6)") == (
        "its row goes from 1.5 s to 2.1 s; its file lasts 2.000 s: allowed: times inside it -> correct the times of its row"
    )
    assert "it lasts 1.4 s; allowed: at most 1.3 s" in reason(report, "a.audio (m.json:9)")
    longer = ingest(source, tmp_path / "longer", IngestLimits(max_item_s=5), validation=UNJUDGED)
    assert codes(longer)["a.audio (m.json:2)"] == "duplicate_audio"  # both are the whole file
    found = {u.target.text: u.input.duration_s for u in read_manifest(tmp_path / "longer" / "manifest.jsonl")}
    assert found == {
        "rounded up": 2.0,
        "the first part": 1.5,
        "to the end, rounded": 0.5,
        "to the end": 0.75,
        "long": 1.4,
    }


def test_a_silent_part_is_set_aside_alone(tmp_path: Path) -> None:
    samples = noise(1, 2.0)
    samples[8000:16000] = 0
    rows = [_row(0, 0.5, "a"), _row(0.5, 0.5, "b"), _row(1.0, 0.5, "c")]
    report = ingest(folder_of(tmp_path / "s", {"a.audio": wav(samples), "m.json": jsonl(*rows)}), tmp_path / "out")
    assert codes(report) == {"a.audio (m.json:2)": "silent"}
    assert reason(report, "a.audio (m.json:2)").startswith("nothing in its 0.50 s is louder than -60 dB")


def test_a_file_that_is_damaged_is_looked_at_once(tmp_path: Path, decoded_frames: list[int]) -> None:
    data = wav(noise(1, 60.0), format="MP3", subtype="MPEG_LAYER_III")
    rows = [_row(at * 0.1, 0.1) for at in range(200)]
    files = {
        "a.audio": data[: len(data) // 2],
        "b.wav": wav(noise(2)),
        "m.json": jsonl(*rows, {**_row(0, 0.3), "audio_filepath": "b.wav"}),
    }
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out")
    assert report.set_aside_by_code == {"truncated": 200}
    assert sum(decoded_frames) < 2 * 60 * 16_000


def test_a_file_too_long_to_be_cut_costs_no_time(tmp_path: Path) -> None:
    files = {"a.audio": wav(noise(1, 3.0)), "b.audio": wav(noise(2, 1.0))}
    files["m.json"] = jsonl(_row(0, 1.0), _row(1, 1.0), _row(0.5, 0.5, name="b.audio"))
    began = time.process_time()
    report = ingest(folder_of(tmp_path / "s", files), tmp_path / "out", IngestLimits(max_file_s=2.0))
    assert time.process_time() - began < 5
    assert codes(report) == {"a.audio (m.json:1)": "too_long", "a.audio (m.json:2)": "too_long"}
    assert reason(report, "a.audio (m.json:1)").startswith(
        "its file lasts 3 s; allowed: at most 2 s, of which rows take parts"
    )


def test_rows_that_name_one_stretch_again_and_again_end(tmp_path: Path) -> None:
    rows = [_row(at / 1e6, 2.0) for at in range(100)]
    source = folder_of(tmp_path / "s", {"a.audio": wav(noise(1, 3.0)), "m.json": jsonl(*rows)})
    with pytest.raises(
        IngestError, match=r"the dataset has more than 0\.01 hours of audio, the most allowed: split it"
    ):
        ingest(source, tmp_path / "out", IngestLimits(max_audio_s=36.0))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("container", ["WAV", "MP3"])
def test_parts_of_several_files_are_read_at_the_same_time(tmp_path: Path, container: str) -> None:
    """Opened one after the other, read by threads, and closed long after the next file was opened."""
    subtype = "MPEG_LAYER_III" if container == "MP3" else "PCM_16"
    files = {f"{name}.audio": wav(noise(at, 10.0), 16_000, subtype, container) for at, name in enumerate("abc")}
    whole = {}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        whole[name] = read_audio(tmp_path / name)
    limits = IngestLimits()
    with (
        open_source(zip_of(tmp_path / "s.zip", files), limits, tmp_path) as source,
        Recordings(source, limits, tmp_path) as recordings,
        ThreadPoolExecutor(8) as pool,
        ExitStack() as opened,
    ):
        begun = []
        for entry in source.entries:
            for start in range(9):
                item = Item(entry, "", "", None, None, float(start), 1.0)
                file = opened.enter_context(recordings.open(item))
                begun.append((entry.path, start, pool.submit(read_audio, file, 16_000, float(start), 1.0)))
        for name, start, reading_ in begun:
            expected = whole[name][start * 16_000 : (start + 1) * 16_000]
            assert np.array_equal(reading_.result(), expected), (name, start)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []
