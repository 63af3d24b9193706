"""`python -m cluster.ingest` as a person runs it: a folder, a bucket, a version that is there already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.ingest import OUTCOME_KEY, main
from cluster.storage.client import ensure_bucket, make_client
from cluster.storage.embedded import EmbeddedS3
from cluster.storage.run_store import S3RunStore
from engine.data.manifest import read_examples
from tests.unit.engine.data.recordings import noise, wav

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "recordings"


@pytest.fixture
def s3(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedS3]:
    """An object store that the environment names."""
    with EmbeddedS3.start(tmp_path_factory.mktemp("s3")) as server:
        for name, value in server.settings.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Three good recordings, and one without a text."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(wav(noise(number + 1)))
    (folder / "metadata.csv").write_text("file_name,text\n0.wav,one\n1.wav,two\n2.wav,three\n")
    return folder


def store_at(s3: EmbeddedS3, prefix: str, bucket: str | None = None) -> S3RunStore:
    return S3RunStore(make_client(s3.settings), bucket or s3.settings.bucket, prefix)


def described(tmp_path: Path, **config: Any) -> str:
    path = tmp_path / "ingestion.yaml"
    path.write_text(yaml.safe_dump({"name": "speech", **config}))
    return str(path)


def test_a_folder_becomes_a_version(s3: EmbeddedS3, recordings: Path, tmp_path: Path) -> None:
    config = described(tmp_path, source={"type": "folder", "path": str(recordings)})
    done = subprocess.run(
        [sys.executable, "-m", "cluster.ingest", "--config", config],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 of 4 items are good" in done.stdout
    version, run = store_at(s3, "datasets/speech/v1"), store_at(s3, "ingestions/speech")
    assert {"manifest.jsonl", "version.json", "report.json", "items.jsonl"} <= set(version.list(""))
    version.get("manifest.jsonl", tmp_path / "manifest.jsonl")
    assert [example.target.text for example in read_examples(tmp_path / "manifest.jsonl")] == ["one", "two", "three"]
    result = json.loads(run.get_bytes("result.json"))
    told = {name: result[name] for name in ("status", "version", "utterances", "items")}
    assert told == {
        "status": "succeeded",
        "version": f"s3://{version.bucket}/{version.prefix}",
        "utterances": 3,
        "items": 4,
    }
    assert recordings.is_dir()  # a person's own files stay
    events = [json.loads(line) for key in run.list("events") for line in run.get_bytes(key).splitlines()]
    assert [event["data"]["phase"] for event in events if event["kind"] == "status"] == [
        "fetching",
        "reading",
        "storing",
    ]
    assert [event["data"]["progress"] for event in events if event["kind"] == "metric"][-1] == 1.0
    [report] = [event["data"] for event in events if event["kind"] == "artifact"]
    assert (report["name"], report["kind"], report["size"]) == ("report.json", "report", run.size("report.json"))
    assert json.loads(run.get_bytes(OUTCOME_KEY))["version"]["items"] == 4

    assert main(["--config", config]) == 0  # made already
    assert main(["--config", config, "--set", "record.options.language=de"]) == 2  # other options, the same name
    other = ["--config", config, "--set", "name=other", "--set", f"version=s3://{version.bucket}/{version.prefix}"]
    assert main(other) == 0  # the same version once more
    assert main([*other, "--set", "name=third", "--set", "record.options.language=de"]) == 2  # it never changes
    assert len(version.list("")) == len(set(version.list("")))


def test_a_folder_of_something_else_is_not_touched(
    s3: EmbeddedS3, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = store_at(s3, "theirs")
    theirs.put_bytes("thesis.pdf", b"years of work")
    config = described(
        tmp_path, source={"type": "folder", "path": str(recordings)}, version=f"s3://{theirs.bucket}/theirs"
    )
    assert main(["--config", config]) == 2
    assert "holds files that are no dataset version; give an empty folder" in capsys.readouterr().err
    assert theirs.list("") == ["thesis.pdf"]


def test_a_bucket_is_fetched_once(s3: EmbeddedS3, recordings: Path, tmp_path: Path) -> None:
    ensure_bucket(make_client(s3.settings), BUCKET)
    source = store_at(s3, "speech", BUCKET)
    for path in recordings.iterdir():
        source.put(path.name, path)
    config = described(tmp_path, source={"type": "s3", "uri": f"s3://{BUCKET}/speech"})
    assert main(["--config", config, "--set", "until=fetched"]) == 0
    kept = store_at(s3, "ingestions/speech/source")
    assert len(kept.list("fetched")) == 5
    assert store_at(s3, "datasets/speech").list("") == []
    source.delete("")
    assert main(["--config", config]) == 0
    assert "manifest.jsonl" in store_at(s3, "datasets/speech/v1").list("")


def test_what_gives_nothing_is_refused(s3: EmbeddedS3, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for source, message in (
        ({"type": "folder", "path": str(tmp_path / "empty")}, "found no recording"),
        ({"type": "folder", "path": str(tmp_path / "none")}, "found nothing at"),
        ({"type": "s3", "uri": f"s3://{s3.settings.bucket}/nothing"}, "holds nothing; give an object"),
        ({"type": "url", "url": "http://127.0.0.1/a.zip"}, "127.0.0.1 is not a public address"),
    ):
        assert main(["--config", described(tmp_path, source=source)]) == 2
        assert message in capsys.readouterr().err
    assert main(["--config", described(tmp_path, source={"type": "ftp"})]) == 2
    assert "source" in capsys.readouterr().err
