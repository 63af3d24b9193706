"""Where queued jobs stand and why they wait, for their users: a snapshot of the whole queue, shared by many reads."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from asyncpg import Record
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, case, func, or_, select

from cluster.runtime import Node
from services.database.engine import AsyncpgConnection
from services.database.models import Job
from services.database.prepared import Prepared
from services.errors import UnavailableError
from services.jobs.cluster_view import ClusterView
from services.jobs.lanes import lanes_of, slots_of
from services.jobs.queue import Labels, Limits, Place, QueueReason, labels_of, lane_places, places
from services.jobs.room import NOTHING, Capacity
from services.jobs.states import ACTIVE
from services.settings import Settings

MOST_PER_USER: Final = 200
"""Queued jobs of a user whose places are counted."""
MOST: Final = 5000
"""Jobs of all users that are read: those that run, and the next ones of each user."""
_FRESH_S: Final = 1.0
"""How long a snapshot is used: a job starts within seconds, and lists are read many times a second."""
_MISSED_S: Final = 0.2
"""How long a snapshot is used that misses a job: one that was queued a moment ago."""
_CLUSTER_S: Final = 2.0
"""Longest time to ask the cluster for its nodes."""
_GIB: Final = 2**30
_UNLIMITED: Final = Capacity(float("inf"), float("inf"))


class QueueOut(BaseModel):
    """Where a queued job stands, and why it waits."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    position: Annotated[int, Field(ge=1)] | None
    """Its place among the queued jobs of all users, who take turns; 1 is next. Unset: too many are before it to count."""
    reason: QueueReason
    """`starting`: nothing holds it; `resources`: what it needs is not free; `no_node`: no node that is alive has its labels
    or is large enough; `user_limit`, `platform_limit`: as many jobs run as a user, or all users, may have;
    `fair_share`: others wait, and its user has half of the cluster; `own_earlier`, `other_earlier`: an earlier job of
    its user, or of somebody else, goes first; `slots`: all places for reading datasets are taken; `cluster_away`: the
    cluster does not answer; `unreadable`: this release cannot read what it asks for."""
    text: str
    """The reason as a sentence."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A queued or started job."""

    id: uuid.UUID
    user_id: uuid.UUID
    priority: int
    queued_at: datetime
    resources: Mapping[str, Any]


def _snapshot() -> Prepared:
    """All jobs that run, and the next ones of each user, with when a job of that user last began: one statement."""
    is_queued, beside = Job.status == "queued", Job.lane.is_not(None)
    place = func.row_number().over(
        partition_by=(Job.lane, Job.user_id, Job.status), order_by=(Job.priority.desc(), Job.queued_at, Job.id)
    )
    active = (
        select(
            Job.id,
            Job.user_id,
            Job.priority,
            Job.queued_at,
            Job.resources,
            Job.lane,
            is_queued.label("is_queued"),
            case((is_queued, place), else_=0).label("place"),
        )
        .where(or_(*(Job.status == status for status in sorted(ACTIVE))))
        .cte("active")
    )
    served = (
        select(Job.user_id, beside.label("beside"), func.max(Job.started_at).label("served_at"))
        .where(Job.user_id.in_(select(active.c.user_id).where(active.c.is_queued)), Job.started_at.is_not(None))
        .group_by(Job.user_id, beside)
        .cte("served")
    )
    is_same = and_(served.c.user_id == active.c.user_id, served.c.beside == active.c.lane.is_not(None))
    return Prepared(
        select(active, served.c.served_at)
        .outerjoin(served, is_same)
        .where(active.c.place <= MOST_PER_USER)
        .order_by(active.c.place, active.c.queued_at)
        .limit(MOST)
    )


_SNAPSHOT: Final = _snapshot()


class QueueView:
    """Places of queued jobs; one snapshot serves all reads of a second."""

    def __init__(self, settings: Settings, cluster: ClusterView | None) -> None:
        """A view that has read nothing yet.

        Args:
            settings: the operator's limits.
            cluster: the cluster; None: there is none, and resources are not compared.
        """
        self._settings, self._cluster = settings, cluster
        self._places: Mapping[uuid.UUID, QueueOut] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def places(
        self, connection: AsyncpgConnection, job_ids: Collection[uuid.UUID]
    ) -> Mapping[uuid.UUID, QueueOut]:
        """The places of some queued jobs."""
        async with self._reading:
            age_s = time.monotonic() - self._read_at
            if age_s > _FRESH_S or (age_s > _MISSED_S and any(job_id not in self._places for job_id in job_ids)):
                nodes = await self._nodes()
                rows = await _SNAPSHOT.rows(connection, {})
                self._places = told(rows, nodes, self._settings, is_away=nodes is None and self._cluster is not None)
                self._read_at = time.monotonic()
        return {job_id: self._places.get(job_id, _UNCOUNTED) for job_id in job_ids}

    async def _nodes(self) -> Sequence[Node] | None:
        """The nodes that are alive; None: there is no cluster, or it does not answer."""
        if self._cluster is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._cluster.nodes), _CLUSTER_S)
        except (UnavailableError, TimeoutError):
            return None


def told(
    rows: Sequence[Record], nodes: Sequence[Node] | None, settings: Settings, *, is_away: bool
) -> dict[uuid.UUID, QueueOut]:
    """The places of the queued jobs among some rows.

    Args:
        rows: rows of the snapshot.
        nodes: the nodes that are alive; None: not known.
        settings: the operator's limits.
        is_away: whether there is a cluster that does not answer.
    """
    queued: dict[str | None, list[_Row]] = defaultdict(list)
    started: dict[str | None, list[_Row]] = defaultdict(list)
    served: dict[bool, dict[uuid.UUID, datetime]] = {True: {}, False: {}}
    for row in rows:
        one = _Row(row["id"], row["user_id"], row["priority"], row["queued_at"], row["resources"])
        (queued if row["is_queued"] else started)[row["lane"]].append(one)
        if row["served_at"] is not None:
            served[row["lane"] is not None][row["user_id"]] = row["served_at"]
    limits = Limits(settings.max_running_jobs, settings.max_running_jobs_per_user)
    labels: list[Labels] | None = None if nodes is None else [node.labels for node in nodes]
    found: dict[uuid.UUID, QueueOut] = {}
    for lane, jobs in queued.items():
        if lane is None:
            total = _UNLIMITED if nodes is None else _total(nodes)
            for place in places(jobs, started[None], served[False], total, limits, labels):
                found[place.job.id] = _out(place, limits, is_away=is_away)
        else:
            slots = slots_of(lanes_of(settings), lane)
            for place in lane_places(jobs, started[lane], served[True], slots):
                found[place.job.id] = _out(place, Limits(slots, max(1, slots - 1)))
    return found


def _total(nodes: Sequence[Node]) -> Capacity:
    return sum((Capacity(node.cpus, node.gpus, node.memory_bytes) for node in nodes), NOTHING)


def _out(place: Place[_Row], limits: Limits, *, is_away: bool = False) -> QueueOut:
    reason: QueueReason = "cluster_away" if is_away and place.reason == "starting" else place.reason
    return QueueOut(position=place.position, reason=reason, text=_sentence(place, reason, limits))


def _sentence(place: Place[_Row], reason: QueueReason, limits: Limits) -> str:
    asked = _amounts(place.need, place.need)
    match reason:
        case "starting":
            return "It is its turn: it starts within seconds."
        case "unreadable":
            return "This release of the platform cannot read what it asks for; stop it and launch it again."
        case "no_node" if labels := labels_of(place.job.resources):
            wanted = ", ".join(f"{key}={value}" for key, value in labels.items())
            return f"No node that is on has {asked} and the label {wanted}. It starts when such a node comes back."
        case "no_node":
            return f"The nodes that are on do not have {asked} together. It starts when more nodes are on."
        case "user_limit":
            return f"You have as many jobs running or before it as you may have at a time: {limits.running_per_user}."
        case "platform_limit":
            return f"As many jobs run as the operator allows at a time: {limits.running}. It is next when one ends."
        case "fair_share":
            return "Your jobs have half of the cluster, and others wait. It starts when one of yours ends, or no one else waits."
        case "resources":
            return f"It needs {asked}; free now: {_amounts(place.free, place.need)}. It is next when enough is free."
        case "own_earlier":
            return "An earlier job of yours goes first."
        case "other_earlier":
            return "An earlier job of somebody else goes first."
        case "slots":
            return f"All places for reading datasets are taken: {limits.running}. It starts when one is free."
        case "cluster_away":
            return "The cluster does not answer now. It starts when the cluster is back."


def _amounts(of: Capacity, asked: Capacity) -> str:
    """CPUs, and GPUs and memory if they are asked for."""
    parts = [_count(of.cpus, "CPU")]
    if asked.gpus:
        parts.append(_count(of.gpus, "GPU"))
    if asked.memory_bytes:
        parts.append(f"{max(0.0, of.memory_bytes) / _GIB:.1f} GiB of memory")
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def _count(number: float, unit: str) -> str:
    shown = f"{max(0.0, number):.3g}"
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"


_UNCOUNTED: Final = QueueOut(
    position=None, reason="other_earlier", text="Many jobs go first. Its place is shown when fewer do."
)
"""A job behind those that are read."""
