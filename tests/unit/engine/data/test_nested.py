"""Folders with archives in them, and what stands for a dataset by itself."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from engine.data.limits import MIB, IngestLimits
from engine.data.manifest import read_manifest
from engine.errors import IngestError
from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import (
    audiofolder_csv,
    expected,
    file_names,
    kaldi,
    librispeech,
    nemo,
    parquet,
    spoken,
    tar_of,
    utterances,
)
from tests.unit.engine.data.recordings import (
    assert_survived,
    codes,
    folder_of,
    good,
    jsonl,
    noise,
    reason,
    wav,
    zip_of,
)


def test_metadata_beside_an_archive_of_recordings(tmp_path: Path) -> None:
    """As several uploaded files are: the archive's members stand where it lies."""
    corpus = spoken()
    files = nemo(corpus)
    source = folder_of(tmp_path / "up", {name: data for name, data in files.items() if name.endswith(".json")})
    tar_of(source / "audio.tar.gz", {name: data for name, data in files.items() if name.startswith("audio/")}, "w:gz")
    report = ingest(source, tmp_path / "out")
    assert report.set_aside == []
    assert utterances(tmp_path / "out") == expected(corpus)


def test_the_parts_of_a_corpus_as_they_are_downloaded(tmp_path: Path) -> None:
    """Each with the same `LICENSE`: so each stands in a folder called after it."""
    corpus = spoken()
    (tmp_path / "source").mkdir()
    for name, split in (("train-clean-100", "train"), ("dev-other", "validation"), ("test-clean", "test")):
        files = librispeech([s for s in corpus if s.split == split])
        tar_of(tmp_path / "source" / f"{name}.tar.gz", {**files, "LibriSpeech/LICENSE.TXT": b"CC BY"}, "w:gz")
    report = ingest(tmp_path / "source", tmp_path / "out")
    assert utterances(tmp_path / "out") == expected(corpus)
    assert codes(report) == {
        f"{name}/LibriSpeech/LICENSE.TXT": "not_audio" for name in ("train-clean-100", "dev-other", "test-clean")
    }


def test_an_archive_called_after_a_split_is_that_split(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    zip_of(tmp_path / "source" / "train.zip", {"7_ada_1.wav": wav(noise(1))})
    tar_of(tmp_path / "source" / "test.tar.xz", {"8_eve_1.wav": wav(noise(2))}, "w:xz")
    ingest(tmp_path / "source", tmp_path / "out")
    found = [(u.id, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    assert found == [("test.8_eve_1", "test"), ("train.7_ada_1", "train")]


def test_archives_that_give_the_same_paths_stand_apart(tmp_path: Path) -> None:
    corpus = spoken()
    (tmp_path / "source" / "deep").mkdir(parents=True)
    for name, rows in (("first", corpus[:3]), ("second", corpus[3:])):
        renamed = [replace(s, name=f"take{at}") for at, s in enumerate(rows)]
        tar_of(tmp_path / "source" / "deep" / f"{name}.tar.gz", audiofolder_csv(renamed), "w:gz")
    report = ingest(tmp_path / "source", tmp_path / "out")
    assert report.metadata_files == ["deep/first/metadata.csv", "deep/second/metadata.csv"]
    assert report.set_aside == []
    assert utterances(tmp_path / "out") == expected(corpus)


def test_a_bad_archive_in_a_folder_costs_only_itself(tmp_path: Path) -> None:
    files, samples = good()
    source = folder_of(tmp_path / "source", files)
    (source / "broken.zip").write_bytes(b"PK\3\4 and no more")
    (source / "more.rar").write_bytes(b"Rar!")
    (source / "notes.gz").write_bytes(gzip.compress(b"text"))
    (source / "bomb.tar.gz").write_bytes(gzip.compress(bytes(30 * MIB)))
    report = ingest(source, tmp_path / "out", IngestLimits(ratio_floor_bytes=MIB))
    assert codes(report) == {
        "bomb.tar.gz": "bad_archive",
        "broken.zip": "bad_archive",
        "more.rar": "nested_archive",
        "notes.gz": "nested_archive",
    }
    assert "broken.zip is not a zip archive, or it is damaged" in reason(report, "broken.zip")
    assert "bomb.tar.gz is a gzip bomb" in reason(report, "bomb.tar.gz")
    assert reason(report, "bomb.tar.gz").endswith(
        "make the archive again, or put the files themselves into the dataset"
    )
    assert_survived(tmp_path / "out", samples)


def test_faulty_members_of_archives_in_a_folder_are_named_with_their_archive(tmp_path: Path) -> None:
    files, samples = good()
    (tmp_path / "source").mkdir()
    zip_of(tmp_path / "source" / "a.zip", {**files, "../evil.wav": wav(noise(1))})
    report = ingest(tmp_path / "source", tmp_path / "out")
    assert codes(report) == {"a.zip: ../evil.wav": "unsafe_path"}
    assert_survived(tmp_path / "out", samples)


@pytest.mark.parametrize("outer", ["zip", "tar", "folder"])
def test_archives_in_archives_are_named_and_not_unpacked(tmp_path: Path, outer: str) -> None:
    files, samples = good()
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("1_eve_1.wav", wav(noise(1)))
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        info = tarfile.TarInfo("1_eve_2.wav")
        tar.addfile(info)
    files |= {"more.zip": zipped.getvalue(), "more.tar.gz": tarred.getvalue()}
    source = zip_of(tmp_path / "c.zip", files) if outer == "zip" else tar_of(tmp_path / "corpus.tar", files)
    if outer == "folder":
        (tmp_path / "folder").mkdir()
        source = source.rename(tmp_path / "folder" / "corpus.tar").parent
    report = ingest(source, tmp_path / "out")
    assert codes(report) == {"more.tar.gz": "nested_archive", "more.zip": "nested_archive"}
    assert_survived(tmp_path / "out", samples)


def test_limits_are_those_of_all_archives_together(tmp_path: Path) -> None:
    files, _ = good(4)
    (tmp_path / "source").mkdir()
    zip_of(tmp_path / "source" / "a.zip", files)
    tar_of(tmp_path / "source" / "b.tar", files)
    with pytest.raises(IngestError, match=r"the archives a\.zip, b\.tar have 8 members; allowed: at most 7: split"):
        ingest(tmp_path / "source", tmp_path / "out", IngestLimits(max_members=7))
    with pytest.raises(
        IngestError, match=r"the archives a\.zip, b\.tar unpack to [\d,]+ bytes; allowed: at most 50,000"
    ):
        ingest(tmp_path / "source", tmp_path / "out", IngestLimits(max_total_bytes=50_000))


def test_a_target_inside_the_source_is_not_read(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "source", file_names(spoken()))
    zip_of(source / "more.zip", {"9_zoe_1.wav": wav(noise(99))})
    (source / "out").mkdir()
    zip_of(source / "out" / "old.zip", {"9_zoe_2.wav": wav(noise(98))})
    report = ingest(source, source / "out")
    assert report.items_good == len(spoken()) + 1


def test_a_single_parquet_file_is_a_dataset(tmp_path: Path) -> None:
    corpus = [s for s in spoken() if s.split == "test"]
    (tmp_path / "test.parquet").write_bytes(parquet(corpus)["data/test-00000-of-00001.parquet"])
    report = ingest(tmp_path / "test.parquet", tmp_path / "out")
    assert report.layouts == ["parquet"]
    assert utterances(tmp_path / "out") == expected(corpus)


def test_recordings_of_one_archive_are_unpacked_once_however_its_rows_are_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty rows that change between two long recordings."""
    long = {name: noise(seed, 60.0) for seed, name in enumerate("ab")}
    rows = [
        {"audio_filepath": f"{'ab'[at % 2]}.wav", "offset": at * 1.0, "duration": 0.5, "text": f"{at}"}
        for at in range(40)
    ]
    files = {f"{name}.wav": wav(samples) for name, samples in long.items()} | {"m.json": jsonl(*rows)}
    source = zip_of(tmp_path / "long.zip", files)
    opened: list[str] = []
    open_member = zipfile.ZipFile.open

    def counting(self: zipfile.ZipFile, member: zipfile.ZipInfo) -> object:
        opened.append(member.filename)
        return open_member(self, member)

    monkeypatch.setattr(zipfile.ZipFile, "open", counting)
    report = ingest(source, tmp_path / "out")
    assert report.items_good == 40
    assert sorted(name for name in opened if name.endswith(".wav")) == ["a.wav", "b.wav"]
    found = {text: data for data, text, _, _ in utterances(tmp_path / "out")}
    for at in range(40):
        start = at * 16_000
        assert found[f"{at}"] == long["ab"[at % 2]][start : start + 8000].tobytes()


def test_a_folder_of_kaldi_data_with_its_recordings_in_a_tar(tmp_path: Path) -> None:
    corpus = spoken()
    files = kaldi(corpus)
    source = folder_of(tmp_path / "s", {name: data for name, data in files.items() if not name.endswith(".flac")})
    tar_of(source / "corpus.tar", {name: data for name, data in files.items() if name.endswith(".flac")})
    assert ingest(source, tmp_path / "out").layouts == ["kaldi"]
    assert utterances(tmp_path / "out") == expected(corpus)
