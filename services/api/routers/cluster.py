"""Nodes of the cluster, and how much of it is in use."""

from __future__ import annotations

import asyncio
from collections import Counter

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from cluster.devices import LABEL
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep
from services.api.paging import Cursor, Limit, Page, Search, page_of_list
from services.api.problems import problems
from services.database.models import Job
from services.jobs.cluster_view import ClusterView
from services.jobs.states import SUBMITTED

router = APIRouter(prefix="/cluster", tags=["cluster"])


class NodeOut(BaseModel):
    """A node that is alive."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    name: str
    """Its host name."""
    device_class: str | None
    """Its label `lim/device-class`; unset if the node has none."""
    labels: dict[str, str]
    """Labels that jobs can select with `resources.label_selector`."""
    resources: dict[str, float]
    """Total resources, free or not: CPUs, GPUs, and custom ones."""
    memory_bytes: int
    """Memory for Ray's workers, in bytes."""


@router.get("/nodes", responses=problems(401, 422, 503))
async def list_nodes(
    _: CurrentUser, services: ServicesDep, limit: Limit = 20, cursor: Cursor = None, q: Search = None
) -> Page[NodeOut]:
    """List live nodes by name; `q` searches names, device classes and labels."""
    nodes = [] if services.cluster is None else await asyncio.to_thread(services.cluster.nodes)
    wanted = (q or "").lower()
    shown = []
    for node in sorted(nodes, key=lambda node: (node.host, node.id)):
        out = NodeOut(
            id=node.id,
            name=node.host,
            device_class=node.labels.get(LABEL),
            labels=dict(node.labels),
            resources=dict(node.resources),
            memory_bytes=int(node.memory_bytes),
        )
        if (
            wanted
            in f"{out.name} {out.device_class or ''} {' '.join(f'{k}={v}' for k, v in out.labels.items())}".lower()
        ):
            shown.append(out)
    return page_of_list(shown, limit=limit, cursor=cursor)


class ClusterJobsOut(BaseModel):
    """Jobs of all users, except ingestions, which have slots of their own."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    running: int
    """Jobs with a driver on the cluster: starting, running or stopping."""
    queued: int


class ResourceUsageOut(BaseModel):
    """One resource of the whole cluster."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    total: float
    free: float
    """What no job has reserved. A job reserves what it asks for, used or not."""


class ClusterUsageOut(BaseModel):
    """What the cluster is doing."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    resources: dict[str, ResourceUsageOut]
    """By name: `CPU`, `GPU`, and custom ones."""
    jobs: ClusterJobsOut


@router.get("/usage", responses=problems(401, 503))
async def read_cluster_usage(_: CurrentUser, services: ServicesDep, session: SessionDep) -> ClusterUsageOut:
    """What the cluster is doing: resources in use, and how many jobs run and wait."""
    counts = select(Job.status, func.count()).where(Job.lane.is_(None), Job.status.in_({*SUBMITTED, "queued"}))
    by_status: Counter[str] = Counter()
    for status, count in await session.execute(counts.group_by(Job.status)):
        by_status[status] = count
    queued = by_status.pop("queued", 0)
    return ClusterUsageOut(
        resources={} if services.cluster is None else await asyncio.to_thread(_resources, services.cluster),
        jobs=ClusterJobsOut(running=by_status.total(), queued=queued),
    )


def _resources(cluster: ClusterView) -> dict[str, ResourceUsageOut]:
    free = cluster.free()
    total: Counter[str] = Counter()
    for node in cluster.nodes():
        total.update(node.resources)
    return {
        name: ResourceUsageOut(total=amount, free=min(amount, free.get(name, 0.0))) for name, amount in total.items()
    }
