"""What becomes of uploaded files, by what they are."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from cluster.ingestion.config import FetchConfig, UploadedFile, UploadSource
from cluster.ingestion.processing import Outcome, process
from cluster.ingestion.sources import Imports
from cluster.storage.settings import S3Settings
from engine.data.revision import VersionRecord
from engine.run.store import LocalRunStore
from tests.unit.engine.data.corpora import STRUCTURES, audiofolder_csv, nemo, parquet, spoken
from tests.unit.engine.data.recordings import noise, wav


def tar_gz(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def _process(tmp_path: Path, files: dict[str, bytes], **record: str) -> Outcome:
    """As the queue does: the files lie under keys that say nothing of their names."""
    uploads, version = LocalRunStore(tmp_path / "uploads"), LocalRunStore(tmp_path / "version")
    uploaded = [UploadedFile(name=name, key=f"key-{at}") for at, name in enumerate(files)]
    for file in uploaded:
        uploads.put_bytes(file.key, files[file.name])
    imports = Imports.of(S3Settings.from_environment({}), FetchConfig())
    (work := tmp_path / "work").mkdir(parents=True)
    source, how = UploadSource(files=uploaded), VersionRecord.model_validate(record)
    outcome = process(source, how, uploads, version, imports, work)
    assert (outcome.version is None) == (version.list("") == [])
    return outcome


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_tar_gz_of_any_structure(tmp_path: Path, structure: str) -> None:
    outcome = _process(tmp_path, {"my data.tar.gz": tar_gz(STRUCTURES[structure].write(spoken()))})
    assert outcome.version is not None
    assert outcome.version.utterances == len(spoken())
    assert outcome.report is not None
    assert outcome.report["layout"] == STRUCTURES[structure].kind


@pytest.mark.parametrize(
    ("task", "target", "text"),
    [
        ("audio_classification", {"type": "labels", "labels": ["dog", "rain"]}, "dog; rain"),
        ("captioning", {"type": "captions", "captions": ["a dog", "barking"]}, "a dog\nbarking"),
    ],
)
def test_a_dataset_of_another_task_has_its_targets(tmp_path: Path, task: str, target: object, text: str) -> None:
    table = b"file_name,labels,caption_1,caption_2\n1.wav,dog;rain,a dog,barking\n2.wav,rain,rain falls,\n"
    files = {"metadata.csv": table, "1.wav": wav(noise(1)), "2.wav": wav(noise(2))}
    outcome = _process(tmp_path, files, task=task)
    assert outcome.version is not None
    assert (outcome.version.sample[0]["target"], outcome.version.sample[0]["text"]) == (target, text)
    counts = outcome.version.statistics
    assert counts["target"] == outcome.version.sample[0]["target"]["type"]
    assert (counts["labels"], counts["captions"]) == (({"rain": 2, "dog": 1}, 0) if task != "captioning" else ({}, 3))


def test_several_files_are_one_dataset(tmp_path: Path) -> None:
    files = nemo(spoken())
    lists = {name: data for name, data in files.items() if name.endswith(".json")}
    audio = tar_gz({name: data for name, data in files.items() if name.endswith(".wav")})
    outcome = _process(tmp_path, {**lists, "audio.tar.gz": audio})
    assert outcome.version is not None
    assert outcome.version.utterances == len(spoken())


def test_one_parquet_file_and_several(tmp_path: Path) -> None:
    files = {name.rpartition("/")[2]: data for name, data in parquet(spoken()).items()}
    outcome = _process(tmp_path / "all", files)
    assert outcome.version is not None
    assert outcome.version.statistics["splits"] == {"test": 2, "train": 4, "validation": 1}
    name = "validation-00000-of-00001.parquet"
    outcome = _process(tmp_path / "one", {name: files[name]})
    assert outcome.version is not None
    assert outcome.version.statistics["splits"] == {"validation": 1}


def test_loose_files_and_a_single_recording(tmp_path: Path) -> None:
    outcome = _process(tmp_path / "loose", audiofolder_csv(spoken()))
    assert outcome.version is not None
    outcome = _process(tmp_path / "one", {"7_ada_1.wav": wav(noise(1))})
    assert outcome.version is not None
    assert outcome.version.sample[0]["text"] == "seven"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.tar", "a.tar is not a tar archive, or it is damaged or cut short"),
        ("a.zip", "a.zip is not a zip archive, or it is damaged or cut short"),
        ("a.parquet", "a.parquet cannot be read: it is not a Parquet file"),
    ],
)
def test_what_is_not_what_it_is_called_ends_with_the_reason(tmp_path: Path, name: str, message: str) -> None:
    outcome = _process(tmp_path, {name: b"hello, this is something else"})
    assert outcome.version is None
    assert message in (outcome.error or "")
