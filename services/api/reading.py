"""Context of frequent reads (lists and details): the user and the database connection."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from asyncpg import Record
from fastapi import Depends

from services.api.context import Services
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep
from services.auth.sessions import find_user_id
from services.auth.tokens import read_access_token
from services.database.engine import AsyncpgConnection, open_connection
from services.database.prepared import Prepared
from services.jobs.waiting import QueueOut, QueueView
from services.observability.logs import caller
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads on behalf of an authenticated user."""

    user_id: uuid.UUID
    settings: Settings
    _connection: AsyncpgConnection
    _queue: QueueView

    async def rows(self, statement: Prepared, **values: Any) -> Sequence[Record]:
        """Rows of a statement; its parameter `user_id` is always the caller."""
        return await statement.rows(self._connection, {**values, "user_id": self.user_id})

    async def places(self, job_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, QueueOut]:
        """The places of some of the caller's queued jobs."""
        return await self._queue.places(self._connection, job_ids) if job_ids else {}


@asynccontextmanager
async def open_reading(services: Services, access_token: str) -> AsyncIterator[Reading]:
    """Read as the user of an access token.

    Raises:
        UnauthenticatedError: the token is not valid, or its login has ended.
        UnavailableError: PostgreSQL cannot be reached.
    """
    claims = read_access_token(services.settings, access_token)
    async with open_connection(services.engine) as connection:
        user_id = await find_user_id(connection, claims)
        caller.set(str(user_id))
        yield Reading(user_id, services.settings, connection, services.queue)


async def _reading(user: CurrentUser, session: SessionDep, services: ServicesDep) -> Reading:
    raw = await (await session.connection()).get_raw_connection()
    return Reading(user.id, services.settings, raw.driver_connection, services.queue)


ReadingDep = Annotated[Reading, Depends(_reading)]
