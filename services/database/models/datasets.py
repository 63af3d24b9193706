"""Tables of datasets: versions, items, uploads."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.database.models.base import Base, Row, one_of

DATASET_STATUSES = ("pending", "processing", "ready", "error")


class Dataset(Row, Base):
    """Recordings of a user, from upload to training."""

    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint(one_of("status", DATASET_STATUSES), name="status"),
        Index(None, "user_id", "created_at", "id"),
        Index("ix_datasets_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND NOT purged")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(server_default="")
    task: Mapped[str] = mapped_column(String(40))
    source: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16))
    """`ready` once any version is ready; until then the status of the newest version."""
    error: Mapped[str | None]
    """Why it is in `error`."""
    source_kept: Mapped[bool] = mapped_column(server_default="false")
    """Whether its source files are still in object storage, so that further versions can be made from them."""
    source_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Declared size of an upload; of an import, the size counted against the storage quota until it is processed."""
    life: Mapped[int] = mapped_column(server_default="1")
    """Run number, from 1; incremented by each further version and by completing a failed upload again.

    Each run sends one end notification.
    """
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    deleted_at: Mapped[datetime | None]
    """A deleted dataset is invisible to its user; jobs still refer to it."""
    purged: Mapped[bool] = mapped_column(server_default="false")
    """Whether a deleted dataset's objects are gone too."""


class DatasetVersion(Row, Base):
    """The result of processing a source with options and decisions; immutable once it is ready."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        CheckConstraint(one_of("status", DATASET_STATUSES), name="status"),
        UniqueConstraint("dataset_id", "number"),
        Index(
            "ix_dataset_versions_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND NOT purged")
        ),
    )

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    number: Mapped[int]
    """From 1; the number of a deleted version is not reused."""
    parent: Mapped[int | None]
    """Number of the version that it revises."""
    status: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None]
    """Why it is in `error`."""
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    """The job that makes it; None: its upload is not complete, or the job was deleted."""
    options: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Processing options, as in `ProcessingConfig`."""
    decisions: Mapped[list[Any]] = mapped_column(server_default="[]", deferred=True)
    """Decisions of the user by which it differs from its parent."""
    item_decisions: Mapped[dict[str, Any]] = mapped_column(server_default="{}", deferred=True)
    """Decisions about each item, by path, those of its ancestors included."""
    prefix: Mapped[str]
    """Where its manifest and shards are, in the platform's bucket: `datasets/<id>/v1`."""
    utterances: Mapped[int] = mapped_column(server_default="0")
    audio_s: Mapped[float] = mapped_column(server_default="0")
    size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes of all its files; until it is ready, the expected size."""
    statistics: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Counts for people: speakers, splits, lengths."""
    sample: Mapped[list[Any]] = mapped_column(server_default="[]", deferred=True)
    """Some of its items, as in the manifest."""
    report: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    """What processing found, with each faulty item; exists also if there is no good item."""
    items: Mapped[int | None]
    """Number of items, good and rejected; None: an earlier release made it and kept no list of items."""
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    purged: Mapped[bool] = mapped_column(server_default="false")
    """Whether a deleted version's objects are gone too."""


class DatasetItem(Base):
    """An item of a dataset version, good or rejected, for browsing and decisions."""

    __tablename__ = "dataset_items"

    version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("dataset_versions.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place in the version, from 0."""
    path: Mapped[str]
    status: Mapped[str] = mapped_column(String(8))
    """`good` or `rejected`."""
    item_id: Mapped[str | None]
    """Id of a good item in the manifest; None: the item was rejected."""
    text: Mapped[str | None]
    speaker: Mapped[str | None]
    split: Mapped[str | None] = mapped_column(String(16))
    duration_s: Mapped[float | None]
    codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Kinds of its findings."""
    findings: Mapped[list[Any]]


class Upload(Row, Base):
    """A file that a client may upload to object storage."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("dataset_id", "name"),)

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str]
    """Object key in the platform's bucket; never derived from the client's file name."""
    sealed_key: Mapped[str | None]
    """Object key of the file once the upload is completed; no client has a URL that can still write there."""
    multipart_id: Mapped[str | None]
    """The object store's id of a multipart upload; None: the file comes in one piece."""
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Size of each part but the last."""
    expires_at: Mapped[datetime]
