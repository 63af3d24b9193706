"""What the tables allow is what answers name, no more and no less."""

from __future__ import annotations

from typing import get_args

from services.database.models import NOTIFICATION_KINDS, WEBHOOK_STATUSES
from services.notifications.shown import Kind, WebhookStatus


def test_notifications() -> None:
    assert get_args(Kind) == NOTIFICATION_KINDS
    assert get_args(WebhookStatus) == WEBHOOK_STATUSES
