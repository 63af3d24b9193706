"""How many threads a training process gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.process import threads
from engine.process.threads import compute_threads, processors


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 64),
        ({"cpu.max": "max 100000"}, 64),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_a_quota_counts_as_processors(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(64)))
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert processors(tmp_path) == expected


@pytest.mark.parametrize(
    ("count", "workers", "expected"), [(1, 1, 1), (2, 1, 1), (4, 1, 3), (8, 2, 3), (2, 2, 1), (2, 5, 1)]
)
def test_one_processor_of_each_share_makes_batches_ready(
    monkeypatch: pytest.MonkeyPatch, count: int, workers: int, expected: int
) -> None:
    monkeypatch.setattr(threads, "processors", lambda: count)
    assert compute_threads(workers) == expected
