"""When a training process is kept ready; the cluster is a stand-in, and test_platform.py has a real one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from cluster import ready
from cluster.prestart import WorkerEnvironment
from cluster.runtime import Node
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Job
from services.jobs import readiness
from services.jobs.readiness import ReadyWorkers
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

ALONE = Node("alone", cpus=2, gpus=0, memory_bytes=8e9, labels={})
GIB = 2**30


@dataclass
class Cluster:
    """What the platform sees of it, and how many processes it asked for."""

    services: Services
    folder: Path
    nodes: list[Node] = field(default_factory=lambda: [ALONE])
    free_bytes: int = 4 * GIB
    asked: list[int] = field(default_factory=list)
    key: str = ""

    def keep_ready(self, node: Node, workers: int, environment: WorkerEnvironment) -> bool:
        assert node is ALONE
        self.key = environment.key
        self.asked.append(workers)
        return True

    def keeper(self, wanted: int = 1) -> ReadyWorkers:
        return ReadyWorkers(self.services.sessions, wanted, {"env_vars": {"PYTHONPATH": "/code"}}, os.environ)


@pytest.fixture
async def cluster(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    async with open_session(services.sessions) as session:  # other tests' jobs are not ours
        await session.execute(update(Job).values(status="stopped"))
        await session.commit()
    seen = Cluster(services, tmp_path)
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=seen.free_bytes))
    monkeypatch.setattr(ready, "session_folder", lambda: tmp_path)
    monkeypatch.setattr(readiness, "live_nodes", lambda: seen.nodes)
    monkeypatch.setattr(readiness, "keep_ready", seen.keep_ready)
    monkeypatch.setattr(readiness, "psutil", memory)
    return seen


async def test_one_is_asked_for_once_and_another_when_it_is_taken(cluster: Cluster) -> None:
    keeper = cluster.keeper()
    for _ in range(3):
        await keeper.round()
    assert cluster.asked == [1]
    ready.announce(cluster.folder, cluster.key)
    await keeper.round()
    assert cluster.asked == [1]
    assert ready.take(cluster.folder, cluster.key, 1) == 1
    await keeper.round()
    assert cluster.asked == [1, 1]


async def test_one_that_never_began_is_asked_for_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_START_S", 0.0)
    keeper = cluster.keeper(2)
    await keeper.round()
    await keeper.round()
    assert cluster.asked == [2, 2]


@pytest.mark.parametrize(
    ("status", "asked"),
    [("queued", 0), ("starting", 0), ("running", 0), ("stopping", 1), ("succeeded", 1), ("failed", 1)],
)
async def test_a_job_that_works_or_waits_has_the_processor(
    cluster: Cluster, ada: Visitor, status: str, asked: int
) -> None:
    await rows.job(cluster.services, ada, status=status)
    await cluster.keeper().round()
    assert len(cluster.asked) == asked


@pytest.mark.parametrize(
    "nodes", [[], [ALONE, ALONE], [Node("with a GPU", cpus=2, gpus=1, memory_bytes=8e9, labels={})]]
)
async def test_none_where_it_is_not_known_what_a_run_will_get(cluster: Cluster, nodes: list[Node]) -> None:
    cluster.nodes = nodes
    await cluster.keeper().round()
    assert cluster.asked == []


async def test_none_where_memory_is_short_or_none_is_wanted(cluster: Cluster) -> None:
    await cluster.keeper(0).round()
    cluster.free_bytes = GIB
    await cluster.keeper().round()
    assert cluster.asked == []
