"""Notifications about the caller's ended jobs, datasets and pipelines."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from services.api.body import Body
from services.api.dependencies import CallerDep, CurrentUser, ServicesDep, SessionDep
from services.api.notification_stream import stream_notifications
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.api.streams import EventStream
from services.database.models import Notification
from services.notifications import requests
from services.notifications.shown import Kind, NotificationOut

router = APIRouter(prefix="/notifications", tags=["notifications"])

# Schema of one event, as for the stream of a job.
_EVENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "Its `seq`; `Last-Event-ID` takes it"},
        "event": {"type": "string", "enum": ["notification"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/NotificationOut"},
        },
        "retry": {"type": "integer", "minimum": 0, "description": "Milliseconds before the next try to connect"},
    },
}


class NotificationPage(Page[NotificationOut]):
    """A page of notifications, with totals."""

    unread: int
    """Number of all unread notifications, ignoring filters."""
    last_seq: int
    """The newest number; send it as `Last-Event-ID` to stream only later ones."""


class NotificationPatch(Body):
    """Changes."""

    read: bool
    """false: unread again."""


class MarkedOut(BaseModel):
    """Result."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    marked: int
    """Number of notifications marked."""


@router.get("", responses=problems(401, 422, 503))
async def list_notifications(
    user: CurrentUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    unread: Annotated[bool | None, Query(description="Only those that are unread, or only those that are read")] = None,
    kind: Kind | None = None,
) -> NotificationPage:
    """The caller's notifications, newest first. Read ones are kept for 30 days, or as the operator sets."""
    query = requests.owned_notifications(user.id)
    if q:
        query = query.where(matches(Notification.name, q))
    if unread is not None:
        query = query.where(Notification.read_at.is_(None) if unread else Notification.read_at.is_not(None))
    if kind is not None:
        query = query.where(Notification.kind == kind)
    rows, total, next_cursor = await newest_first(session, query, Notification, limit=limit, cursor=cursor)
    now = await requests.standing(session, user.id)
    return NotificationPage(
        items=[NotificationOut.of(row) for row in rows],
        total=total,
        next_cursor=next_cursor,
        unread=now.unread,
        last_seq=now.last_seq,
    )


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events `notification`; `id` is the number of each",
            "content": {"text/event-stream": {"itemSchema": _EVENT_SCHEMA}},
        },
        **problems(401, 422, 429, 503),
    },
)
async def follow_notifications(
    who: CallerDep,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=40, description="Only notifications after this number")
    ] = None,
) -> EventStream:
    """Stream the caller's notifications live, existing ones first.

    Ends after the lifetime of an access token (15 minutes, or as the operator sets); reconnect with `Last-Event-ID`. Ends
    earlier with the login or the API key.
    """
    text = (last_event_id or "").strip()
    after = min(int(text), 2**63 - 1) if text.isascii() and text.isdigit() else 0
    messages = stream_notifications(services, who.credential, who.user.id, after)
    return EventStream(messages, services, who.user.id)


@router.post("/read", responses=problems(401, 403, 422, 503))
async def read_all_notifications(
    user: CurrentUser,
    session: SessionDep,
    up_to: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Only those up to this number, which somebody has seen")
    ] = None,
) -> MarkedOut:
    """Mark all of the caller's notifications as read."""
    return MarkedOut(marked=await requests.mark_all(session, user.id, up_to))


@router.get("/{notification_id}", responses=problems(401, 404, 422, 503))
async def read_notification(notification_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> NotificationOut:
    """One notification, with its webhook delivery. It stays unread until it is marked."""
    return NotificationOut.of(await requests.find_notification(session, user.id, notification_id))


@router.patch("/{notification_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_notification(
    notification_id: uuid.UUID, body: NotificationPatch, user: CurrentUser, session: SessionDep
) -> NotificationOut:
    """Mark a notification as read, or as unread again."""
    return NotificationOut.of(await requests.mark(session, user.id, notification_id, read=body.read))


@router.delete("/{notification_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_notification(notification_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a notification; a pending webhook delivery is dropped."""
    await session.delete(await requests.find_notification(session, user.id, notification_id))
    await session.commit()
