"""A run's data on a node."""

from __future__ import annotations

import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cluster.errors import DatasetUnavailableError
from cluster.storage.dataset_cache import local_dataset, local_selection
from cluster.storage.settings import S3Settings
from engine.data.example import Label, Text
from engine.data.manifest import read_examples, read_manifest
from engine.errors import IngestError


@pytest.fixture
def settings(tmp_path: Path) -> S3Settings:
    return S3Settings(home=tmp_path / "home")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for take in range(3):
        record(folder, take)
    return folder


def record(folder: Path, take: int, seed: int | None = None) -> None:
    wave = np.random.default_rng(take if seed is None else seed).normal(0.0, 0.1, 8000).astype(np.float32)
    soundfile.write(folder / f"seven_anna_{take}.wav", wave, 16000)


def test_a_dataset_version_is_used_where_it_is(tmp_path: Path, settings: S3Settings) -> None:
    (tmp_path / "manifest.jsonl").write_text("")
    assert local_dataset(str(tmp_path), settings) == tmp_path
    assert not settings.home.exists()


def test_recordings_are_ingested_once(recordings: Path, settings: S3Settings) -> None:
    folder = local_dataset(str(recordings), settings)
    assert len(read_manifest(folder / "manifest.jsonl")) == 3
    before = (folder / "manifest.jsonl").stat()
    assert local_dataset(str(recordings), settings) == folder
    assert (folder / "manifest.jsonl").stat() == before


def test_recordings_of_another_task_are_another_dataset(recordings: Path, settings: S3Settings) -> None:
    (recordings / "metadata.csv").write_text(
        "file_name,text,label\n" + "".join(f"seven_anna_{take}.wav,seven,number\n" for take in range(3))
    )
    spoken = local_dataset(str(recordings), settings)
    classes = local_dataset(str(recordings), settings, task="audio_classification")
    assert classes != spoken
    assert {example.target for example in read_examples(classes / "manifest.jsonl")} == {Label("number")}
    assert {example.target for example in read_examples(spoken / "manifest.jsonl")} == {Text("seven")}


def test_changed_recordings_are_another_dataset(recordings: Path, settings: S3Settings) -> None:
    folder = local_dataset(str(recordings), settings)
    record(recordings, 3)
    again = local_dataset(str(recordings), settings)
    assert again != folder
    assert len(read_manifest(again / "manifest.jsonl")) == 4


def test_a_file_that_was_replaced_under_its_old_time_is_seen(recordings: Path, settings: S3Settings) -> None:
    """As `cp -p` and `tar` leave it: the same size, the same time of writing."""
    path = recordings / "seven_anna_0.wav"
    folder = local_dataset(str(recordings), settings)
    before = path.stat()
    record(recordings, 0, seed=9)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert local_dataset(str(recordings), settings) != folder


def test_the_language_of_a_run_reads_digits_in_names(tmp_path: Path, settings: S3Settings) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    for take in range(3):
        wave = np.random.default_rng(take).normal(0.0, 0.1, 8000).astype(np.float32)
        soundfile.write(folder / f"7_anna_{take}.wav", wave, 16000)
    for language, word in ((None, "seven"), ("de", "sieben"), ("German", "sieben"), ("auto", "seven")):
        version = local_dataset(str(folder), settings, language=language)
        assert {u.target.text for u in read_manifest(version / "manifest.jsonl")} == {word}


def test_another_version_of_the_software_reads_the_recordings_again(
    recordings: Path, settings: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_dataset(str(recordings), settings)
    monkeypatch.setattr("cluster.storage.dataset_cache.code_version", lambda: "0.0.9+other")
    assert local_dataset(str(recordings), settings) != folder


def test_workers_that_start_at_once_share_one(recordings: Path, settings: S3Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: local_dataset(str(recordings), settings), range(4)))
    assert len(folders) == 1
    kept = [path for path in (settings.home / "cache" / "datasets").iterdir() if path.is_dir()]
    assert kept == list(folders)


def test_what_a_killed_worker_left_is_cleared(recordings: Path, settings: S3Settings) -> None:
    folder = local_dataset(str(recordings), settings)
    (folder / "manifest.jsonl").unlink()
    left = folder.parent / f".{folder.name}.half"
    left.mkdir()
    assert local_dataset(str(recordings), settings) == folder
    assert (folder / "manifest.jsonl").exists()
    assert not left.exists()


def test_a_relative_path_is_looked_for_beside(
    recordings: Path, settings: S3Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert local_dataset("recordings", settings, beside=[tmp_path])
    with pytest.raises(DatasetUnavailableError, match=rf"no data at {elsewhere}/gone, {tmp_path}/gone on") as raised:
        local_dataset("gone", settings, beside=[tmp_path])
    assert os.uname().nodename in str(raised.value)
    assert "s3://bucket/prefix" in str(raised.value)


def test_nothing_good(tmp_path: Path, settings: S3Settings) -> None:
    (tmp_path / "notes.txt").write_text("no audio")
    with pytest.raises(IngestError):
        local_dataset(str(tmp_path), settings)


def test_an_archive_is_ingested_as_its_folder_is(recordings: Path, settings: S3Settings, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "recordings.tar.gz", "w:gz") as archive:
        archive.add(recordings, "recordings")
    folder = local_dataset(str(tmp_path / "recordings.tar.gz"), settings)
    of_folder = local_dataset(str(recordings), settings)
    assert (folder / "manifest.jsonl").read_bytes() == (of_folder / "manifest.jsonl").read_bytes()


def test_a_local_selection_is_used_where_it_is(tmp_path: Path, settings: S3Settings) -> None:
    folder = tmp_path / "beside" / "half"
    folder.mkdir(parents=True)
    assert local_selection("half", settings, tmp_path / "unused", beside=[tmp_path / "beside"]) == folder
    with pytest.raises(DatasetUnavailableError, match="no data at"):
        local_selection("third", settings, tmp_path / "unused", beside=[tmp_path / "beside"])
