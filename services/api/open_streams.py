"""Ends open event streams with their credential: when a login ends, a key expires, or a user is disabled."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Uuid, any_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

from services.database.engine import Sessions, open_session
from services.database.models import ApiKey, LoginSession, User
from services.errors import UnavailableError

_LOOK_EVERY_S: Final = 2.0
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class OpenStream:
    """A stream and the credential that it was opened with."""

    credential: uuid.UUID
    """The id of a login or of an API key."""
    wake: asyncio.Event
    """Set when the credential has ended, to wake a stream that waits for events."""
    ended: bool = False
    """Whether the credential has ended."""


class OpenStreams:
    """The streams of this process. One query every two seconds checks the credentials of all of them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._open: set[OpenStream] = set()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Number of open streams."""
        return len(self._open)

    @contextmanager
    def watched(self, credential: uuid.UUID, wake: asyncio.Event) -> Iterator[OpenStream]:
        """Watch the login or the API key of a stream while the stream is open.

        While PostgreSQL does not answer, streams stay open.
        """
        stream = OpenStream(credential, wake)
        self._open.add(stream)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            yield stream
        finally:
            self._open.discard(stream)

    async def close(self) -> None:
        """Stop checking credentials."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._open:
                self._task = None
                return
            looked_at = list(self._open)  # the result does not cover streams opened meanwhile
            try:
                valid = await _valid(self._sessions, {stream.credential for stream in looked_at})
            except (UnavailableError, DBAPIError) as error:
                _log.warning("the credentials of open streams cannot be checked now: %s", error)
                continue
            for stream in looked_at:
                if stream.credential not in valid:
                    stream.ended = True
                    stream.wake.set()


async def _valid(sessions: Sessions, credentials: set[uuid.UUID]) -> set[uuid.UUID]:
    """The logins and keys among these that are still valid."""
    wanted = any_(cast(list(credentials), ARRAY(Uuid)))
    logins = select(LoginSession.id).where(
        LoginSession.id == wanted, LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now()
    )
    keys = select(ApiKey.id).where(ApiKey.id == wanted, ApiKey.expires_at > func.now())
    standing = logins.join(User, User.id == LoginSession.user_id).where(User.disabled_at.is_(None))
    usable = keys.join(User, User.id == ApiKey.user_id).where(User.disabled_at.is_(None))
    async with open_session(sessions, reads=True) as session:
        return set(await session.scalars(standing.union_all(usable)))
