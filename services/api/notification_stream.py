"""A user's notifications as server-sent events, from PostgreSQL: any replica can serve any stream from any point."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.context import Services
from services.database.engine import is_transient, open_session
from services.database.models import Notification
from services.database.notify import wait_for
from services.errors import UnavailableError
from services.notifications.shown import NotificationOut

_BATCH: Final = 200
_POLL_S: Final = 5.0
_HEARTBEAT_POLLS: Final = 2

_NEWER: Final = (
    select(Notification)
    .where(Notification.user_id == bindparam("user"), Notification.seq > bindparam("after"))
    .order_by(Notification.seq)
    .limit(bindparam("most"))
)


async def stream_notifications(
    services: Services, credential: uuid.UUID, user_id: uuid.UUID, after: int
) -> AsyncIterator[bytes]:
    """Stream every notification after a number live, for the lifetime of an access token; clients then reconnect.

    Ends earlier with the login or the API key whose id is `credential`. While the database is unreachable, the stream
    stays open.
    """
    ends_s = time.monotonic() + services.settings.access_token_s
    polls = 0
    yield b"retry: 1000\n\n"
    with (
        services.notifications.subscribed(str(user_id)) as changed,
        services.open_streams.watched(credential, changed) as stream,
    ):
        while (left_s := ends_s - time.monotonic()) > 0:
            changed.clear()
            if stream.ended:
                return
            newer = await _newer(services, user_id, after)
            for notification in newer:
                after = notification.seq
                yield _message(notification)
            if len(newer) < _BATCH:
                polls += 1
                if polls % _HEARTBEAT_POLLS == 0:
                    yield b": still here\n\n"
                await wait_for(changed, min(_POLL_S, left_s))


async def newer_notifications(
    session: AsyncSession, user_id: uuid.UUID, after: int, most: int = _BATCH
) -> Sequence[Notification]:
    """The next notifications of a user after a number, at most so many, by number."""
    return (await session.scalars(_NEWER, {"user": user_id, "after": after, "most": most})).all()


async def _newer(services: Services, user_id: uuid.UUID, after: int) -> Sequence[Notification]:
    try:
        async with open_session(services.sessions, reads=True) as session:
            return await newer_notifications(session, user_id, after)
    except UnavailableError:
        return []
    except DBAPIError as error:
        if not is_transient(error):
            raise
        return []


def _message(notification: Notification) -> bytes:
    data = NotificationOut.of(notification).model_dump_json()
    return f"id: {notification.seq}\nevent: notification\ndata: {data}\n\n".encode()
