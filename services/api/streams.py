"""Limits on open event streams: fewer than a replica's request limit, so that other requests always get through."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.api.peer import sender
from services.api.problems import problem_of
from services.auth.throttle import network_of
from services.errors import ThrottledError

if TYPE_CHECKING:
    from services.api.context import Services

MOST_STREAMS: Final = 600
"""Maximum number of open streams of all users in one process, to which Serve gives up to 1,000 requests."""
_RETRY_AFTER_S: Final = 10


class StreamSlots:
    """Open streams of one process, counted by user and by address."""

    def __init__(self, per_user: int, per_address: int) -> None:
        self._limits = {"user": per_user, "address": per_address}
        self._open: Counter[tuple[str, str]] = Counter()
        self._total = 0

    @contextmanager
    def taken(self, user_id: uuid.UUID, network: str) -> Iterator[None]:
        """Hold a slot while a stream is open.

        Raises:
            ThrottledError: the user, the address or the process has reached its limit.
        """
        keys = (("user", str(user_id)), ("address", network))
        for kind, name in keys:
            if self._open[kind, name] >= self._limits[kind]:
                raise _too_many(f"{self._limits[kind]} event streams of this {kind} are open; close some.")
        if self._total >= MOST_STREAMS:
            raise _too_many(f"{self._total} event streams are open in this process, its maximum; retry later.")
        self._total += 1
        self._open.update(keys)
        try:
            yield
        finally:
            self._total -= 1
            self._open.subtract(keys)
            for key in keys:
                if not self._open[key]:
                    del self._open[key]


class EventStream(StreamingResponse):
    """Response of server-sent events to a user; 429 if too many streams are open."""

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncIterator[bytes], services: Services, user_id: uuid.UUID) -> None:
        super().__init__(messages, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._services = services
        self._user_id = user_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events while holding a slot, which is taken only now: a stream that never starts takes none."""
        network = network_of(sender(scope, self._services.settings.trust_forwarded_for))
        with ExitStack() as stack:
            try:
                stack.enter_context(self._services.streams.taken(self._user_id, network))
            except ThrottledError as error:
                await problem_of(error)(scope, receive, send)
                return
            await super().__call__(scope, receive, send)


def _too_many(detail: str) -> ThrottledError:
    return ThrottledError(detail, retry_after_s=_RETRY_AFTER_S, code="too_many_streams")
