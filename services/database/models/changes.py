"""The table of changes, from which event streams learn what to look at again."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base


class Change(Base):
    """The newest transaction that changed a row of a user's resource. Triggers write it (migration 0022, ADR 59).

    A row of this table belongs to one row of another, which the same transaction has locked: keeping it locks nothing
    that could make two transactions wait for each other.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index(None, "user_id", "transaction_id"),
        Index("ix_changes_gone", "gone_at", postgresql_where=text("gone_at IS NOT NULL")),
    )

    row_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Id of the row that was changed, such as a stage of a pipeline."""
    user_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(16))
    """`job`, `dataset`, `pipeline` or `notification`."""
    resource_id: Mapped[uuid.UUID]
    """Id of the resource that the row belongs to."""
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    """PostgreSQL's number of the transaction (`xid8`). Numbers become visible out of order: see `services.api.changes`."""
    gone_at: Mapped[datetime | None]
    """When the row was deleted."""
