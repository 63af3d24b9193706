"""User requests for notifications: find, mark as read, choose kinds, set a webhook."""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.public_network import address_fault, url_fault
from engine.errors import Fault
from services.database.models import Notification, NotificationSettings
from services.errors import InvalidRequestError, NotFoundError
from services.notifications.webhook import secret_of
from services.settings import Settings

_NONCE_BYTES: Final = 24


def owned_notifications(user_id: uuid.UUID) -> Select[Notification]:
    """The notifications of a user: ownership is part of every query."""
    return select(Notification).where(Notification.user_id == user_id)


async def find_notification(session: AsyncSession, user_id: uuid.UUID, notification_id: uuid.UUID) -> Notification:
    """A notification of the user.

    Raises:
        NotFoundError: no such notification, or another user's.
    """
    found = await session.scalars(owned_notifications(user_id).where(Notification.id == notification_id))
    notification = found.one_or_none()
    if notification is None:
        raise NotFoundError("There is no such notification.", code="notification_not_found")
    return notification


@dataclass(frozen=True, slots=True)
class Standing:
    """Number of a user's unread notifications, and the newest sequence number."""

    unread: int
    last_seq: int


async def standing(session: AsyncSession, user_id: uuid.UUID) -> Standing:
    """A user's unread count and newest sequence number."""
    unread = (
        owned_notifications(user_id).where(Notification.read_at.is_(None)).with_only_columns(func.count())
    ).scalar_subquery()
    last = select(NotificationSettings.last_seq).where(NotificationSettings.user_id == user_id).scalar_subquery()
    row = (await session.execute(select(unread, func.coalesce(last, 0)))).one()
    return Standing(int(row[0]), int(row[1]))


async def mark(session: AsyncSession, user_id: uuid.UUID, notification_id: uuid.UUID, *, read: bool) -> Notification:
    """Mark a notification as read or unread, and commit. Marking it as read again keeps the first time.

    Raises:
        NotFoundError: no such notification, or another user's.
    """
    notification = await find_notification(session, user_id, notification_id)
    if not read:
        notification.read_at = None
    elif notification.read_at is None:
        notification.read_at = datetime.now(UTC)
    await session.commit()
    return notification


async def mark_all(session: AsyncSession, user_id: uuid.UUID, up_to: int | None) -> int:
    """Mark all of a user's notifications, or those up to a number, as read; commit; return how many were unread."""
    unread = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    if up_to is not None:
        unread = unread.where(Notification.seq <= up_to)
    changed = await session.scalars(unread.values(read_at=datetime.now(UTC)).returning(Notification.id))
    count = len(changed.all())
    await session.commit()
    return count


async def settings_of(session: AsyncSession, user_id: uuid.UUID) -> NotificationSettings:
    """A user's settings; without any, a row of defaults that is not stored."""
    found = await session.get(NotificationSettings, user_id)
    return found or NotificationSettings(user_id=user_id)


async def choose_kinds(session: AsyncSession, user_id: uuid.UUID, kinds: Sequence[str] | None) -> NotificationSettings:
    """Notify the user of these kinds only, from now on; None: all. Commits."""
    chosen = await _own_settings(session, user_id)
    chosen.kinds = sorted(set(kinds)) if kinds is not None else None
    await session.commit()
    return chosen


async def set_webhook(
    session: AsyncSession, settings: Settings, user_id: uuid.UUID, url: str
) -> tuple[NotificationSettings, str]:
    """Set the webhook, which also gets the pending notifications; return the settings and the new secret.

    Does not commit.

    Raises:
        InvalidRequestError: not a URL that can be called, or not a public address.
    """
    fault = _webhook_fault(settings, url)
    if fault is not None:
        raise InvalidRequestError.of([Fault("url", fault)], code="invalid_webhook")
    chosen = await _own_settings(session, user_id)
    chosen.webhook_url = url
    chosen.webhook_nonce = secrets.token_urlsafe(_NONCE_BYTES)
    chosen.webhook_created_at = datetime.now(UTC)
    await session.flush()
    return chosen, secret_of(settings, user_id, chosen.webhook_nonce)


async def remove_webhook(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Remove the webhook and cancel its pending notifications; does not commit.

    Raises:
        NotFoundError: there is no webhook.
    """
    chosen = await session.get(NotificationSettings, user_id, with_for_update=True)
    if chosen is None or chosen.webhook_url is None:
        raise NotFoundError("There is no webhook.", code="webhook_not_found")
    chosen.webhook_url = chosen.webhook_nonce = chosen.webhook_created_at = None
    waiting = update(Notification).where(Notification.user_id == user_id, Notification.webhook_status == "pending")
    await session.execute(waiting.values(webhook_status=None, next_attempt_at=None))


async def _own_settings(session: AsyncSession, user_id: uuid.UUID) -> NotificationSettings:
    """The user's row, created if missing, and locked: new notifications wait for this transaction."""
    await session.execute(insert(NotificationSettings).values(user_id=user_id).on_conflict_do_nothing())
    found = select(NotificationSettings).where(NotificationSettings.user_id == user_id).with_for_update()
    return (await session.scalars(found.execution_options(populate_existing=True))).one()


def _webhook_fault(settings: Settings, url: str) -> str | None:
    """The fault of a URL as far as it shows without DNS; the host is resolved when a notification is sent."""
    fault = url_fault(url)
    if fault is not None:
        return fault
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address_fault(host, tuple(ip_network(network) for network in settings.webhook_networks))
