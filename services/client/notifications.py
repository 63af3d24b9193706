"""Calls about notifications."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import httpx

from services.client.answers import Notification, NotificationSettings, NotificationStanding, Webhook
from services.client.connection import Connection, given
from services.client.errors import ServerUnreachableError


class NotificationCalls(Connection):
    """What of one's own has ended."""

    def notifications(self, *, unread: bool | None = None, kind: str | None = None) -> list[Notification]:
        """The notifications that are kept, newest first."""
        filters = given(unread=unread, kind=kind)
        return [self._answer(Notification, item) for item in self._items("/notifications", filters)]

    def notification(self, notification_id: str) -> Notification:
        """One notification."""
        return self._answer(Notification, self._call("GET", f"/notifications/{notification_id}"))

    def notification_standing(self) -> NotificationStanding:
        """How many are unread, and the newest number."""
        return self._answer(NotificationStanding, self._call("GET", "/notifications", params={"limit": 1}))

    def mark_notification(self, notification_id: str, *, read: bool = True) -> Notification:
        """Mark one as read, or as unread again."""
        answer = self._call("PATCH", f"/notifications/{notification_id}", body={"read": read})
        return self._answer(Notification, answer)

    def read_notifications(self, *, up_to: int | None = None) -> int:
        """Mark all as read, or those up to a number; how many were unread."""
        return int(self._call("POST", "/notifications/read", params=given(up_to=up_to))["marked"])

    def delete_notification(self, notification_id: str) -> None:
        """Delete one."""
        self._call("DELETE", f"/notifications/{notification_id}")

    def follow_notifications(
        self, *, after: int = 0, for_s: float | None = None, patience_s: float = 60.0
    ) -> Iterator[Notification]:
        """Notifications after a number, as they come; a stream that ends is taken up again behind the last one.

        Args:
            after: number of the last one that is known; 0: from the oldest that is kept.
            for_s: how long; None: until the caller has enough.
            patience_s: how long to do without a server.

        Raises:
            ServerUnreachableError: no server for `patience_s` seconds.
        """
        last = after
        ends_s = None if for_s is None else time.monotonic() + for_s
        lost_since: float | None = None
        while True:
            try:
                with self._event_stream("/notifications/events", last) as stream:
                    lost_since = None
                    for event in stream:
                        if event.sequence > last:
                            last = event.sequence
                            yield self._answer(Notification, event.data)
            except httpx.TransportError as error:
                now = time.monotonic()
                lost_since = lost_since or now
                if now - lost_since > patience_s:
                    raise ServerUnreachableError(f"the stream of notifications is gone: {error}") from error
            if ends_s is not None and time.monotonic() >= ends_s:
                return
            time.sleep(0.5)

    def notification_settings(self) -> NotificationSettings:
        """What is told, and where."""
        return self._answer(NotificationSettings, self._call("GET", "/users/me/notification-settings"))

    def choose_notifications(self, kinds: Sequence[str] | None) -> NotificationSettings:
        """Be told of these kinds only; None: of everything."""
        body = {"kinds": list(kinds) if kinds is not None else None}
        return self._answer(NotificationSettings, self._call("PATCH", "/users/me/notification-settings", body=body))

    def set_webhook(self, url: str) -> Webhook:
        """Have notifications sent to an address too; needs a log-in with the password."""
        path = "/users/me/notification-settings/webhook"
        return self._answer(Webhook, self._call("PUT", path, body={"url": url}))

    def remove_webhook(self) -> None:
        """Have nothing sent any more."""
        self._call("DELETE", "/users/me/notification-settings/webhook")
