"""Isolation of failing items: each has its own time limit and backoff, and is given up after repeated failures."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cluster.errors import ObjectStorageError
from services.errors import UnavailableError
from services.jobs.submission import ClusterUnreachableError

MOST_FAILURES: Final = 8
"""Consecutive failures until an item is given up; with the backoff in between, about three minutes."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_OUTAGES: Final = (UnavailableError, ObjectStorageError, ClusterUnreachableError, OSError)
"""Faults of the database, the object store or the cluster, which do not count against an item."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    again_s: float
    """Earliest time of the next attempt, by `time.monotonic()`."""
    successes: int
    """Number of successes of all items when this one last failed."""


class Quarantine:
    """Counts the consecutive failures of each item, and doubles its backoff after each."""

    def __init__(self, what: str, limit_s: float, most_failures: int = MOST_FAILURES) -> None:
        """Start without failures.

        Args:
            what: name of an item in logs.
            limit_s: time limit of one attempt, in seconds.
            most_failures: consecutive failures until an item is given up.
        """
        self._what, self._limit_s, self._most = what, limit_s, most_failures
        self._failures: dict[uuid.UUID, _Failures] = {}
        self._successes = 0

    async def look(
        self,
        item_id: uuid.UUID,
        look: Callable[[], Awaitable[None]],
        give_up: Callable[[str], Awaitable[None]] | None = None,
    ) -> Exception | None:
        """Process an item unless it is backing off.

        Args:
            item_id: id of the item.
            look: the attempt.
            give_up: called with the reason after too many failures; must end the item and notify its owner. Without it,
                the item is retried indefinitely, with a backoff of up to 60 s.

        Returns:
            The outage that prevented the attempt, if any.
        """
        earlier = self._failures.get(item_id)
        if earlier is not None and time.monotonic() < earlier.again_s:
            return None
        try:
            async with asyncio.timeout(self._limit_s) as limit:
                await look()
        except Exception as error:  # noqa: BLE001  outermost frame of an item: the others continue
            if limit.expired():
                await self._failed(item_id, f"it took longer than {self._limit_s:.0f} s", give_up, alone_counts=False)
            elif isinstance(error, _OUTAGES):
                _log.warning("%s %s: %s; retrying soon", self._what, item_id, error)
                return error
            else:
                _log.exception("%s %s: its round failed", self._what, item_id)
                # Only the type: the message may hold details that only the operator should see.
                await self._failed(
                    item_id, f"a fault of the platform ({type(error).__name__}), which its log names", give_up
                )
            return None
        self._successes += 1
        self._failures.pop(item_id, None)
        return None

    async def _failed(
        self,
        item_id: uuid.UUID,
        reason: str,
        give_up: Callable[[str], Awaitable[None]] | None,
        *,
        alone_counts: bool = True,
    ) -> None:
        """Count a failure. A repeated timeout counts only if some item has succeeded since: else everything is slow."""
        earlier = self._failures.get(item_id, _Failures(0, 0.0, -1))
        counts = alone_counts or earlier.successes != self._successes
        count = earlier.count + (1 if counts else 0)
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(count, 30))
        self._failures[item_id] = _Failures(count, time.monotonic() + pause_s, self._successes)
        _log.warning("%s %s failed %d times in a row: %s", self._what, item_id, count, reason)
        if give_up is None or count < self._most:
            return
        try:
            async with asyncio.timeout(self._limit_s):
                await give_up(reason)
        except Exception:  # noqa: BLE001  as above; retried after the backoff
            _log.exception("%s %s: giving up on it failed", self._what, item_id)
            return
        self._failures.pop(item_id, None)
