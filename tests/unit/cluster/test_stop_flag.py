"""Asking a run to end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cluster import stop_flag
from cluster.errors import ObjectStorageError
from cluster.stop_flag import STOP_KEY, StopFlag
from engine.run.store import LocalRunStore


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_flag, "_LOOK_S", 0.01)


def wait_for(flag: StopFlag) -> bool:
    deadline = time.monotonic() + 10.0
    while not flag() and time.monotonic() < deadline:
        time.sleep(0.01)
    return flag()


def test_the_flag_is_seen(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    with StopFlag(store) as flag:
        time.sleep(0.05)
        assert not flag()
        store.put_bytes(STOP_KEY, b"")
        assert wait_for(flag)


def test_a_store_that_is_away_stops_nothing(tmp_path: Path) -> None:
    class AwayStore(LocalRunStore):
        def list(self, prefix: str) -> list[str]:
            if not away:
                return super().list(prefix)
            raise ObjectStorageError("the store does not answer")

    away = [True]
    store = AwayStore(tmp_path)
    store.put_bytes(STOP_KEY, b"")
    with StopFlag(store) as flag:
        time.sleep(0.05)
        assert not flag()
        away.clear()
        assert wait_for(flag)
