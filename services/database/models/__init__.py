"""The tables, by concept. Migrations must agree with them: a test compares both."""

from __future__ import annotations

from services.database.models.accounts import (
    KEY_SCOPES,
    ROLES,
    ApiKey,
    AuditEvent,
    LoginSession,
    LoginThrottle,
    RefreshToken,
    User,
)
from services.database.models.adapters import Adapter, AdapterVersion
from services.database.models.base import Base
from services.database.models.catalogue import MODEL_STATUSES, CatalogueModel
from services.database.models.changes import Change
from services.database.models.datasets import DATASET_STATUSES, Dataset, DatasetItem, DatasetVersion, Upload
from services.database.models.jobs import EVENT_KINDS, JOB_STATUSES, Artifact, Job, JobEvent
from services.database.models.notifications import (
    NOTIFICATION_KINDS,
    WEBHOOK_STATUSES,
    Notification,
    NotificationSettings,
)
from services.database.models.pipelines import PIPELINE_STATUSES, STAGE_STATUSES, Pipeline, PipelineStage
from services.database.models.platform import Heartbeat, IdempotencyKey
from services.database.models.projects import Project

__all__ = [
    "DATASET_STATUSES",
    "EVENT_KINDS",
    "JOB_STATUSES",
    "KEY_SCOPES",
    "MODEL_STATUSES",
    "NOTIFICATION_KINDS",
    "PIPELINE_STATUSES",
    "ROLES",
    "STAGE_STATUSES",
    "WEBHOOK_STATUSES",
    "Adapter",
    "AdapterVersion",
    "ApiKey",
    "Artifact",
    "AuditEvent",
    "Base",
    "CatalogueModel",
    "Change",
    "Dataset",
    "DatasetItem",
    "DatasetVersion",
    "Heartbeat",
    "IdempotencyKey",
    "Job",
    "JobEvent",
    "LoginSession",
    "LoginThrottle",
    "Notification",
    "NotificationSettings",
    "Pipeline",
    "PipelineStage",
    "Project",
    "RefreshToken",
    "Upload",
    "User",
]
