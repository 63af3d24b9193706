"""What the server answers, as far as this client uses it; fields that it does not know are passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

JobStatus = Literal["queued", "starting", "running", "stopping", "stopped", "succeeded", "failed"]
FINAL_STATUSES: Final[frozenset[str]] = frozenset({"stopped", "succeeded", "failed"})


class Answer(BaseModel):
    """An answer of the server; fields that this client does not know are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Account(Answer):
    """A user."""

    id: str
    username: str
    email: str
    role: str = "user"


class Tokens(Answer):
    """What a login gives."""

    access_token: str
    refresh_token: str
    expires_in: float


class ApiKey(Answer):
    """A key for programs; `key` is there only when it has just been made."""

    id: str
    name: str
    start: str
    key: str | None = None
    scope: str = "write"
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class Dataset(Answer):
    """A dataset; `statistics` and `error` are there when it has been processed."""

    id: str
    name: str
    status: str
    description: str = ""
    project_id: str | None = None
    error: str | None = None
    version: int | None = None
    statistics: dict[str, Any] | None = None


class DatasetVersion(Answer):
    """A version of a dataset; `report` is there when it was asked for by itself."""

    number: int
    status: str
    parent: int | None = None
    error: str | None = None
    options: dict[str, Any] = {}
    decisions: list[dict[str, Any]] = []
    statistics: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    created_at: datetime


class UploadPart(Answer):
    """Where a part of a large file goes."""

    number: int
    start: int
    size: int
    url: str


class Upload(Answer):
    """Where one file of a new dataset goes."""

    name: str
    method: str
    url: str | None
    headers: dict[str, str] = {}
    parts: list[UploadPart] = []


class NewDataset(Answer):
    """A dataset that waits for its files."""

    dataset: Dataset
    uploads: list[Upload] = []


class Model(Answer):
    """A base model of the catalogue."""

    id: str
    family: str | None = None
    title: str | None = None
    source: str | None = None
    parameters: int | None = None
    description: str | None = None
    status: str = "active"
    shipped: bool = False


class Project(Answer):
    """What a user keeps together."""

    id: str
    name: str
    description: str = ""


class Adapter(Answer):
    """An adapter, by name."""

    id: str
    name: str
    description: str = ""
    project_id: str | None = None
    newest_version: int | None = None


class AdapterVersion(Answer):
    """A version of an adapter, and what it was made of."""

    number: int
    job_id: str
    notes: str = ""
    lineage: dict[str, Any] = {}


class Estimate(Answer):
    """What a run would take; the parts are as in the API's document."""

    memory: dict[str, Any]
    time: dict[str, Any]
    cost: dict[str, Any]
    devices: list[dict[str, Any]]


class Job(Answer):
    """A job that trains, selects or evaluates."""

    id: str
    type: str = "training"
    status: JobStatus
    name: str | None = None
    progress: float = 0.0
    epoch: float | None = None
    step: int | None = None
    metrics: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: str | None = None
    created_at: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL_STATUSES


class PipelineStage(Answer):
    """A stage of a pipeline."""

    name: str
    type: str
    needs: list[str] = []
    status: str
    attempts: int = 0
    next_attempt_at: datetime | None = None
    job_id: str | None = None
    progress: float = 0.0
    result: dict[str, Any] | None = None
    error: str | None = None


class Pipeline(Answer):
    """Stages from recordings to a version of an adapter."""

    id: str
    name: str
    status: str
    progress: float = 0.0
    dataset_id: str
    model_id: str
    stages: list[PipelineStage] = []

    @property
    def final(self) -> bool:
        """Whether the pipeline has ended."""
        return self.status in FINAL_STATUSES


class Notification(Answer):
    """That a job, a dataset or a pipeline has ended."""

    id: str
    seq: int
    kind: str
    resource_type: str
    resource_id: str
    name: str
    status: str
    detail: str | None = None
    created_at: datetime
    read_at: datetime | None = None
    webhook: dict[str, Any] | None = None


class NotificationStanding(Answer):
    """How many are unread, and how far the numbers go."""

    unread: int
    last_seq: int


class NotificationSettings(Answer):
    """What is told, and where; `kinds` unset: everything."""

    kinds: list[str] | None = None
    webhook: dict[str, Any] | None = None


class Webhook(Answer):
    """Where notifications are sent; `secret` is told when it is set and never again."""

    url: str
    secret: str


class Artifact(Answer):
    """A file that a job made; `url` is good for a limited time."""

    name: str
    kind: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One message of a stream: of a job's, or of notifications."""

    sequence: int
    kind: str
    data: Mapping[str, Any]


def parse_events(lines: Iterator[str]) -> Iterator[JobEvent]:
    """The events in the lines of a `text/event-stream`; comments and messages without a number are passed over.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
    """
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name:
                fields[name] = value
            continue
        if data and fields.get("id", "").isdigit():
            yield JobEvent(int(fields["id"]), fields.get("event", "message"), json.loads("\n".join(data)))
        fields, data = {}, []
