"""What a worker does around the training stage."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.config import RunConfig
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from cluster.worker import Assignment
from engine.config.training import TrainingConfig
from tests.unit.cluster.bucket import MemoryBucket


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


def test_an_assignment_travels_without_torch(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "assignment").write_bytes(pickle.dumps(assignment))
    code = (
        "import pickle, sys; from pathlib import Path; "
        f"read = pickle.loads(Path({str(tmp_path / 'assignment')!r}).read_bytes()); "
        "assert read.config.name == 'one' and callable(read); "
        "sys.exit(' '.join({'torch', 'transformers', 'ray'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
