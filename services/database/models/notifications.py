"""Tables of notifications and their settings."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row, one_of

NOTIFICATION_KINDS = (
    "job_succeeded",
    "job_failed",
    "job_stopped",
    "dataset_ready",
    "dataset_error",
    "pipeline_succeeded",
    "pipeline_failed",
    "pipeline_stopped",
)
WEBHOOK_STATUSES = ("pending", "delivered", "given_up")


class NotificationSettings(Base):
    """Which notifications a user wants, and their webhook; also numbers the notifications."""

    __tablename__ = "notification_settings"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    last_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Sequence number of the newest notification."""
    kinds: Mapped[list[Any] | None]
    """Kinds that the user wants; None: all, including kinds added in later releases."""
    webhook_url: Mapped[str | None] = mapped_column(String(2000))
    webhook_nonce: Mapped[str | None] = mapped_column(String(64))
    """The webhook's secret is derived from this and the platform's secret; it is not stored."""
    webhook_created_at: Mapped[datetime | None]


class Notification(Row, Base):
    """Notice that a user's job, dataset or pipeline has ended, written in the transaction that ends it."""

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint(one_of("kind", NOTIFICATION_KINDS), name="kind"),
        CheckConstraint(one_of("webhook_status", WEBHOOK_STATUSES), name="webhook_status"),
        UniqueConstraint("user_id", "resource_id", "life"),
        Index(None, "user_id", "created_at", "id"),
        Index("ix_notifications_unread", "user_id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notifications_read", "read_at", postgresql_where=text("read_at IS NOT NULL")),
        Index(
            "ix_notifications_webhook_pending",
            "user_id",
            "next_attempt_at",
            postgresql_where=text("webhook_status = 'pending'"),
        ),
        Index(None, "user_id", "seq", unique=True),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigInteger)
    """Number among the user's notifications; numbers increase and become visible in order."""
    kind: Mapped[str] = mapped_column(String(32))
    resource_id: Mapped[uuid.UUID]
    """Id of the job, dataset or pipeline that has ended."""
    life: Mapped[int]
    """Number of the run that has ended."""
    name: Mapped[str] = mapped_column(String(200))
    """Name of the resource at that time."""
    detail: Mapped[str | None]
    """Reason for the end, if there is more to say than the kind does."""
    read_at: Mapped[datetime | None]
    webhook_status: Mapped[str | None] = mapped_column(String(16))
    """None: the user had no webhook."""
    webhook_attempts: Mapped[int] = mapped_column(server_default="0")
    webhook_error: Mapped[str | None]
    """Why the last attempt failed."""
    next_attempt_at: Mapped[datetime | None]
    """When the webhook is called next."""
