"""Tables of adapters and their versions."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row


class Adapter(Row, Base):
    """A user's named series of adapter versions."""

    __tablename__ = "adapters"
    __table_args__ = (UniqueConstraint("user_id", "name"), Index(None, "user_id", "created_at", "id"))

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class AdapterVersion(Row, Base):
    """A version of an adapter: what a job trained, and from what; immutable."""

    __tablename__ = "adapter_versions"
    __table_args__ = (UniqueConstraint("adapter_id", "number"), UniqueConstraint("adapter_id", "job_id"))

    adapter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adapters.id", ondelete="CASCADE"))
    number: Mapped[int]
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id"))
    notes: Mapped[str] = mapped_column(server_default="")
    lineage: Mapped[dict[str, Any]]
    """Base, data, config, code and result of the job, as they were when it was made."""
