"""Remove rows past their retention: login attempts, ended logins, idempotency keys, audit events, notifications.

Also what streams told of deleted resources.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete

from services.auth.throttle import LONGEST_WINDOW_S
from services.database.engine import Sessions, open_session
from services.database.models import (
    AuditEvent,
    Change,
    IdempotencyKey,
    LoginSession,
    LoginThrottle,
    Notification,
    RefreshToken,
)
from services.settings import Settings

IDEMPOTENCY_S: Final = 7 * 86400
"""How long a creating call can be retried under its Idempotency-Key, in seconds."""
AUDIT_S: Final = 180 * 86400
"""How long the audit trail is kept, in seconds."""
GONE_S: Final = 86400
"""How long streams can tell that something was deleted, in seconds; readers that were away longer look at everything."""
UNREAD_S: Final = 365 * 86400
"""How long an unread notification is kept, in seconds."""
_GRACE: Final = timedelta(days=1)


async def sweep(sessions: Sessions, settings: Settings) -> None:
    """Remove every row past its retention."""
    now = datetime.now(UTC)
    window = timedelta(seconds=max(LONGEST_WINDOW_S, settings.login_window_s))
    async with open_session(sessions) as session:
        await session.execute(delete(LoginThrottle).where(LoginThrottle.window_started_at < now - window))
        # Used tokens are kept until they expire: reuse of one reveals that it was stolen.
        await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now - _GRACE))
        await session.execute(delete(LoginSession).where(LoginSession.expires_at < now - _GRACE))
        await session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at < now - timedelta(seconds=IDEMPOTENCY_S))
        )
        await session.execute(delete(AuditEvent).where(AuditEvent.created_at < now - timedelta(seconds=AUDIT_S)))
        read = Notification.read_at < now - timedelta(seconds=settings.keep_notifications_s)
        await session.execute(delete(Notification).where(read))
        await session.execute(delete(Notification).where(Notification.created_at < now - timedelta(seconds=UNREAD_S)))
        await session.execute(delete(Change).where(Change.gone_at < now - timedelta(seconds=GONE_S) - _GRACE))
        await session.commit()
