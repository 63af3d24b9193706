"""Events of the stream of everything that changes, `GET /events`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.api.dataset_models import DatasetStatus
from services.api.job_models import EventOut, JobStatus
from services.api.routers.pipelines import PipelineOut, PipelineStatus, StageStatus
from services.database.models import Job
from services.jobs.kinds.registry import KindName
from services.notifications.shown import NotificationOut
from services.pipelines.registry import StageType


class _Live(BaseModel):
    model_config = ConfigDict(
        use_attribute_docstrings=True,
        protected_namespaces=(),
        from_attributes=True,
        json_schema_serialization_defaults_required=True,  # an event has all of its fields
    )


class JobState(_Live):
    """What changes of a job while it waits and runs; `GET /jobs/{job_id}` has the rest."""

    id: uuid.UUID
    type: KindName
    name: str
    project_id: uuid.UUID | None
    model_id: str | None
    dataset_id: uuid.UUID
    dataset_version: int
    priority: int
    status: JobStatus
    phase: str | None
    progress: float
    """0 to 1."""
    epoch: float | None
    step: int | None
    metrics: dict[str, Any]
    """The newest values."""
    error: str | None
    """Why it failed."""
    attempt: int
    last_seq: int
    """Number of its newest event."""
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


JOB_COLUMNS: Final = tuple(getattr(Job, name) for name in JobState.model_fields)


class DatasetState(_Live):
    """What changes of a dataset; `GET /datasets/{dataset_id}` has the rest."""

    id: uuid.UUID
    name: str
    description: str
    project_id: uuid.UUID | None
    task: str
    status: DatasetStatus
    error: str | None
    """Why it cannot be used."""
    version: int | None
    """Number of its newest version that is ready."""
    job_id: uuid.UUID | None
    """The job that processes its newest version."""
    phase: str | None
    """Phase of that job: `fetching`, `reading`, `storing`."""
    progress: float | None
    """Progress of that job, 0 to 1; unset without one."""
    updated_at: datetime


class StageState(_Live):
    """A stage of a pipeline."""

    name: str
    type: StageType
    status: StageStatus
    attempts: int
    next_attempt_at: datetime | None
    job_id: uuid.UUID | None
    progress: float
    """0 to 1."""
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None


class PipelineState(_Live):
    """What changes of a pipeline; `GET /pipelines/{pipeline_id}` has the rest."""

    id: uuid.UUID
    name: str
    project_id: uuid.UUID | None
    status: PipelineStatus
    progress: float
    """0 to 1: the mean of its stages."""
    stages: list[StageState]
    finished_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, pipeline: PipelineOut) -> PipelineState:
        """What changes of a pipeline."""
        return cls.model_validate(pipeline)


class LiveReady(_Live):
    """The first event of each connection."""

    kind: Literal["ready"] = "ready"
    id: None = None
    resumed: bool
    """true: the stream goes on after `Last-Event-ID`, and nothing was missed. false: read now what you show; every later
    change is in the stream."""


class LiveReset(_Live):
    """Too much has changed at once: read again what you show."""

    kind: Literal["reset"] = "reset"
    id: None = None


class LiveJob(_Live):
    """The newest state of a job."""

    kind: Literal["job", "sweep"]
    """`sweep`: a job of this type, whose trials may have changed too (`GET /sweeps/{sweep_id}`)."""
    id: uuid.UUID
    deleted: bool = False
    job: JobState | None = None
    """Unset: it was deleted."""


class LiveDataset(_Live):
    """The newest state of a dataset; also when the job that processes it goes on."""

    kind: Literal["dataset"] = "dataset"
    id: uuid.UUID
    deleted: bool = False
    dataset: DatasetState | None = None
    """Unset: it was deleted."""


class LivePipeline(_Live):
    """The newest state of a pipeline and its stages; also when the job of a stage goes on."""

    kind: Literal["pipeline"] = "pipeline"
    id: uuid.UUID
    deleted: bool = False
    pipeline: PipelineState | None = None
    """Unset: it was deleted."""


class LiveNotification(_Live):
    """A new notification; each comes once, in the order of `seq`."""

    kind: Literal["notification"] = "notification"
    id: uuid.UUID
    notification: NotificationOut


class LiveNotifications(_Live):
    """Notifications were added, marked or deleted: read the list again if you show it."""

    kind: Literal["notifications"] = "notifications"
    id: None = None
    unread: int
    """Number of all unread notifications."""
    last_seq: int
    """The newest number."""


class LiveJobEvent(_Live):
    """An event of a job that the stream was asked to follow; each comes once, in the order of `seq`."""

    kind: Literal["metric", "log", "status", "artifact"]
    id: uuid.UUID
    """The job."""
    event: EventOut


LiveEvent = (
    LiveReady | LiveReset | LiveJob | LiveDataset | LivePipeline | LiveNotification | LiveNotifications | LiveJobEvent
)
LIVE_EVENT: Final[TypeAdapter[LiveEvent]] = TypeAdapter(LiveEvent)
"""Reads the data of an event."""


def live_schemas(template: str) -> Mapping[str, Any]:
    """The schemas of the events by name, with `LiveEvent` for any of them; `template` makes a reference of a name."""
    schema = LIVE_EVENT.json_schema(ref_template=template, mode="serialization")
    named: dict[str, Any] = schema.pop("$defs")
    return {**named, "LiveEvent": {"oneOf": schema["anyOf"], "description": "One event, by its `kind`."}}
