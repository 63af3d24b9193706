"""Tables of the platform itself: rounds of background tasks, idempotent requests."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String, func
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base


class Heartbeat(Base):
    """The last round of a background task."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]
    """When a round last succeeded; before the first success, when the first one failed."""
    wall_s: Mapped[float]
    """How long the last round took, in seconds."""
    period_s: Mapped[float] = mapped_column(server_default="0")
    """Longest pause between two rounds, in seconds."""
    error: Mapped[str | None]
    """Why the last round failed; None: it did not."""
    failed_at: Mapped[datetime | None]
    """When a round last failed."""


class IdempotencyKey(Base):
    """The resource that a call with an Idempotency-Key created, so that a retry creates nothing."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(String(40), primary_key=True)
    """The user's id; `anonymous` for a sign-up."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Keyed hash of the route and the body: the key cannot be used for another request."""
    resource_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
