"""Everything of a user that changes as one stream of server-sent events; any replica can serve it from any point."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError

from services.api.context import Services
from services.api.live_position import Position
from services.api.live_reader import LiveReader, Look
from services.database.engine import is_transient, open_session
from services.database.notify import wait_for
from services.errors import UnavailableError

_LOOK_EVERY_S: Final = 10.0
"""Longest time between two looks, and two signs of life. Changes wake a stream; looking finds what was not notified."""
_GATHER_S: Final = 0.25
"""Shortest time between two looks: a resource that changes faster is told with its newest state."""
_RETRY_S: Final = 1.0


async def stream_live(
    services: Services,
    credential: uuid.UUID,
    user_id: uuid.UUID,
    position: Position | None,
    followed: Mapping[uuid.UUID, int | None],
) -> AsyncIterator[bytes]:
    """Stream what changes, for the lifetime of an access token; clients then reconnect.

    Ends earlier with the login or the API key whose id is `credential`. While the database is unreachable, the stream
    stays open.

    Args:
        services: connections.
        credential: id of the login or the API key.
        user_id: whose resources.
        position: where the reader was; None: a new one.
        followed: jobs of the user whose events are included, as for `LiveReader`.
    """
    ends_s = time.monotonic() + services.settings.access_token_s
    reader = LiveReader(user_id, position, followed)
    told_s = time.monotonic()
    yield b"retry: 1000\n\n"
    with (
        services.changes.subscribed(str(user_id)) as changed,
        services.open_streams.watched(credential, changed) as stream,
    ):
        while (left_s := ends_s - time.monotonic()) > 0:
            changed.clear()
            if stream.ended:
                return
            look = await _look(services, reader)
            for message in look.messages if look is not None else ():
                yield message
            now_s = time.monotonic()
            if look is not None and look.messages:
                told_s = now_s
            elif now_s - told_s >= _LOOK_EVERY_S:
                told_s = now_s
                yield b": still here\n\n"
            if look is not None and look.more:
                continue
            if look is not None and look.messages:
                await asyncio.sleep(min(_GATHER_S, left_s))
            await wait_for(changed, min(_RETRY_S if look is None else _LOOK_EVERY_S, left_s))


async def _look(services: Services, reader: LiveReader) -> Look | None:
    """A look; None: the database cannot be reached now."""
    try:
        async with open_session(services.sessions, reads=True) as session:
            return await reader.look(session)
    except UnavailableError:
        return None
    except DBAPIError as error:
        if not is_transient(error):
            raise
        return None
