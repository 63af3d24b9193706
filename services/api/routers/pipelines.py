"""Pipelines: stages from recordings to a version of an adapter as one resource."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.dependencies import CurrentUser, ServicesDep, SessionDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.database.models import Job, Pipeline, PipelineStage
from services.pipelines import requests
from services.pipelines.declaration import Declaration, default_stages
from services.pipelines.registry import StageType
from services.pipelines.stage import RetryPolicy

router = APIRouter(prefix="/pipelines", tags=["pipelines"])

PipelineStatus = Literal["running", "stopping", "stopped", "succeeded", "failed"]
StageStatus = Literal["waiting", "running", "stopped", "succeeded", "failed"]


class PipelineBody(Declaration):
    """A new pipeline; it starts immediately."""

    project_id: uuid.UUID | None = None
    """A project of the caller, for its jobs and adapters."""
    dataset_id: uuid.UUID
    """A dataset of the caller, ready or not: a stage of type `ingest` waits for it."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the version for all stages; unset: the newest that is ready when the first stage needs one."""


class StageOut(BaseModel):
    """A stage."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    name: str
    type: StageType
    needs: list[str]
    """Stages that must succeed first."""
    settings: dict[str, Any]
    """Settings of its type, defaults included."""
    retry: RetryPolicy
    status: StageStatus
    """`waiting` with a `next_attempt_at`: it failed and will be retried then."""
    attempts: int
    """Attempts since the pipeline was last started or resumed."""
    next_attempt_at: datetime | None
    job_id: uuid.UUID | None
    """Its job; a retry resumes it."""
    progress: float
    """0 to 1."""
    result: dict[str, Any] | None
    error: str | None
    """Why the last attempt failed."""
    started_at: datetime | None
    finished_at: datetime | None


class PipelineOut(BaseModel):
    """A pipeline."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    id: uuid.UUID
    name: str
    project_id: uuid.UUID | None
    dataset_id: uuid.UUID
    dataset_version: int | None
    """The version that its stages use; unset until a stage needs one."""
    model_id: str
    config: dict[str, Any] | None
    resources: dict[str, Any]
    status: PipelineStatus
    progress: float
    """0 to 1: the mean of its stages."""
    stages: list[StageOut]
    created_at: datetime
    finished_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, pipeline: Pipeline, stages: Sequence[tuple[PipelineStage, float | None]]) -> PipelineOut:
        """Build from the rows of a pipeline and its stages, with the progress of the stages' jobs."""
        shown = []
        for row, job_progress in stages:
            progress = 1.0 if row.status == "succeeded" else (job_progress or 0.0)
            columns = {name: getattr(row, name) for name in StageOut.model_fields if name != "progress"}
            shown.append(StageOut(**columns, progress=progress))
        columns = {name: getattr(pipeline, name) for name in cls.model_fields if name not in ("stages", "progress")}
        progress = sum(stage.progress for stage in shown) / max(1, len(shown))
        return cls(**columns, stages=shown, progress=progress)


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_pipeline(
    body: PipelineBody,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    session: SessionDep,
    idempotency_key: IdempotencyHeader = None,
) -> PipelineOut:
    """Create a pipeline. Reports all faults of its stages together, before anything starts."""
    pipeline_id = uuid.uuid4()
    call = fingerprint(services.settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, pipeline_id)
    if earlier is not None:
        return await _shown(session, await requests.find_pipeline(session, user.id, earlier))
    stages = body.stages if body.stages is not None else default_stages(body.config)
    pipeline = await requests.create(
        session,
        services.settings,
        user.id,
        pipeline_id,
        name=body.name,
        project_id=body.project_id,
        dataset_id=body.dataset_id,
        dataset_version=body.dataset_version,
        model_id=body.model_id,
        config=body.config,
        resources=body.resources,
        stages=stages,
        cluster=services.cluster,
    )
    await session.commit()
    return await _shown(session, pipeline)


@router.get("", responses=problems(401, 422, 503))
async def list_pipelines(
    user: CurrentUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: PipelineStatus | None = None,
    project_id: uuid.UUID | None = None,
) -> Page[PipelineOut]:
    """The caller's pipelines, newest first."""
    query = requests.owned_pipelines(user.id)
    if q:
        query = query.where(matches(Pipeline.name, q))
    if status is not None:
        query = query.where(Pipeline.status == status)
    if project_id is not None:
        query = query.where(Pipeline.project_id == project_id)
    rows, total, next_cursor = await newest_first(session, query, Pipeline, limit=limit, cursor=cursor)
    stages = await stages_of(session, [row.id for row in rows])
    items = [PipelineOut.of(row, stages[row.id]) for row in rows]
    return Page(items=items, total=total, next_cursor=next_cursor)


@router.get("/{pipeline_id}", responses=problems(401, 404, 422, 503))
async def read_pipeline(pipeline_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> PipelineOut:
    """One pipeline, with its stages."""
    return await _shown(session, await requests.find_pipeline(session, user.id, pipeline_id))


@router.post("/{pipeline_id}/stop", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def stop_pipeline(pipeline_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> PipelineOut:
    """Stop a pipeline: running jobs save a checkpoint and end, and no further stage starts."""
    return await _shown(session, await requests.request_stop(session, user.id, pipeline_id))


@router.post("/{pipeline_id}/resume", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def resume_pipeline(pipeline_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> PipelineOut:
    """Resume a stopped or failed pipeline: succeeded stages stay, the others are retried."""
    return await _shown(session, await requests.request_resume(session, user.id, pipeline_id))


@router.delete("/{pipeline_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_pipeline(pipeline_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a pipeline that has ended; its jobs and their results stay."""
    await requests.delete(session, user.id, pipeline_id)


async def _shown(session: AsyncSession, pipeline: Pipeline) -> PipelineOut:
    return PipelineOut.of(pipeline, (await stages_of(session, [pipeline.id]))[pipeline.id])


async def stages_of(
    session: AsyncSession, pipeline_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[tuple[PipelineStage, float | None]]]:
    """The stages of pipelines, in their order, with the progress of their jobs."""
    found: dict[uuid.UUID, list[tuple[PipelineStage, float | None]]] = {each: [] for each in pipeline_ids}
    query = (
        select(PipelineStage, Job.progress)
        .outerjoin(Job, Job.id == PipelineStage.job_id)
        .where(PipelineStage.pipeline_id.in_(pipeline_ids))
        .order_by(PipelineStage.position)
    )
    for stage, progress in await session.execute(query):
        found[stage.pipeline_id].append((stage, progress))
    return found
