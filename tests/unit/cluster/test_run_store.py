"""A run's files in S3: keys, faults that pass, faults that stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import ClusterError, ObjectStorageError
from cluster.storage import run_store
from cluster.storage.run_store import S3RunStore
from engine.errors import ObjectNotFoundError, StorageError
from tests.unit.cluster.bucket import MemoryBucket, refusal, silence


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_store, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(run_store, "_LONGEST_PAUSE_S", 0.01)


def store(bucket: MemoryBucket, prefix: str = "runs/one", patience_s: float = 5.0) -> S3RunStore:
    return S3RunStore(bucket, "less-is-more", prefix, patience_s=patience_s)


def test_what_is_put_is_got(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    files = store(bucket)
    source = tmp_path / "source"
    source.write_bytes(b"weights")
    files.put("adapter/weights", source)
    files.put_bytes("result.json", b"{}")
    assert set(bucket.objects) == {"runs/one/adapter/weights", "runs/one/result.json"}
    files.get("adapter/weights", tmp_path / "deep" / "target")
    assert (tmp_path / "deep" / "target").read_bytes() == b"weights"
    assert files.get_bytes("result.json") == b"{}"


def test_a_prefix_names_whole_parts() -> None:
    files = store(MemoryBucket())
    for key in ("a/b", "a/bc", "a/b2/c", "a/d/e", "f"):
        files.put_bytes(key, b"")
    assert files.list("a/b") == ["a/b"]
    assert files.list("a") == files.list("a/") == ["a/b", "a/b2/c", "a/bc", "a/d/e"]
    files.delete("a/d")
    files.delete("nothing")
    assert files.list("") == ["a/b", "a/b2/c", "a/bc", "f"]


def test_two_runs_do_not_see_each_other() -> None:
    bucket = MemoryBucket()
    store(bucket, "runs/one").put_bytes("a", b"1")
    store(bucket, "runs/one-more").put_bytes("a", b"2")
    assert store(bucket, "runs/one").list("") == ["a"]


def test_no_such_object() -> None:
    with pytest.raises(ObjectNotFoundError, match=r"get 'a/b': no such object in .*s3://less-is-more/runs/one"):
        store(MemoryBucket()).get_bytes("a/b")


def test_a_key_does_not_lead_out_of_the_run() -> None:
    bucket = MemoryBucket()
    with pytest.raises(StorageError, match="a key is relative"):
        store(bucket).put_bytes("../two/result.json", b"")
    assert bucket.calls == 0


@pytest.mark.parametrize("fault", [silence(), refusal("SlowDown", 503), refusal("InternalError", 500), TimeoutError()])
def test_faults_that_pass(fault: Exception) -> None:
    files = store(MemoryBucket(fault, fault))
    files.put_bytes("a", b"1")
    assert files.get_bytes("a") == b"1"


def test_a_file_is_read_from_its_start_again(tmp_path: Path) -> None:
    bucket = MemoryBucket(silence())
    (tmp_path / "source").write_bytes(b"whole")
    store(bucket).put("a", tmp_path / "source")
    assert bucket.objects["runs/one/a"] == b"whole"


def test_a_store_that_stays_silent() -> None:
    bucket = MemoryBucket(*[silence() for _ in range(1000)])
    with pytest.raises(ObjectStorageError, match="Check that the store runs, the keys and the bucket") as raised:
        store(bucket, patience_s=0.05).put_bytes("a", b"")
    assert bucket.calls > 2
    assert isinstance(raised.value, ClusterError)
    assert isinstance(raised.value, StorageError)


def test_a_refusal_is_not_asked_again() -> None:
    bucket = MemoryBucket(refusal("AccessDenied", 403))
    with pytest.raises(ObjectStorageError, match="AccessDenied"):
        store(bucket).put_bytes("a", b"")
    assert bucket.calls == 1


def test_half_a_download_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ObjectStorageError):
        store(MemoryBucket(refusal("AccessDenied", 403))).get("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
