"""Looks at items one by one, so that one that fails or hangs harms no other; after some failures it is given up."""

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
"""In a row; then an item is given up. With the pauses between them that takes some three minutes."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_OUTAGES: Final = (UnavailableError, ObjectStorageError, ClusterUnreachableError, OSError)
"""Faults of the database, the object store or the cluster: no item is to blame."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    again_s: float
    """When the item may be looked at again, by `time.monotonic()`."""
    successes: int
    """Of all items, when this one failed last."""


class Quarantine:
    """Counts the failures in a row of each item, and makes it wait twice as long after each."""

    def __init__(self, what: str, limit_s: float, most_failures: int = MOST_FAILURES) -> None:
        """Nothing has failed yet.

        Args:
            what: an item is called, in logs.
            limit_s: longest time of one look, in seconds.
            most_failures: in a row, until an item is given up.
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
        """Look at an item, unless it has failed a moment ago.

        Args:
            item_id: which.
            look: what is to be done.
            give_up: called with the reason after too many failures; must end the item and tell its owner. Without it
                the item is tried again, ever more rarely.

        Returns:
            The outage that kept it from being looked at, if there was one.
        """
        earlier = self._failures.get(item_id)
        if earlier is not None and time.monotonic() < earlier.again_s:
            return None
        try:
            async with asyncio.timeout(self._limit_s) as limit:
                await look()
        except Exception as error:  # noqa: BLE001  the edge of an item: the others go on
            if limit.expired():
                await self._failed(item_id, f"it took longer than {self._limit_s:.0f} s", give_up, alone_counts=False)
            elif isinstance(error, _OUTAGES):
                _log.warning("%s %s: %s; looking again soon", self._what, item_id, error)
                return error
            else:
                _log.exception("%s %s cannot be looked after", self._what, item_id)
                # Only the kind: the words may name what only the operator should see.
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
        """Count a failure. What took too long is not to blame as long as nothing else succeeds either."""
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
        except Exception:  # noqa: BLE001  as above; it is tried again after the pause
            _log.exception("%s %s cannot be given up", self._what, item_id)
            return
        self._failures.pop(item_id, None)
