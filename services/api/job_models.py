"""Request and response models of jobs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from cluster.config import ResourcesConfig
from engine.config.base import Config, DisagreementError, parse
from engine.config.measurement import MeasurementConfig
from engine.errors import ConfigError, Fault
from services.api.body import Body
from services.database.models import JOB_STATUSES, Job
from services.errors import InvalidRequestError
from services.jobs.kinds.contract import JobKind, JobRequest
from services.jobs.kinds.evaluation import Evaluation, EvaluationRequest
from services.jobs.kinds.registry import KINDS, KindName
from services.jobs.kinds.training import Training
from services.jobs.metering import has_prices, usage
from services.jobs.waiting import QueueOut
from services.settings import Settings


def _status(name: str) -> str:
    if name not in JOB_STATUSES:
        raise ValueError(f"there is no such status; there are {', '.join(JOB_STATUSES)}")
    return name


JobStatus = Annotated[str, AfterValidator(_status), Field(json_schema_extra={"enum": list(JOB_STATUSES)})]
Amount = Annotated[float, Field(gt=0, le=1e12)]
JobName = Annotated[str, Field(min_length=1, max_length=200)]
Priority = Annotated[int, Field(ge=-100, le=100)]
VersionNumber = Annotated[int, Field(ge=1, lt=2**31)]


class BudgetBody(Body):
    """Limit over all attempts at which a job is stopped; it keeps its newest checkpoint."""

    wall_s: Amount | None = None
    """Seconds of its drivers' run time."""
    cost: Amount | None = None
    """Cost at the operator's prices, in their currency."""

    def checked(self, settings: Settings) -> dict[str, float] | None:
        """The limits that are set; None: none is.

        Raises:
            InvalidRequestError: a cost is limited, and the operator has set no prices.
        """
        if self.cost is not None and not has_prices(settings):
            fault = "the operator has set no prices, so costs are not computed; use wall_s"
            raise InvalidRequestError.of([Fault("budget.cost", fault)], code="no_prices")
        return self.model_dump(exclude_none=True) or None


class NewJob(Body):
    """A new job."""

    model_config = ConfigDict(protected_namespaces=())

    name: JobName | None = None
    """Name; unset: from the model and the dataset."""
    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    dataset_id: uuid.UUID
    """A dataset that is ready."""
    dataset_version: VersionNumber | None = None
    """Number of the version; unset: the newest that is ready, or that of the selection."""
    type: KindName = Training.name
    """Kind of the job."""
    resources: ResourcesConfig = ResourcesConfig()
    """Placement, and the resources of each worker."""
    priority: Priority = 0
    """Higher goes first among the caller's queued jobs. Users take turns, so it does not overtake other users' jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller."""
    budget: BudgetBody | None = None
    """Unset: no limit."""

    def request(self, settings: Settings) -> JobRequest:
        """What is asked for.

        Raises:
            InvalidRequestError: a budget that cannot be kept.
        """
        return JobRequest(
            kind=self.type,
            asked=self._asked(),
            model_id=self.model_id,
            dataset_id=self.dataset_id,
            dataset_version=self.dataset_version,
            resources=self.resources,
            name=self.name,
            priority=self.priority,
            project_id=self.project_id,
            budget=self.budget.checked(settings) if self.budget else None,
        )

    def _asked(self) -> Config:
        """The spec of its kind. A field that is null is unset."""
        spec: type[Config] = KINDS[self.type].spec
        given = {name: value for name in spec.model_fields if (value := getattr(self, name)) is not None}
        return parse(spec, given)

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> NewJob:
        own = KINDS[self.type].spec.model_fields
        others = [name for name in type(self).model_fields if name not in NewJob.model_fields and name not in own]
        faults = []
        for name in others:
            if getattr(self, name) is not None:
                kinds = " or ".join(kind.name for kind in KINDS.values() if name in kind.spec.model_fields)
                faults.append(Fault(name, f"is for jobs of type {kinds}, and this is a {self.type}; leave it out"))
        try:
            self._asked()
        except ConfigError as error:
            faults += error.faults
        if faults:
            raise DisagreementError(faults)
        return self


def job_body(kinds: Mapping[str, JobKind[Any]]) -> type[NewJob]:
    """The body of POST /jobs: a flat object with the fields of all kinds that it launches.

    A field that only some kinds have is optional here, and checked against the kind afterwards.

    Raises:
        TypeError: two kinds have different fields of the same name.
    """
    posted = {name: kind for name, kind in kinds.items() if not kind.own_route}
    fields: dict[str, Any] = {}
    for field in dict.fromkeys(field for kind in posted.values() for field in kind.spec.model_fields):
        found = {
            name: kind.spec.model_fields[field] for name, kind in posted.items() if field in kind.spec.model_fields
        }
        first, *more = found.values()
        if any((each.annotation, each.metadata) != (first.annotation, first.metadata) for each in more):
            raise TypeError(f"the kinds {', '.join(found)} have different fields {field!r}")
        schema: Any = Annotated[(first.annotation, *first.metadata)] if first.metadata else first.annotation
        described = " ".join(f"Type `{name}`: {info.description}" for name, info in found.items())
        if len(found) == len(posted) and all(info.is_required() for info in found.values()):
            fields[field] = (schema, Field(description=described))
        else:
            fields[field] = (schema | None, Field(default=None, description=described))
    allowed = f"there is no such kind here; there are {', '.join(posted)}"

    def launched(name: str) -> str:
        if name not in posted:
            raise ValueError(allowed)
        return name

    named = Annotated[str, AfterValidator(launched), Field(json_schema_extra={"enum": list(posted)})]
    described = " ".join(f"`{name}`: {kind.__doc__}" for name, kind in posted.items())
    fields["type"] = (named, Field(default=Training.name, description=f"Kind of the job. {described}"))
    made: type[NewJob] = create_model("JobBody", __base__=NewJob, __doc__=NewJob.__doc__, **fields)
    return made


if TYPE_CHECKING:
    JobBody = NewJob
else:
    JobBody = job_body(KINDS)


class EvaluationJobBody(Body):
    """An evaluation of a job's result."""

    name: JobName | None = None
    """Name; unset: from the training and the dataset."""
    dataset_id: uuid.UUID | None = None
    """A dataset that is ready; unset: the training's."""
    dataset_version: VersionNumber | None = None
    """Number of the version; unset: the newest that is ready, or the training's."""
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure; use `split: all` on other data."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources; one worker."""
    priority: Priority = 0
    """Higher goes first among the caller's queued jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller; unset: the training's."""
    budget: BudgetBody | None = None
    """Unset: no limit."""

    def request(self, training_id: uuid.UUID, settings: Settings) -> JobRequest:
        """What is asked for.

        Raises:
            InvalidRequestError: a budget that cannot be kept.
        """
        return JobRequest(
            kind=Evaluation.name,
            asked=EvaluationRequest(training_id=training_id, measurement=self.measurement),
            dataset_id=self.dataset_id,
            dataset_version=self.dataset_version,
            resources=self.resources,
            name=self.name,
            priority=self.priority,
            project_id=self.project_id,
            budget=self.budget.checked(settings) if self.budget else None,
        )


class JobPatch(Body):
    """Changes; missing fields stay."""

    name: JobName | None = None
    project_id: uuid.UUID | None = None
    """Another project; null: none."""
    budget: BudgetBody | None = None
    """Another budget; null: none."""


class UsageOut(BaseModel):
    """A job's usage so far, over all attempts."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    wall_s: float
    """Seconds of its drivers' run time."""
    cpu_hours: float
    gpu_hours: float
    cost: float | None
    """Unset without prices from the operator."""


_SPECS: Final = "; ".join(
    f"`{name}`: {', '.join(f'`{field}`' for field in kind.spec.model_fields)}" for name, kind in KINDS.items()
)


class JobOut(BaseModel):
    """A job."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=(), from_attributes=True)

    id: uuid.UUID
    type: KindName
    name: str
    project_id: uuid.UUID | None
    model_id: str | None
    """Its base model; unset for an ingestion, which has none."""
    dataset_id: uuid.UUID
    dataset_version: int
    """The version that it works on; of an ingestion, the one that it makes."""
    spec: dict[str, Any] = Field(
        description=f"What its kind was asked, resolved, defaults included. Its fields by type: {_SPECS}."
    )
    needs_id: uuid.UUID | None
    """The job whose outcome this one works on, such as the selection of a training; it cannot be deleted before this one."""
    resources: dict[str, Any]
    """Resources."""
    priority: int
    status: JobStatus
    phase: str | None
    """Phase of the run: `loading`, `allocating`, `evaluating_base`, `training`, `evaluating`, `saving`, `done`; of an
    ingestion: `fetching`, `reading`, `storing`."""
    progress: float
    """0 to 1."""
    epoch: float | None
    step: int | None
    metrics: dict[str, Any]
    """The newest values: `loss`, `cost_per_s` and other figures of the training; metrics of evaluations by name under
    `base`, `tuned` and `validation`, with the `primary` one."""
    result: dict[str, Any] | None
    """Result of a finished run."""
    error: str | None
    """Why it failed."""
    budget: dict[str, float | None] | None
    """Limit at which it is stopped."""
    usage: UsageOut
    queue: QueueOut | None = None
    """Where it stands in the queue, and why it waits; unset unless it is queued, and in the answers of calls that change
    jobs."""
    attempt: int
    """Number of submissions to the cluster."""
    last_seq: int
    """Number of its newest event: read the history up to here, and stream only later events."""
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, job: Job, settings: Settings) -> JobOut:
        """Build from a row and its usage. Skips validation, which would take half of the time."""
        used = UsageOut.model_construct(**asdict(usage(job, settings)))
        return cls.model_construct(**dict(zip(JOB_COLUMNS, _columns_of(job), strict=True)), usage=used, queue=None)


JOB_COLUMNS: Final = tuple(name for name in JobOut.model_fields if name not in ("usage", "queue"))
"""Columns of a job that are shown as they are."""
_columns_of: Final = attrgetter(*JOB_COLUMNS)


class EventOut(BaseModel):
    """One event of a job's history; its other fields are those of the event."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    seq: int
    """Its number in the job's stream."""
    event_key: str
    """Its key within the job; a resumed run repeats events under the same key."""
    time: datetime
