"""Tables of jobs: requests and states, events, files."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row, one_of

JOB_STATUSES = ("queued", "starting", "running", "stopping", "stopped", "succeeded", "failed")
EVENT_KINDS = ("status", "metric", "log", "artifact")


class Job(Row, Base):
    """A job of some kind: its request, state and result."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("status", JOB_STATUSES), name="status"),
        Index(None, "user_id", "created_at", "id"),
        Index(
            "ix_jobs_active",
            "status",
            "queued_at",
            postgresql_where=text("status IN ('queued', 'starting', 'running', 'stopping')"),
        ),
        Index(None, "dataset_id"),
        Index(None, "needs_id"),
        Index("ix_jobs_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    model_id: Mapped[str | None] = mapped_column(String(200))
    """Id of its base model; None: its kind works on data alone."""
    model: Mapped[dict[str, Any] | None]
    """Reference to the model when the job was created: id, source, family and revision."""
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"))
    dataset_version: Mapped[int]
    type: Mapped[str] = mapped_column(String(16))
    """Name of its kind (services.jobs.kinds.registry)."""
    lane: Mapped[str | None] = mapped_column(String(16))
    """Queue with slots of its own in which it waits (services.jobs.lanes); None: it waits for room on the cluster."""
    spec: Mapped[dict[str, Any]]
    """What its kind was asked, resolved, defaults included."""
    needs_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id"))
    """The job whose outcome this one works on."""
    resources: Mapped[dict[str, Any]]
    """Where it runs: workers, CPUs, labels."""

    priority: Mapped[int] = mapped_column(server_default="0")
    """Among the queued jobs of its user, higher starts first."""
    status: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(40))
    """What the run is doing: `loading`, `training`, ..."""
    progress: Mapped[float] = mapped_column(server_default="0")
    epoch: Mapped[float | None]
    step: Mapped[int | None] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """The newest values; those of evaluations by name under `base`, `tuned` and `validation`."""
    result: Mapped[dict[str, Any] | None]
    """`result.json` of a finished run."""
    error: Mapped[str | None]
    """Why it failed."""
    refused: Mapped[bool] = mapped_column(server_default="false")
    """Whether it failed permanently, so that a retry would fail too: the config and the data do not go together."""

    life: Mapped[int] = mapped_column(server_default="1")
    """Run number, from 1; incremented when its user resumes it. Each run sends one end notification."""
    attempt: Mapped[int] = mapped_column(server_default="0")
    """Submissions so far; each has its own id."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """Drivers that died since the user last queued the job."""
    submission_id: Mapped[str | None] = mapped_column(String(80))
    last_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Sequence number of its newest event."""
    budget: Mapped[dict[str, Any] | None]
    """Limits at which it is stopped: `wall_s`, `cost`."""
    metered_s: Mapped[float] = mapped_column(server_default="0")
    """Seconds that its earlier drivers ran, without the current one."""
    metered_since: Mapped[datetime | None]
    """When the current driver was first seen running."""
    stored_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes that it keeps in object storage; until it has ended, the expected number."""
    yields: Mapped[bool] = mapped_column(server_default="false")
    """Whether it is being preempted for another user's job; it is queued again when it has stopped."""
    deleted_at: Mapped[datetime | None]
    """A deleted job is invisible to its user; its files and then its row are removed soon after."""
    checkpoints_removed: Mapped[bool] = mapped_column(server_default="false")
    """Whether its checkpoints were removed because it succeeded long ago; its results are kept."""
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    stop_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class JobEvent(Base):
    """An event of a job; `seq` counts from 1 without gaps, `key` deduplicates the repeats of a resumed run."""

    __tablename__ = "job_events"
    __table_args__ = (
        CheckConstraint(one_of("kind", EVENT_KINDS), name="kind"),
        UniqueConstraint("job_id", "key"),
        Index(None, "job_id", "kind", "seq"),
    )

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    key: Mapped[str] = mapped_column(String(300))
    time: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class Artifact(Row, Base):
    """A file that a job made."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    key: Mapped[str]
    """Object key in the platform's bucket."""
