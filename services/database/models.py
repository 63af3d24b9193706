"""The tables. Migrations must agree with them: a test compares both."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DATASET_STATUSES = ("pending", "processing", "ready", "error")
JOB_TYPES = ("training", "selection", "evaluation")
JOB_STATUSES = ("queued", "starting", "running", "stopping", "stopped", "succeeded", "failed")
ROLES = ("user", "admin")
KEY_SCOPES = ("read", "write", "admin")
MODEL_STATUSES = ("active", "retired")
PIPELINE_STATUSES = ("running", "stopping", "stopped", "succeeded", "failed")
STAGE_TYPES = ("ingest", "validate", "select", "train", "evaluate", "compare", "export")
STAGE_STATUSES = ("waiting", "running", "stopped", "succeeded", "failed")
EVENT_KINDS = ("status", "metric", "log", "artifact")
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


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """Base of every table: names of constraints are derived, times have a zone, `dict` is JSONB."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # INSERT and UPDATE return server-generated values, so that no attribute access triggers a query later.
    # Deleting a row that another request has just deleted is no error.
    __mapper_args__ = {"eager_defaults": True, "confirm_deleted_rows": False}
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        uuid.UUID: Uuid,
        str: Text,
    }


class Row:
    """Columns of every resource that has an id of its own."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class User(Row, Base):
    """A user's account."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(_one_of("role", ROLES), name="role"),)

    username: Mapped[str] = mapped_column(String(40))
    username_key: Mapped[str] = mapped_column(String(40), unique=True)
    """The name in lower case: `Ada` and `ada` are one account."""
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(String(16), server_default="user")
    """`user`, or `admin`, who also operates the platform."""
    disabled_at: Mapped[datetime | None]
    """When an admin disabled the account; its requests are rejected until it is enabled."""
    reset_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Hash of a one-time token for setting a new password, issued by an admin."""
    reset_expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class LoginSession(Row, Base):
    """One login and the family of refresh tokens that come from it."""

    __tablename__ = "login_sessions"
    __table_args__ = (Index(None, "user_id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None] = mapped_column(String(40))


class RefreshToken(Row, Base):
    """A single-use refresh token, stored as its hash."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "family_id"),)

    family_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("login_sessions.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiKey(Row, Base):
    """A key with which a program acts for its owner, stored as its hash."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(_one_of("scope", KEY_SCOPES), name="scope"),
        Index(None, "user_id", "created_at", "id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    start: Mapped[str] = mapped_column(String(16))
    """Its first characters, by which people recognize it."""
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str] = mapped_column(String(8))
    """`read`, `write` or `admin`; each includes those before it."""
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """Accurate to the minute."""


class AuditEvent(Row, Base):
    """An event that concerns the security of an account."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "user_id", "created_at", "id"), Index(None, "created_at"))

    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """The account; None: no account, such as a login with an unknown name."""
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """The admin who acted on another user's account; None: the owner, or somebody who tried to log in as the owner."""
    action: Mapped[str] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(64))
    """Where the request came from."""
    correlation_id: Mapped[str | None] = mapped_column(String(128))
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


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


class LoginThrottle(Base):
    """Number of attempts within a window, keyed by a digest of what is throttled (services.auth.throttle)."""

    __tablename__ = "login_throttles"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempts: Mapped[int]
    window_started_at: Mapped[datetime]


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


class CatalogueModel(Base):
    """A base model that new jobs may use, or, if retired, could use earlier."""

    __tablename__ = "models"
    __table_args__ = (CheckConstraint(_one_of("status", MODEL_STATUSES), name="status"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    family: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(1000))
    """`bundled:NAME`, a hub id, or `s3://bucket/prefix`."""
    revision: Mapped[str | None] = mapped_column(String(40))
    """Commit of a hub model."""
    parameters: Mapped[int] = mapped_column(BigInteger)
    languages: Mapped[list[Any]]
    licence: Mapped[str] = mapped_column(String(200))
    description: Mapped[str]
    tasks: Mapped[list[Any]]
    status: Mapped[str] = mapped_column(String(16), server_default="active")
    """New jobs cannot use a `retired` model; existing jobs keep it."""
    shipped: Mapped[bool]
    """Whether it comes with the software, which then keeps it up to date until an admin changes it."""
    edited_at: Mapped[datetime | None]
    """When an admin last changed it."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Project(Row, Base):
    """A user's group of datasets, jobs, adapters and pipelines."""

    __tablename__ = "projects"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Dataset(Row, Base):
    """Recordings of a user, from upload to training."""

    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint(_one_of("status", DATASET_STATUSES), name="status"),
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
        CheckConstraint(_one_of("status", DATASET_STATUSES), name="status"),
        UniqueConstraint("dataset_id", "number"),
        Index("ix_dataset_versions_processing", "created_at", postgresql_where=text("status = 'processing'")),
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
    attempts: Mapped[int] = mapped_column(server_default="0")
    """Attempts to process it."""
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


class Job(Row, Base):
    """A job that trains, selects or evaluates: its request, state and result."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(_one_of("status", JOB_STATUSES), name="status"),
        CheckConstraint(_one_of("type", JOB_TYPES), name="type"),
        Index(None, "user_id", "created_at", "id"),
        Index(
            "ix_jobs_active",
            "status",
            "queued_at",
            postgresql_where=text("status IN ('queued', 'starting', 'running', 'stopping')"),
        ),
        Index(None, "dataset_id"),
        Index("ix_jobs_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    model_id: Mapped[str] = mapped_column(String(200))
    model: Mapped[dict[str, Any]]
    """Reference to the model when the job was created: id, source, family and revision."""
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"))
    dataset_version: Mapped[int]
    type: Mapped[str] = mapped_column(String(16), server_default="training")
    """`training`, `selection` of what is worth training on, or `evaluation` of a training."""
    config: Mapped[dict[str, Any]]
    """The resolved training config, defaults included."""
    selection: Mapped[dict[str, Any] | None]
    """For a selection: how to select, defaults included."""
    selection_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id"))
    """For a training: the job that selected what it trains on."""
    measurement: Mapped[dict[str, Any] | None]
    """For an evaluation: what is measured, defaults included."""
    training_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id"))
    """For an evaluation: the job that trained what it measures."""
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
        CheckConstraint(_one_of("kind", EVENT_KINDS), name="kind"),
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


class Pipeline(Row, Base):
    """Stages from recordings to a version of an adapter, as one resource."""

    __tablename__ = "pipelines"
    __table_args__ = (
        CheckConstraint(_one_of("status", PIPELINE_STATUSES), name="status"),
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
        CheckConstraint(_one_of("type", STAGE_TYPES), name="type"),
        CheckConstraint(_one_of("status", STAGE_STATUSES), name="status"),
        UniqueConstraint("pipeline_id", "name"),
        UniqueConstraint("pipeline_id", "position"),
    )

    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(16))
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
        CheckConstraint(_one_of("kind", NOTIFICATION_KINDS), name="kind"),
        CheckConstraint(_one_of("webhook_status", WEBHOOK_STATUSES), name="webhook_status"),
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
