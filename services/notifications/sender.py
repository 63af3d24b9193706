"""Deliver notifications to webhooks: pending rows are retried with exponential backoff and given up after a day."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Final

from sqlalchemy import func, select, update

from services.database.engine import Sessions, open_session
from services.database.models import Notification, NotificationSettings
from services.errors import UnavailableError
from services.notifications.shown import NotificationOut
from services.notifications.webhook import WebhookError, WebhookRefusedError, post, secret_of
from services.settings import Settings

_AT_ONCE: Final = 4
_LOOK: Final = 1000
_LEASE: Final = timedelta(seconds=60)
"""An attempt without a recorded result for this long, because the hub died, is retried."""
_LONGEST_PAUSE_S: Final = 3600.0
_LONGEST_ERROR: Final = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A notification in flight."""

    notification_id: uuid.UUID
    url: str
    secret: str
    body: bytes
    attempts: int
    """Number of attempts, this one included."""
    age_s: float


class WebhookSender:
    """Sends pending notifications, one at a time per user, so that a slow webhook delays only its own user."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._networks = tuple(ip_network(network) for network in settings.webhook_networks)
        # A separate thread pool: users' slow servers must not occupy the hub's threads.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._served_s: dict[uuid.UUID, float] = {}
        """When each user was last served; users who never were go first."""

    async def round(self) -> None:
        """Start sending the notifications that are due."""
        due = (
            select(Notification.user_id)
            .where(Notification.webhook_status == "pending", Notification.next_attempt_at <= func.now())
            .distinct()
            .limit(_LOOK)
        )
        async with open_session(self._sessions) as session:
            users = set((await session.scalars(due)).all())
        self._served_s = {user: at_s for user, at_s in self._served_s.items() if user in users or user in self._running}
        for user_id in sorted(users - self._running.keys(), key=lambda user_id: self._served_s.get(user_id, 0.0)):
            if len(self._running) >= _AT_ONCE:
                break
            self._served_s[user_id] = time.monotonic()
            self._running[user_id] = asyncio.create_task(self._serve(user_id), name=f"webhook of {user_id}")

    async def close(self) -> None:
        """Cancel the notifications in flight; they are sent again when their leases have expired."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, user_id: uuid.UUID) -> None:
        """Send one user's notifications until none is due or one fails."""
        try:
            while (letter := await self._take(user_id)) is not None:
                if not await self._send(letter):
                    return
        except UnavailableError as error:
            _log.warning("webhooks wait: %s", error)
        except Exception:  # noqa: BLE001  the edge of a background task: a leased notification is retried
            _log.exception("sending to the webhook of user %s broke off", user_id)
        finally:
            self._running.pop(user_id, None)

    async def _take(self, user_id: uuid.UUID) -> _Letter | None:
        """Lease the next notification that is due, and return it."""
        due = (
            select(Notification, NotificationSettings)
            .join(NotificationSettings, NotificationSettings.user_id == Notification.user_id)
            .where(
                Notification.user_id == user_id,
                Notification.webhook_status == "pending",
                Notification.next_attempt_at <= func.now(),
            )
            .order_by(Notification.next_attempt_at)
            .limit(1)
            .with_for_update(of=Notification, skip_locked=True)
        )
        async with open_session(self._sessions) as session:
            found = (await session.execute(due)).one_or_none()
            if found is None:
                return None
            row, chosen = found
            if chosen.webhook_url is None or chosen.webhook_nonce is None:  # the webhook was just removed
                row.webhook_status = row.next_attempt_at = None
                await session.commit()
                return None
            now = datetime.now(UTC)
            row.webhook_attempts += 1
            row.next_attempt_at = now + _LEASE
            await session.commit()
        shown = NotificationOut.of(row).model_dump(mode="json", exclude={"webhook", "read_at"})
        body = {"type": row.kind, "timestamp": shown["created_at"], "data": shown}
        return _Letter(
            notification_id=row.id,
            url=chosen.webhook_url,
            secret=secret_of(self._settings, user_id, chosen.webhook_nonce),
            body=json.dumps(body, separators=(",", ":")).encode(),
            attempts=row.webhook_attempts,
            age_s=(now - row.created_at).total_seconds(),
        )

    async def _send(self, letter: _Letter) -> bool:
        """Try once; return whether the webhook accepted it."""
        send = partial(
            post, letter.url, letter.secret, str(letter.notification_id), letter.body, networks=self._networks
        )
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, send)
        except WebhookError as error:
            pause_s = self._pause_s(letter.attempts)
            ends = isinstance(error, WebhookRefusedError) or letter.age_s + pause_s > self._settings.webhook_give_up_s
            await self._record(letter, "given_up" if ends else "pending", str(error), None if ends else pause_s)
            return False
        await self._record(letter, "delivered", None, None)
        return True

    def _pause_s(self, attempts: int) -> float:
        return min(_LONGEST_PAUSE_S, self._settings.webhook_retry_s * float(2 ** min(attempts - 1, 30)))

    async def _record(self, letter: _Letter, status: str, error: str | None, pause_s: float | None) -> None:
        values = {
            "webhook_status": status,
            "webhook_error": error[:_LONGEST_ERROR].replace("\0", "") if error else None,
            "next_attempt_at": datetime.now(UTC) + timedelta(seconds=pause_s) if pause_s is not None else None,
        }
        mine = update(Notification).where(
            Notification.id == letter.notification_id, Notification.webhook_status == "pending"
        )
        async with open_session(self._sessions) as session:
            await session.execute(mine.values(**values))
            await session.commit()
        if status == "given_up":
            _log.info("notification %s does not reach its webhook: %s", letter.notification_id, error)
