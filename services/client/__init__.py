"""HTTP client of the platform: what the CLI, the demo and scripts use to talk to a server.

    with Client("http://127.0.0.1:8000", api_key="lim_...") as client:
        dataset = client.upload_dataset("digits", Path("digits.zip"))
        job = client.create_job("whisper-pico", dataset.id, {"max_steps": 200})
        for event in client.events(job.id):
            print(event.kind, event.data)
        client.download_adapter(job.id, Path("adapter"))

A test calls every method and holds them against the OpenAPI document: each of its operations has one.
"""

from __future__ import annotations

from services.client.accounts import AccountCalls
from services.client.answers import (
    FINAL_STATUSES,
    Account,
    Adapter,
    AdapterVersion,
    Answer,
    ApiKey,
    Artifact,
    Dataset,
    DatasetVersion,
    Estimate,
    Job,
    JobEvent,
    JobStatus,
    Model,
    NewDataset,
    Notification,
    NotificationSettings,
    NotificationStanding,
    Pipeline,
    PipelineStage,
    Project,
    Upload,
    UploadPart,
    Webhook,
    parse_events,
)
from services.client.datasets import DatasetCalls
from services.client.errors import (
    ChecksumError,
    ClientError,
    DatasetFailedError,
    RequestRefusedError,
    ServerUnreachableError,
)
from services.client.jobs import JobCalls
from services.client.models import ModelCalls
from services.client.notifications import NotificationCalls
from services.client.pipelines import PipelineCalls
from services.client.projects import ProjectCalls
from services.client.surroundings import SurroundingCalls

__all__ = [
    "FINAL_STATUSES",
    "Account",
    "Adapter",
    "AdapterVersion",
    "Answer",
    "ApiKey",
    "Artifact",
    "ChecksumError",
    "Client",
    "ClientError",
    "Dataset",
    "DatasetFailedError",
    "DatasetVersion",
    "Estimate",
    "Job",
    "JobEvent",
    "JobStatus",
    "Model",
    "NewDataset",
    "Notification",
    "NotificationSettings",
    "NotificationStanding",
    "Pipeline",
    "PipelineStage",
    "Project",
    "RequestRefusedError",
    "ServerUnreachableError",
    "Upload",
    "UploadPart",
    "Webhook",
    "parse_events",
]


class Client(
    AccountCalls,
    ProjectCalls,
    ModelCalls,
    DatasetCalls,
    JobCalls,
    PipelineCalls,
    NotificationCalls,
    SurroundingCalls,
):
    """One user's connection to a platform; use as a context manager."""
