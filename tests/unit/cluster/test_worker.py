"""What a worker does around the training stage."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.config import ResourcesConfig, RunConfig
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from cluster.worker import Assignment, Place, prepare_process, read_failure, run
from engine.config.training import TrainingConfig
from engine.errors import TrainingError
from engine.models.catalogue import reference_to
from engine.process.threads import compute_threads
from engine.run.events import Event
from tests.unit.cluster.bucket import MemoryBucket
from tests.unit.engine.data.recordings import noise, wav


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryBucket:
    """Every store that a worker opens is this one."""
    bucket = MemoryBucket()
    monkeypatch.setattr(S3RunStore, "at", classmethod(lambda cls, uri, settings: cls(bucket, "less-is-more", "run")))
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    return bucket


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.jsonl").write_text("")
    return Assignment(
        config=RunConfig(name="one", data="data", training=TrainingConfig(max_steps=5)),
        storage=S3Settings(home=tmp_path / "home", endpoint_url="http://127.0.0.1:9"),
        uri="s3://less-is-more/run",
        attempt="first",
        beside=(str(tmp_path),),
    )


def events_of(bucket: MemoryBucket) -> list[dict[str, Any]]:
    parts = [data for key, data in sorted(bucket.objects.items()) if "/events/" in key]
    return [json.loads(line) for part in parts for line in part.splitlines()]


def test_the_stage_gets_what_it_needs(assignment: Assignment, bucket: MemoryBucket, tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    def stage(**arguments: Any) -> str:
        given.update(arguments)
        assert arguments["work_dir"].is_dir()
        arguments["events"].emit(Event("metric", "train/1", {"step": 1}))
        return "result"

    assert run(assignment, Place(), stage) == "result"  # type: ignore[arg-type, comparison-overlap]
    assert given["model"] == reference_to("whisper-pico")
    assert given["data"] == tmp_path / "data"
    assert given["config"].max_steps == 5
    assert given["threads"] == compute_threads()
    assert given["selection"] is None
    assert given["parallel"].world_size == 1
    assert given["should_stop"]() is False
    assert not given["work_dir"].exists()
    assert [event["key"] for event in events_of(bucket)] == ["train/1"]


def test_what_was_found_in_the_data_is_said_before_the_stage(
    assignment: Assignment, bucket: MemoryBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of recordings, of which one row has none."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.wav").write_bytes(wav(noise(ord(name), 0.5)))
    (folder / "metadata.csv").write_text("file_name,text\na.wav,one\nb.wav,two\ngone.wav,three\n")
    config = assignment.config.model_copy(update={"data": "recordings"})
    run(replace(assignment, config=config), Place(), lambda **arguments: None)  # type: ignore[arg-type]
    told = [(event["data"]["level"], event["data"]["message"]) for event in events_of(bucket)]
    assert told[0] == (
        "notice",
        "2 of 3 items are good: 1.0 s of audio, 0 speakers (of 2 items the speaker is not known)",
    )
    assert ("warning", "1 of 3 items were rejected:") in told
    assert any(level == "warning" and "missing_audio 1: gone.wav" in message for level, message in told)
    assert told[-1][1].startswith(f"The whole report: {tmp_path}/home/cache/datasets/ingested-")
    bucket.objects.clear()
    monkeypatch.setattr("cluster.event_relay.Hub.deliver", lambda self, batch: None)  # there is no cluster here
    run(replace(assignment, config=config, job_id="one"), Place(), lambda **arguments: None)  # type: ignore[arg-type]
    assert events_of(bucket)[-1]["data"]["message"] == "The whole report: the report of the dataset, on the platform"
    bucket.objects.clear()
    run(replace(assignment, config=config), Place(rank=1, workers=2), lambda **arguments: None)  # type: ignore[arg-type]
    assert events_of(bucket) == []


def test_the_stage_gets_the_selection(assignment: Assignment, bucket: MemoryBucket, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    given: dict[str, Any] = {}
    config = assignment.config.model_copy(update={"selection": "half"})
    run(replace(assignment, config=config), Place(), lambda **arguments: given.update(arguments))  # type: ignore[arg-type]
    assert given["selection"] == tmp_path / "half"


def test_a_failure_that_would_happen_again_is_not_tried_again(assignment: Assignment, bucket: MemoryBucket) -> None:
    calls = []

    def stage(**arguments: Any) -> None:
        calls.append(1)
        raise TrainingError("the loss of step 3 is nan")

    assert run(assignment, Place(), stage) is None
    assert run(assignment, Place(), stage) is None
    assert len(calls) == 1
    store = S3RunStore(bucket, "less-is-more", "run")
    assert read_failure(store, "first") == "the loss of step 3 is nan"
    assert read_failure(store, "second") is None
    (event,) = events_of(bucket)
    assert event["data"] == {"level": "warning", "message": "a worker failed: the loss of step 3 is nan"}


def test_with_several_workers_all_are_started_again_and_return(assignment: Assignment, bucket: MemoryBucket) -> None:
    def stage(**arguments: Any) -> None:
        raise TrainingError("the loss of step 3 is nan")

    with pytest.raises(TrainingError):
        run(assignment, Place(rank=0, workers=2), stage)
    assert run(assignment, Place(rank=0, workers=2), stage) is None
    assert run(assignment, Place(rank=1, workers=2), stage) is None


def test_any_other_failure_is_left_to_ray_train(assignment: Assignment, bucket: MemoryBucket) -> None:
    def stage(**arguments: Any) -> None:
        raise RuntimeError("connection reset by peer")

    with pytest.raises(RuntimeError):
        run(assignment, Place(), stage)
    assert read_failure(S3RunStore(bucket, "less-is-more", "run"), "first") is None
    (event,) = events_of(bucket)
    assert event["data"]["message"] == "a worker failed: RuntimeError: connection reset by peer"


def test_a_gpu_that_was_not_asked_for_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "0")
    prepare_process(ResourcesConfig(), Place(workers=2, workers_here=2))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["OMP_NUM_THREADS"] == str(compute_threads(2))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    prepare_process(ResourcesConfig(cpus_per_worker=3, gpus_per_worker=1, threads_per_worker=3), Place())
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert os.environ["OMP_NUM_THREADS"] == "3"
