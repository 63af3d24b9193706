"""Training, selection and evaluation jobs: launch, list, change, stop, resume."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

from asyncpg import Record
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Text, bindparam

from cluster.config import ResourcesConfig
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.errors import Fault
from services.api.body import Body
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Listing, Page, Search, matches
from services.api.problems import problems
from services.api.read_route import ReadRoute
from services.api.reading import ReadingDep
from services.api.rendered import as_json, object_response, page_response, with_field
from services.config_faults import CheckedSelectionConfig, CheckedTrainingConfig
from services.database.models import Job
from services.database.prepared import Prepared
from services.errors import InvalidRequestError
from services.jobs import deletion, requests
from services.jobs.metering import has_prices, usage, usage_of
from services.projects.requests import check_project
from services.settings import Settings

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=ReadRoute)

JobStatus = Literal["queued", "starting", "running", "stopping", "stopped", "succeeded", "failed"]
JobType = Literal["training", "selection", "evaluation"]


Amount = Annotated[float, Field(gt=0, le=1e12)]


class BudgetBody(Body):
    """Limit over all attempts at which a job is stopped; it keeps its newest checkpoint."""

    wall_s: Amount | None = None
    """Seconds of its drivers' run time."""
    cost: Amount | None = None
    """Cost at the operator's prices, in their currency."""


class UsageOut(BaseModel):
    """A job's usage so far, over all attempts."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    wall_s: float
    """Seconds of its drivers' run time."""
    cpu_hours: float
    gpu_hours: float
    cost: float | None
    """Unset without prices from the operator."""


class JobBody(BaseModel):
    """A new job."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=())

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name; unset: from the model and the dataset."""
    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    dataset_id: uuid.UUID
    """A dataset that is ready."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the version; unset: the newest that is ready, or that of the selection."""
    type: Literal["training", "selection"] = "training"
    """`training`, or `selection`, which chooses what is worth training on."""
    config: CheckedTrainingConfig
    """What to train, and how. For a selection: the training that it is for, whose split decides what may be chosen."""
    selection: CheckedSelectionConfig | None = None
    """For a selection: how to choose; unset: the default method."""
    selection_id: uuid.UUID | None = None
    """For a training: a succeeded selection of the same dataset; the job trains only on it, in the selection's dataset
    version."""
    resources: ResourcesConfig = ResourcesConfig()
    """Placement, and the resources of each worker."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Higher goes first among the caller's queued jobs. Users take turns, so it does not overtake other users' jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller."""
    budget: BudgetBody | None = None
    """Unset: no limit."""

    @model_validator(mode="after")
    def _fields_of_its_type(self) -> JobBody:
        if self.type == "training" and self.selection is not None:
            raise PydanticCustomError("job_type", "selection is for jobs of type selection; give selection_id")
        if self.type == "selection" and self.selection_id is not None:
            raise PydanticCustomError("job_type", "selection_id is for jobs of type training; leave it out")
        return self


class EvaluationJobBody(Body):
    """An evaluation of a job's result."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Name; unset: from the training and the dataset."""
    dataset_id: uuid.UUID | None = None
    """A dataset that is ready; unset: the training's."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the version; unset: the newest that is ready, or the training's."""
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure; use `split: all` on other data."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources; one worker."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Higher goes first among the caller's queued jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller; unset: the training's."""
    budget: BudgetBody | None = None
    """Unset: no limit."""


class JobPatch(Body):
    """Changes; missing fields stay."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    project_id: uuid.UUID | None = None
    """Another project; null: none."""
    budget: BudgetBody | None = None
    """Another budget; null: none."""


class JobOut(BaseModel):
    """A job."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=(), from_attributes=True)

    id: uuid.UUID
    type: JobType
    name: str
    project_id: uuid.UUID | None
    model_id: str
    dataset_id: uuid.UUID
    dataset_version: int
    config: dict[str, Any]
    """The training config, defaults included."""
    selection: dict[str, Any] | None
    """For a selection: how to choose, defaults included."""
    selection_id: uuid.UUID | None
    """For a training: the selection job that it trains on."""
    measurement: dict[str, Any] | None
    """For an evaluation: what to measure, defaults included."""
    training_id: uuid.UUID | None
    """For an evaluation: the measured training job."""
    resources: dict[str, Any]
    """Resources."""
    priority: int
    status: JobStatus
    phase: str | None
    """Phase of the run: `loading`, `evaluating_base`, `training`, `evaluating`, `saving`, `done`."""
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
    attempt: int
    """Number of submissions to the cluster."""
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, job: Job, settings: Settings) -> JobOut:
        """Build from a row and its usage. Skips validation, which would take half of the time."""
        used = UsageOut.model_construct(**asdict(usage(job, settings)))
        return cls.model_construct(**dict(zip(_COLUMNS, _columns_of(job), strict=True)), usage=used)


_COLUMNS: Final = tuple(name for name in JobOut.model_fields if name != "usage")
_columns_of: Final = attrgetter(*_COLUMNS)
# A job as the JSON of `JobOut` without its usage, and the columns from which the usage is computed.
_RENDERED: Final = (
    as_json({name: getattr(Job, name) for name in _COLUMNS}).label("text"),
    Job.metered_s,
    Job.metered_since,
    Job.resources,
)


_OWNED: Final = requests.owned_jobs(bindparam("user_id"))
_JOBS: Final = Listing(
    _OWNED,
    Job,
    _RENDERED,
    {
        "q": matches(Job.name, bindparam("q", type_=Text)),
        "status": Job.status == bindparam("status"),
        "type": Job.type == bindparam("type"),
        "project_id": Job.project_id == bindparam("project_id"),
    },
)
_JOB: Final = Prepared(_OWNED.where(Job.id == bindparam("job_id")).with_only_columns(*_RENDERED))


def _rendered(row: Record, settings: Settings) -> str:
    return with_field(
        row["text"], "usage", usage_of(row["metered_s"], row["metered_since"], row["resources"], settings)
    )


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_job(
    body: JobBody,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    session: SessionDep,
    idempotency_key: IdempotencyHeader = None,
) -> JobOut:
    """Launch a job. Reports all faults of the config together, before anything is submitted."""
    job_id = uuid.uuid4()
    call = fingerprint(services.settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, job_id)
    if earlier is not None:
        return JobOut.of(await requests.find_job(session, user.id, earlier), services.settings)
    job = await requests.launch(
        session,
        services.settings,
        user.id,
        job_id,
        name=body.name,
        model_id=body.model_id,
        dataset_id=body.dataset_id,
        config=body.config,
        resources=body.resources,
        selection=(body.selection or SelectionConfig()) if body.type == "selection" else None,
        selection_id=body.selection_id,
        dataset_version=body.dataset_version,
        priority=body.priority,
        project_id=body.project_id,
        budget=_checked(body.budget, services.settings),
        cluster=services.cluster,
    )
    await session.commit()
    return JobOut.of(job, services.settings)


@router.post("/{job_id}/evaluations", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_evaluation(
    job_id: uuid.UUID,
    body: EvaluationJobBody,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    session: SessionDep,
    idempotency_key: IdempotencyHeader = None,
) -> JobOut:
    """Launch a job that measures a training's result and its base, on its own test speakers or on other data."""
    evaluation_id = uuid.uuid4()
    call = fingerprint(services.settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, evaluation_id)
    if earlier is not None:
        await requests.find_job(session, user.id, job_id)
        return JobOut.of(await requests.find_job(session, user.id, earlier), services.settings)
    await requests.find_job(session, user.id, job_id)
    job = await requests.launch_evaluation(
        session,
        services.settings,
        user.id,
        evaluation_id,
        name=body.name,
        training_id=job_id,
        dataset_id=body.dataset_id,
        measurement=body.measurement,
        resources=body.resources,
        dataset_version=body.dataset_version,
        priority=body.priority,
        project_id=body.project_id,
        budget=_checked(body.budget, services.settings),
        cluster=services.cluster,
    )
    await session.commit()
    return JobOut.of(job, services.settings)


@router.get("", response_model=Page[JobOut], responses=problems(401, 422, 503))
async def list_jobs(
    reading: ReadingDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: JobStatus | None = None,
    type: JobType | None = None,
    project_id: uuid.UUID | None = None,
) -> Response:
    """The caller's jobs, newest first."""
    filters = {"q": q or None, "status": status, "type": type, "project_id": project_id}
    rows, total, next_cursor = await _JOBS.page(reading, filters, limit=limit, cursor=cursor)
    return page_response([_rendered(row, reading.settings) for row in rows], total, next_cursor)


@router.get("/{job_id}", response_model=JobOut, responses=problems(401, 404, 422, 503))
async def read_job(job_id: uuid.UUID, reading: ReadingDep) -> Response:
    """One job."""
    rows = await reading.rows(_JOB, job_id=job_id)
    if not rows:
        raise requests.no_such_job()
    return object_response(_rendered(rows[0], reading.settings))


@router.patch("/{job_id}", responses=problems(400, 401, 404, 413, 415, 422, 503))
async def change_job(
    job_id: uuid.UUID, body: JobPatch, user: CurrentUser, session: SessionDep, settings: SettingsDep
) -> JobOut:
    """Change name, project or budget."""
    job = await requests.find_job(session, user.id, job_id)
    if body.name is not None:
        job.name = body.name
    if "project_id" in body.model_fields_set:
        await check_project(session, user.id, body.project_id)
        job.project_id = body.project_id
    if "budget" in body.model_fields_set:
        job.budget = _checked(body.budget, settings)
    await session.commit()
    return JobOut.of(job, settings)


@router.delete("/{job_id}", status_code=204, responses=problems(401, 404, 409, 422, 503))
async def delete_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a job that has ended, with its events, logs, checkpoints and files; a 409 names what still needs it."""
    await deletion.delete(session, user.id, job_id)


@router.post("/{job_id}/stop", status_code=202, responses=problems(401, 404, 409, 422, 503))
async def stop_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep, settings: SettingsDep) -> JobOut:
    """Stop a job after a checkpoint; a queued job stops immediately."""
    return JobOut.of(await requests.request_stop(session, user.id, job_id), settings)


@router.post("/{job_id}/resume", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def resume_job(job_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> JobOut:
    """Resume a stopped or failed job from its newest checkpoint; it meets the limits of a new job."""
    job = await requests.request_resume(session, services.settings, user.id, job_id, services.cluster)
    return JobOut.of(job, services.settings)


def _checked(budget: BudgetBody | None, settings: Settings) -> dict[str, float] | None:
    if budget is None:
        return None
    if budget.cost is not None and not has_prices(settings):
        fault = "the operator has set no prices, so costs are not computed; use wall_s"
        raise InvalidRequestError.of([Fault("budget.cost", fault)], code="no_prices")
    return budget.model_dump(exclude_none=True) or None
