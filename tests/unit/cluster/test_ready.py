"""Processes that wait for a run: the marks that they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import ready
from cluster.prestart import worker_environment


def test_what_is_taken_once_is_not_taken_again(tmp_path: Path) -> None:
    ready.announce(tmp_path / "new", "key")
    folder = tmp_path / "new"
    assert ready.count(folder, "key") == 1
    assert ready.take(folder, "key", 2) == 1
    assert ready.count(folder, "key") == 0
    assert ready.take(folder, "key", 1) == 0


def test_no_more_are_taken_than_wanted(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        ready.announce(tmp_path, "key")
        ready.announce(tmp_path, "key", other.pid)
        assert ready.take(tmp_path, "key", 1) == 1
        assert ready.count(tmp_path, "key") == 1
        other.communicate(b"\n")


def test_those_of_other_runs_are_left(tmp_path: Path) -> None:
    ready.announce(tmp_path, "key")
    assert ready.take(tmp_path, "another", 1) == 0
    assert ready.count(tmp_path, "key") == 1


def test_a_process_that_ended_is_not_ready(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        ready.announce(tmp_path, "key", other.pid)
        assert ready.count(tmp_path, "key") == 1
        other.communicate(b"\n")
    assert ready.count(tmp_path, "key") == 0
    assert list(tmp_path.iterdir()) == []


def test_another_process_with_the_same_number_is_not_ready(tmp_path: Path) -> None:
    ready.announce(tmp_path, "key")
    (tmp_path / f"key.{os.getpid()}").write_text("12.5")
    assert ready.count(tmp_path, "key") == 0


def test_what_was_taken_and_not_used_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["ray::IDLE", "-c", "input()"]
    with subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE) as idle:
        ready.announce(tmp_path, "key", idle.pid)
        ready.announce(tmp_path, "key")  # this process is no idle one of Ray's: it is used
        assert ready.take(tmp_path, "key", 2) == 2
        assert ready.count(tmp_path, "key") == 0
        monkeypatch.setattr(ready, "_USE_S", 0.0)
        assert ready.count(tmp_path, "other") == 0
        assert ready.count(tmp_path, "key") == 1
        assert ready.take(tmp_path, "key", 2) == 1
        idle.communicate(b"\n")


def test_what_is_no_mark_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "key.notes").write_text("12.5")
    (tmp_path / f"key.{os.getpid()}").write_bytes(b"\xff")
    assert ready.count(tmp_path, "key") == 0
    assert ready.count(tmp_path / "missing", "key") == 0


def test_runs_share_processes_only_with_the_same_environment() -> None:
    packages, environ = Path("/packages"), {"PYTHONPATH": "/more", "RAY_TRAIN_V2_ENABLED": "1", "HOME": "/root"}
    job = {"env_vars": {"LIM_HOME": "/home"}}
    one = worker_environment(packages, job, environ)
    assert one.variables["PYTHONPATH"] == "/packages:/more"
    assert one.whole["env_vars"] == {**job["env_vars"], **one.variables}
    assert one.key == worker_environment(packages, job, {**environ, "HOME": "/other"}).key
    assert one.key != worker_environment(packages, job, {**environ, "RAY_TRAIN_V2_ENABLED": "0"}).key
    assert one.key != worker_environment(packages, {**job, "working_dir": "gcs://a.zip"}, environ).key
    assert one.key != worker_environment(packages, {"env_vars": {"LIM_HOME": "/another"}}, environ).key
