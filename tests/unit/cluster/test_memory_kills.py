"""Which failures of workers are kills for memory, and how many failures a run survives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayActorError

from cluster.errors import ObjectStorageError, RunFailedError
from cluster.in_training import IN_TRAINING, InTraining, in_training, workers_in_training
from cluster.memory_kills import MemoryWatch, find_kill, record_kill_of_controller
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.process.oom_kills import OomKills
from engine.run.step_downs import read_kills
from engine.run.store import LocalRunStore
from tests.unit.cluster.bucket import MemoryBucket

REPORT = (
    "1 worker(s) were killed due to the node running low on memory. Memory on the node was 3.37GB used\n"
    "OOM kill reason: Memory usage 3607818240B exceeded threshold of 3576624896B (14.1% of 25276502016B limit)\n"
    "Top 10 memory users: PID"
)


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This process is on a node of Ray."""
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "here"))
    yield "here"


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    path = tmp_path / "memory.events"
    path.write_text("oom 0\noom_kill 4\n")
    return path


def _worker(counter: Path, rank: int = 0) -> InTraining:
    return InTraining(rank=rank, node_id="here", kills=OomKills(path=str(counter), count=4))


def test_rays_monitor_says_it(counter: Path) -> None:
    kill = find_kill([_worker(counter, 1)], {0: RuntimeError("connection reset"), 1: OutOfMemoryError(REPORT)})
    assert kill is not None
    assert (kill.rank, kill.found) == (
        1,
        "Ray's memory monitor: Memory usage 3607818240B exceeded threshold of 3576624896B (14.1% of 25276502016B limit)",
    )


def test_the_kernel_counts_it(counter: Path) -> None:
    died = {0: ActorDiedError()}
    assert find_kill([_worker(counter)], died) is None, "a SIGKILL alone proves nothing"
    counter.write_text("oom 1\noom_kill 5\n")
    kill = find_kill([_worker(counter)], died)
    assert kill is not None
    assert kill.found == f"the kernel's out-of-memory killer: {counter} counts 5 kills, 4 before"
    assert find_kill([_worker(counter)], {0: RuntimeError("a fault of its own")}) is None
    assert find_kill([_worker(counter, 1)], died) is None, "another worker died"
    assert find_kill([InTraining(rank=0, node_id="here", kills=None)], died) is None


def test_who_does_not_train_needs_no_smaller_micro_batches() -> None:
    assert find_kill([], {0: OutOfMemoryError(REPORT)}) is None


def test_a_worker_says_that_it_trains_until_it_ends(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    with in_training(store, 2):
        [worker] = workers_in_training(store)
        assert (worker.rank, worker.node_id) == (2, "here")
    assert workers_in_training(store) == []
    with pytest.raises(KeyError), in_training(store, 2):
        raise KeyError
    assert workers_in_training(store) == []


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryBucket:
    bucket = MemoryBucket()
    monkeypatch.setattr(S3RunStore, "at", classmethod(lambda cls, uri, settings: cls(bucket, "less-is-more", "run")))
    return bucket


@pytest.fixture
def watch(tmp_path: Path) -> MemoryWatch:
    return MemoryWatch("s3://less-is-more/run", S3Settings(home=tmp_path), max_failures=1)


class Wrapped(Exception):
    def __init__(self, failure: Exception) -> None:
        super().__init__(f"A worker health check failed.\n{failure}")
        self.health_check_failure = failure


def _fail(watch: MemoryWatch, error: Exception) -> None:
    watch.after_exception(None, {0: error})  # type: ignore[arg-type]


def test_kills_for_memory_do_not_use_up_the_failures_of_another_kind(
    watch: MemoryWatch, bucket: MemoryBucket, counter: Path
) -> None:
    store: Any = S3RunStore.at("", S3Settings(home=counter.parent))
    for kills in range(1, 4):
        store.put_bytes(f"{IN_TRAINING}/0.json", _worker(counter).model_dump_json().encode())
        _fail(watch, Wrapped(OutOfMemoryError(REPORT)))
        assert len(read_kills(store)) == kills
        assert store.list(IN_TRAINING) == []
    _fail(watch, Wrapped(ActorDiedError()))
    with pytest.raises(RunFailedError, match="the workers failed permanently: worker 0: RuntimeError: broken"):
        _fail(watch, RuntimeError("first\nRuntimeError: broken"))
    assert len(read_kills(store)) == 3


def test_a_kill_of_the_controller_is_one_of_training_if_workers_trained(tmp_path: Path, counter: Path) -> None:
    store = LocalRunStore(tmp_path / "store")
    error = OutOfMemoryError(REPORT)
    assert not record_kill_of_controller(store, error, known=0)
    store.put_bytes(f"{IN_TRAINING}/0.json", _worker(counter).model_dump_json().encode())
    assert record_kill_of_controller(store, error, known=0)
    [kill] = read_kills(store)
    assert kill.found.startswith("Ray's memory monitor: Memory usage 3607818240B")
    assert store.list(IN_TRAINING) == []
    assert record_kill_of_controller(store, error, known=0), "the controller recorded it before it was killed itself"
    assert not record_kill_of_controller(store, error, known=1)
    assert len(read_kills(store)) == 1


def test_preempted_workers_count_for_nothing(watch: MemoryWatch, bucket: MemoryBucket) -> None:
    for _ in range(3):
        _fail(watch, Wrapped(RayActorError(preempted=True)))


def test_a_store_that_does_not_answer_makes_it_an_ordinary_failure(
    watch: MemoryWatch, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: S3RunStore, prefix: str) -> list[str]:
        raise ObjectStorageError("the store does not answer")

    monkeypatch.setattr(S3RunStore, "list", silent)
    _fail(watch, Wrapped(OutOfMemoryError(REPORT)))
    with pytest.raises(RunFailedError):
        _fail(watch, Wrapped(OutOfMemoryError(REPORT)))
