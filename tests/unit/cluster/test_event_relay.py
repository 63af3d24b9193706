"""Events on their way out: everything arrives, nothing waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cluster import event_relay
from cluster.errors import ObjectStorageError
from cluster.event_relay import DeliveryError, EventRelay
from engine.run.events import Event
from engine.run.store import LocalRunStore


def metric(step: int) -> Event:
    return Event("metric", f"train/{step}", {"step": step, "loss": 1.0 / step})


def keys(store: LocalRunStore) -> list[str]:
    parts = [store.get_bytes(key) for key in store.list("events")]
    return [json.loads(line)["key"] for part in parts for line in part.splitlines()]


class FailingStore(LocalRunStore):
    """Refuses the first writes."""

    def __init__(self, folder: Path, failures: int) -> None:
        super().__init__(folder)
        self.failures = failures

    def put_bytes(self, key: str, data: bytes) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ObjectStorageError("the store does not answer")
        super().put_bytes(key, data)


class RecordingHub:
    """Takes batches; refuses the first ones."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[str] = []

    def deliver(self, batch: Sequence[Mapping[str, Any]]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise DeliveryError("no hub")
        self.taken += [str(event["key"]) for event in batch]


def test_events_become_numbered_parts(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    with EventRelay(store) as relay:
        relay.emit(metric(1))
        relay.flush()
        relay.emit(metric(2))
        relay.emit(metric(3))
    assert store.list("events") == ["events/00000000.jsonl", "events/00000001.jsonl"]
    assert keys(store) == ["train/1", "train/2", "train/3"]


def test_a_resumed_run_goes_on_after_the_last_part(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    for step in (1, 2):
        with EventRelay(store) as relay:
            relay.emit(metric(step))
    assert store.list("events") == ["events/00000000.jsonl", "events/00000001.jsonl"]


def test_many_events_do_not_make_many_files(tmp_path: Path) -> None:
    store = LocalRunStore(tmp_path)
    with EventRelay(store) as relay:
        for step in range(1, 1001):
            relay.emit(metric(step))
    assert len(store.list("events")) <= 2
    assert keys(store) == [f"train/{step}" for step in range(1, 1001)]


def test_a_store_that_comes_back_gets_everything_in_order(tmp_path: Path) -> None:
    store = FailingStore(tmp_path, failures=2)
    with EventRelay(store) as relay:
        for step in range(1, 4):
            relay.emit(metric(step))
        relay.flush(timeout_s=10.0)
    assert keys(store) == ["train/1", "train/2", "train/3"]


def test_flush_gives_up_on_a_store_that_stays_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    relay = EventRelay(FailingStore(tmp_path, failures=10**9))
    relay.emit(metric(1))
    relay.close(timeout_s=0.1)
    assert "1 events are not in the run's files yet" in caplog.text


def test_the_hub_gets_what_the_files_get(tmp_path: Path) -> None:
    hub = RecordingHub(failures=1)
    store = LocalRunStore(tmp_path)
    with EventRelay(store, "job", hub=hub) as relay:
        for step in range(1, 4):
            relay.emit(metric(step))
    assert hub.taken == keys(store) == ["train/1", "train/2", "train/3"]


def test_a_hub_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    hanging = threading.Event()

    class HangingHub:
        def deliver(self, batch: Sequence[Mapping[str, Any]]) -> None:
            hanging.wait(30.0)

    store = LocalRunStore(tmp_path)
    relay = EventRelay(store, "job", hub=HangingHub())
    started = time.monotonic()
    for step in range(1, 1001):
        relay.emit(metric(step))
    relay.flush()
    relay.close(timeout_s=0.2)
    assert len(keys(store)) == 1000
    assert time.monotonic() - started < 20.0
    hanging.set()


def test_no_hub_at_all(tmp_path: Path) -> None:
    """This process is not connected to Ray; the relay finds that out by itself."""
    store = LocalRunStore(tmp_path)
    relay = EventRelay(store, "job")
    relay.emit(metric(1))
    relay.flush()
    relay.close(timeout_s=0.2)
    assert keys(store) == ["train/1"]


def test_the_buffer_is_bounded_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_relay, "_CAPACITY", 10)
    blocked = threading.Event()

    class BlockedStore(LocalRunStore):
        def put_bytes(self, key: str, data: bytes) -> None:
            blocked.wait(10.0)
            super().put_bytes(key, data)

    store = BlockedStore(tmp_path)
    with EventRelay(store) as relay:
        for step in range(1, 31):
            relay.emit(metric(step))
        blocked.set()
    assert keys(store)[-10:] == [f"train/{step}" for step in range(21, 31)]
