"""Whose job is next: users take turns, so that a thousand jobs of one do not keep another's waiting."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from services.database.models import Job


def in_turn(queued: Iterable[Job], running: Mapping[uuid.UUID, int], most_per_user: int | None = None) -> list[Job]:
    """Queued jobs in the order in which they are to be submitted.

    Next is always somebody with the fewest jobs that run or are before this one; among those, who waits longest. A
    user's own jobs come by their priority, then by age: a priority overtakes nobody else.

    Args:
        queued: what waits.
        running: jobs of each user that run.
        most_per_user: jobs that a user may have running; None: no limit. Those above it are not in the answer.
    """
    waiting: dict[uuid.UUID, deque[Job]] = defaultdict(deque)
    for job in sorted(queued, key=lambda job: (-job.priority, job.queued_at, job.id)):
        waiting[job.user_id].append(job)
    has = Counter(running)
    order: list[Job] = []
    while waiting:
        may = [user for user in waiting if most_per_user is None or has[user] < most_per_user]
        if not may:
            break
        user = min(may, key=lambda user: (has[user], _oldest(waiting[user])))
        order.append(waiting[user].popleft())
        has[user] += 1
        if not waiting[user]:
            del waiting[user]
    return order


def _oldest(jobs: Sequence[Job]) -> tuple[object, ...]:
    return min((job.queued_at, job.id) for job in jobs)
