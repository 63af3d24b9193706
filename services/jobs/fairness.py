"""Fair order of the queue: users take turns, so that a thousand jobs of one user do not delay those of another."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from itertools import accumulate
from typing import Protocol, TypeVar

_NEVER = datetime.min.replace(tzinfo=UTC)


class Turn(Protocol):
    """What of a waiting job decides on its turn; a row of jobs has it."""

    @property
    def id(self) -> uuid.UUID:
        """Its id."""

    @property
    def user_id(self) -> uuid.UUID:
        """Whose it is."""

    @property
    def priority(self) -> int:
        """Higher goes first among its user's."""

    @property
    def queued_at(self) -> datetime:
        """Since when it waits."""


TurnT = TypeVar("TurnT", bound=Turn)


def in_turn(
    queued: Iterable[TurnT],
    running: Mapping[uuid.UUID, int],
    served: Mapping[uuid.UUID, datetime] | None = None,
) -> list[TurnT]:
    """Queued jobs in the order in which to submit them.

    The next job is always of a user with the fewest jobs that run or come earlier in the order; among those, of the
    user served longest ago, and among users never served, of the one who has waited longest. A user's own jobs are
    ordered by priority, then by age: a priority does not overtake other users' jobs.

    Args:
        queued: the waiting jobs.
        running: number of running jobs of each user.
        served: when a job of each user last began; users who are not in it never had one.
    """
    waiting: dict[uuid.UUID, list[TurnT]] = defaultdict(list)
    for job in sorted(queued, key=lambda job: (-job.priority, job.queued_at, job.id)):
        waiting[job.user_id].append(job)
    oldest = {user: _oldest_from_each_on(jobs) for user, jobs in waiting.items()}
    last = {user: (served or {}).get(user, _NEVER) for user in waiting}
    turns = [(running.get(user, 0), last[user], oldest[user][0], 0, user) for user in waiting]
    heapify(turns)
    order: list[TurnT] = []
    while turns:
        has, at, _, place, user = heappop(turns)
        order.append(waiting[user][place])
        if place + 1 < len(waiting[user]):
            heappush(turns, (has + 1, at, oldest[user][place + 1], place + 1, user))
    return order


def _oldest_from_each_on(jobs: Sequence[Turn]) -> list[tuple[datetime, uuid.UUID]]:
    """For each position, the oldest of the jobs from there on."""
    ages = [(job.queued_at, job.id) for job in jobs]
    return list(accumulate(reversed(ages), min))[::-1]
