"""What a queued job says of its place: what the hub's next round does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cluster.runtime import Node
from engine.run.store import LocalRunStore
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.database.prepared import Prepared
from services.errors import UnavailableError
from services.jobs import waiting
from services.jobs.cluster_view import RayView
from services.jobs.reconciler import Capacity
from tests.integration.services import rows
from tests.integration.services.test_reconciler import Scene, StandIn
from tests.integration.services.visitors import Visitor

BIG = {"num_workers": 2, "cpus_per_worker": 1, "memory_bytes_per_worker": 2**30}


class TwoCpus(RayView):
    is_away = False

    def nodes(self) -> Sequence[Node]:
        if self.is_away:
            raise UnavailableError("away")
        return [Node("one (10.0.0.1)", 2.0, 0.0, 3.0 * 2**30, {"lim/site": "lab"})]


@pytest.fixture
async def cluster(services: Services, change: Any) -> TwoCpus:
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    view = TwoCpus()
    change(cluster=view)
    return view


async def queue_of(visitor: Visitor, job_id: Any) -> Any:
    return (await visitor.get(f"/jobs/{job_id}")).json()["queue"]


async def test_a_place_is_told_with_its_reason(
    services: Services, ada: Visitor, bob: Visitor, cluster: TwoCpus
) -> None:
    running = await rows.job(services, ada, status="running")
    first = await rows.job(services, bob, status="queued", resources=BIG)
    second = await rows.job(services, ada, status="queued", name="secret")
    third = await rows.job(services, ada, status="queued")
    assert await queue_of(ada, running) is None
    assert await queue_of(bob, first) == {
        "position": 1,
        "reason": "resources",
        "text": "It needs 2 CPUs and 2.0 GiB of memory; free now: 1 CPU and 3.0 GiB of memory. It is next when enough is free.",
    }
    listed = {each["id"]: each["queue"] for each in (await ada.get("/jobs")).json()["items"]}
    assert listed[str(running)] is None
    assert (listed[str(second)]["position"], listed[str(second)]["reason"]) == (2, "other_earlier")
    assert (listed[str(third)]["position"], listed[str(third)]["reason"]) == (3, "own_earlier")
    assert (await bob.get(f"/jobs/{second}")).status_code == 404
    assert "secret" not in (await bob.get("/jobs")).text


async def test_a_job_queued_a_moment_ago_is_found(services: Services, ada: Visitor, cluster: TwoCpus) -> None:
    first = await rows.job(services, ada, status="queued")
    assert (await queue_of(ada, first))["reason"] == "starting"
    await asyncio.sleep(0.25)  # within the time that a snapshot is used
    second = await rows.job(services, ada, status="queued")
    assert (await queue_of(ada, second))["position"] == 2


async def test_one_query_serves_many_reads(
    services: Services, ada: Visitor, bob: Visitor, cluster: TwoCpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for visitor in (ada, bob):
        for _ in range(3):
            await rows.job(services, visitor, status="queued")
    read, seen = Prepared.rows, []

    async def watched(self: Prepared, connection: Any, values: Any) -> Any:
        seen.append(self)
        return await read(self, connection, values)

    monkeypatch.setattr(Prepared, "rows", watched)
    answers = await asyncio.gather(*(visitor.get("/jobs?limit=3") for visitor in (ada, bob) * 5))
    assert all(each["queue"]["position"] for answer in answers for each in answer.json()["items"])
    assert seen.count(waiting._SNAPSHOT) == 1


async def test_labels_and_an_absent_cluster_are_told(services: Services, ada: Visitor, cluster: TwoCpus) -> None:
    labelled = {"num_workers": 1, "cpus_per_worker": 1, "label_selector": {"lim/site": "roof"}}
    job_id = await rows.job(services, ada, status="queued", resources=labelled)
    told = await queue_of(ada, job_id)
    assert told["reason"] == "no_node"
    assert told["text"] == (
        "No node that is on has 1 CPU and the label lim/site=roof. It starts when such a node comes back."
    )
    other = await rows.job(services, ada, status="queued")
    cluster.is_away = True
    await asyncio.sleep(0.25)
    assert (await queue_of(ada, other))["reason"] == "cluster_away"


async def test_a_dataset_waits_for_a_slot(services: Services, ada: Visitor, cluster: TwoCpus, change: Any) -> None:
    change(cluster=cluster, dataset_slots=1)
    await rows.job(services, ada, status="running", lane="ingest")
    job_id = await rows.job(services, ada, status="queued", lane="ingest")
    assert (await queue_of(ada, job_id))["reason"] == "user_limit"


async def test_a_labelled_job_waits_for_its_node_instead_of_failing(
    services: Services, ada: Visitor, cluster: TwoCpus, tmp_path: Path
) -> None:
    scene = Scene(services, ada, StandIn(), lambda prefix: LocalRunStore(tmp_path / prefix), Capacity(2, 0))
    labelled = {"num_workers": 1, "cpus_per_worker": 1, "label_selector": {"lim/site": "roof"}}
    job_id = await scene.job(resources=labelled)
    behind = await scene.job()

    async def labels() -> Sequence[dict[str, str]]:
        return [{"lim/site": "lab"}]

    reconciler = scene.reconciler()
    reconciler._labels = labels
    await reconciler.round()
    assert scene.cluster.submitted == [f"lim-{behind}-1"]
    assert (await queue_of(ada, job_id))["reason"] == "no_node"
