"""What a job's workers used, from the worker's thread to the answer."""

from __future__ import annotations

import os
import time
from typing import Any

import psutil
import pytest

from cluster import resource_use
from cluster.resource_use import ResourceUse
from engine.run.events import MemorySink
from services.api.context import Services
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor


def measured(rank: int = 0, seconds: float = 1.0) -> list[dict[str, Any]]:
    """The events of a worker that computes."""
    sink = MemorySink()
    with ResourceUse(sink.emit, "attempt", rank):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends or len(sink.events) < 3:
            sum(range(10_000))
    return [event.to_json() for event in sink.events]


async def test_what_a_worker_uses_is_measured_and_drawn(
    services: Services, ada: Visitor, bob: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_use, "_FIRST_S", 0.2)
    events = measured()
    job_id = await rows.job(services, ada)
    await rows.say(services, job_id, rows.metric(1, loss=2.0), *events, *measured(1))
    answer = await ada.get(f"/jobs/{job_id}/resources")
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["workers"]
    assert (first["worker"], second["worker"], first["gpu"]) == (0, 1, None)
    assert first["limits"]["host_memory_total_bytes"] == psutil.virtual_memory().total
    series = {each["name"]: each for each in first["series"]}
    assert list(series) == ["cpu_cores", "rss_bytes", "host_cpu_percent", "host_memory_bytes"]
    for each in series.values():
        assert len(each["times"]) == len(each["values"]) == each["total"] >= 3
        assert each["times"] == sorted(each["times"])
    rss = psutil.Process(os.getpid()).memory_info().rss
    assert rss / 2 < series["rss_bytes"]["values"][-1] < rss * 2
    assert 0.0 < max(series["cpu_cores"]["values"]) <= first["limits"]["host_cores"] + 0.5
    assert all(0 <= value <= 100 for value in series["host_cpu_percent"]["values"])
    few = (await ada.get(f"/jobs/{job_id}/resources", params={"points": 2})).json()["workers"][0]["series"][0]
    assert (few["sampled"], len(few["values"])) == (True, 2)
    assert (await bob.get(f"/jobs/{job_id}/resources")).status_code == 404

    metrics = (await ada.get(f"/jobs/{job_id}/metrics")).json()
    assert (metrics["total"], [item["step"] for item in metrics["items"]]) == (1, [1])
    assert [each["name"] for each in (await ada.get(f"/jobs/{job_id}/curves")).json()["series"]] == ["loss"]
    job = (await ada.get(f"/jobs/{job_id}")).json()
    assert (job["metrics"], job["step"]) == ({"loss": 2.0}, 1)


async def test_a_job_that_measured_nothing_has_no_workers(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada)
    assert (await ada.get(f"/jobs/{job_id}/resources")).json()["workers"] == []
    await rows.say(services, job_id, {"kind": "metric", "key": "r/1", "data": {"resources": ["odd"]}})
    await rows.say(
        services, job_id, {"kind": "metric", "key": "r/2", "data": {"resources": {"worker": 0, "cpu_cores": "x"}}}
    )
    [worker] = (await ada.get(f"/jobs/{job_id}/resources")).json()["workers"]
    assert worker["series"] == []


def test_samples_become_rarer_in_long_runs() -> None:
    now_s, samples = 0.0, 0
    while now_s < 7 * 86_400:
        now_s += resource_use._pause_s(now_s)
        samples += 1
    assert samples < 12_000
