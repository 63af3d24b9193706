"""Which queued job starts next, and why the others wait: one decision, which the hub follows and the API explains."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from cluster.runtime import label_matches
from services.jobs.fairness import Turn, in_turn
from services.jobs.room import NOTHING, Capacity, room_of

QueueReason = Literal[
    "starting",
    "unreadable",
    "no_node",
    "user_limit",
    "fair_share",
    "platform_limit",
    "resources",
    "own_earlier",
    "other_earlier",
    "slots",
    "cluster_away",
]
SHARE: Final = 0.5
"""Share of the cluster that a user may take while others wait; one job is always allowed."""


class Queued(Turn, Protocol):
    """A waiting job, of which a row has the columns."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """As stored."""


class Started(Protocol):
    """A job with a driver."""

    @property
    def user_id(self) -> uuid.UUID:
        """Whose it is."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """As stored."""


QueuedT = TypeVar("QueuedT", bound=Queued)
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's limits of running jobs; None: no limit."""

    running: int | None = None
    running_per_user: int | None = None


@dataclass(frozen=True, slots=True)
class Place(Generic[QueuedT]):
    """A waiting job's place in the queue."""

    job: QueuedT
    position: int
    """From 1, over the jobs of all users."""
    reason: QueueReason
    """Why it waits; `starting`: nothing holds it."""
    need: Capacity = NOTHING
    """Resources that it takes."""
    free: Capacity = NOTHING
    """Resources that are free at its turn."""


def places(
    queued: Iterable[QueuedT],
    running: Iterable[Started],
    served: Mapping[uuid.UUID, datetime],
    total: Capacity,
    limits: Limits,
    nodes: Sequence[Labels] | None = None,
) -> list[Place[QueuedT]]:
    """The places of the jobs that wait for room on the cluster, in the order in which they start.

    Args:
        queued: the waiting jobs.
        running: all jobs with a driver.
        served: when a job of each user last began; users who are not in it never had one.
        total: resources of the cluster.
        limits: the operator's limits.
        nodes: labels of each node that is alive; None: not known.
    """
    running = list(running)
    has = Counter(job.user_id for job in running)
    order = in_turn(queued, has, served=served)
    taken, turns, count = Taken.by(running), Counter(has), len(running)
    waiting = Counter(job.user_id for job in order)
    held: set[uuid.UUID] = set()
    is_full = False
    found: list[Place[QueuedT]] = []
    for position, job in enumerate(order, 1):
        need = need_of(job)
        free = total - taken.all
        turn, turns[job.user_id] = turns[job.user_id], turns[job.user_id] + 1
        others_wait = waiting.total() > waiting[job.user_id]
        reason: QueueReason = "starting"
        if limits.running_per_user is not None and turn >= limits.running_per_user:
            reason = "user_limit"
        elif need is None:
            reason = "unreadable"
        elif not total.holds(need) or not has_labels(labels_of(job.resources), nodes):
            reason = "no_node"  # it waits for nodes to come back; the jobs behind it need not
        elif is_full:
            reason = "own_earlier" if job.user_id in held else "other_earlier"
        elif others_wait and not taken.within_share(total, job.user_id, need):
            reason = "fair_share"
        elif limits.running is not None and count >= limits.running:
            reason, is_full = "platform_limit", True
        elif not total.holds(taken.all + need):
            reason, is_full = "resources", True
        else:
            assert need is not None
            waiting[job.user_id] -= 1
            taken.add(job.user_id, need)
            count += 1
        if reason != "starting":
            held.add(job.user_id)
        found.append(Place(job, position, reason, need or NOTHING, free))
    return found


def lane_places(
    queued: Iterable[QueuedT], running: Iterable[Started], served: Mapping[uuid.UUID, datetime], slots: int
) -> list[Place[QueuedT]]:
    """The places of the jobs that wait in a lane; no user gets all of several slots.

    Args:
        queued: its waiting jobs.
        running: its jobs with a driver.
        served: when a job of each user last began in any lane.
        slots: number of jobs that run in it at the same time.
    """
    has = Counter(job.user_id for job in running)
    turns, free = Counter(has), slots - has.total()
    found: list[Place[QueuedT]] = []
    for position, job in enumerate(in_turn(queued, has, served=served), 1):
        turn, turns[job.user_id] = turns[job.user_id], turns[job.user_id] + 1
        reason: QueueReason = "user_limit" if turn >= max(1, slots - 1) else "starting" if free > 0 else "slots"
        free -= reason == "starting"
        found.append(Place(job, position, reason))
    return found


class Taken:
    """Resources that jobs take, in total and by user."""

    def __init__(self) -> None:
        self.all = NOTHING
        self._by_user: dict[uuid.UUID, Capacity] = {}

    @classmethod
    def by(cls, jobs: Iterable[Started]) -> Taken:
        """Resources that these jobs take; a job whose row cannot be read counts as nothing."""
        taken = cls()
        for job in jobs:
            if (need := need_of(job)) is not None:
                taken.add(job.user_id, need)
        return taken

    def add(self, user_id: uuid.UUID, need: Capacity) -> None:
        """Add a job of a user."""
        self.all += need
        self._by_user[user_id] = self.of(user_id) + need

    def take_back(self, user_id: uuid.UUID, need: Capacity) -> None:
        """Remove a job of a user."""
        self.all -= need
        self._by_user[user_id] = self.of(user_id) - need

    def of(self, user_id: uuid.UUID) -> Capacity:
        """Resources that a user's jobs take."""
        return self._by_user.get(user_id, NOTHING)

    def within_share(self, total: Capacity, user_id: uuid.UUID, need: Capacity) -> bool:
        """Whether a user has no job, or stays within the share with this one."""
        return user_id not in self._by_user or total.holds(self.of(user_id) + need, SHARE)


def need_of(job: Started) -> Capacity | None:
    """Resources that a job takes; None: its row cannot be read, as after a downgrade."""
    try:
        return room_of(job.resources)
    except (TypeError, ValueError):
        return None


def labels_of(resources: Mapping[str, Any]) -> Labels:
    """Labels that a job's nodes must have."""
    return dict(resources.get("label_selector") or {})


def has_labels(wanted: Labels, nodes: Sequence[Labels] | None) -> bool:
    """Whether one of the nodes with these labels has all that are wanted; None: it is not known, and taken for granted."""
    if not wanted or nodes is None:
        return True
    return any(all(label_matches(value, node.get(key)) for key, value in wanted.items()) for node in nodes)
