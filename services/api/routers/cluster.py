"""Nodes of the cluster."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from cluster.devices import LABEL
from services.api.dependencies import CurrentUser, ServicesDep
from services.api.paging import Cursor, Limit, Page, Search, page_of_list
from services.api.problems import problems

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
