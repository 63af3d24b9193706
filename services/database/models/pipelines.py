"""Tables of pipelines and their stages."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row, one_of

PIPELINE_STATUSES = ("running", "stopping", "stopped", "succeeded", "failed")
STAGE_STATUSES = ("waiting", "running", "stopped", "succeeded", "failed")


class Pipeline(Row, Base):
    """Stages from recordings to a version of an adapter, as one resource."""

    __tablename__ = "pipelines"
    __table_args__ = (
        CheckConstraint(one_of("status", PIPELINE_STATUSES), name="status"),
        Index(None, "user_id", "created_at", "id"),
        Index("ix_pipelines_active", "status", postgresql_where=text("status IN ('running', 'stopping')")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"))
    dataset_version: Mapped[int | None]
    """The version that all its stages use; None until a stage needs one: then set to the newest that is ready."""
    model_id: Mapped[str] = mapped_column(String(200))
    config: Mapped[dict[str, Any] | None]
    """Training config of the stages that have none of their own, defaults included."""
    resources: Mapped[dict[str, Any]]
    """Resources of the jobs whose stages have none of their own."""
    status: Mapped[str] = mapped_column(String(16))
    life: Mapped[int] = mapped_column(server_default="1")
    """Run number, from 1; incremented when its user resumes it. Each run sends one end notification."""
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class PipelineStage(Row, Base):
    """One stage of a pipeline: its settings, dependencies and state."""

    __tablename__ = "pipeline_stages"
    __table_args__ = (
        CheckConstraint(one_of("status", STAGE_STATUSES), name="status"),
        UniqueConstraint("pipeline_id", "name"),
        UniqueConstraint("pipeline_id", "position"),
    )

    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(16))
    """Name of its type (services.pipelines.registry)."""
    needs: Mapped[list[Any]]
    """Names of the stages that must succeed before it."""
    settings: Mapped[dict[str, Any]]
    """Settings that are specific to its type, defaults included."""
    retry: Mapped[dict[str, Any]]
    """Retry policy: number of attempts and backoff."""
    status: Mapped[str] = mapped_column(String(16), server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Attempts since the user created or last resumed the pipeline."""
    next_attempt_at: Mapped[datetime | None]
    """When it is retried."""
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id"))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    """Why the last attempt failed."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
