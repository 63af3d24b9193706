"""User requests for pipelines: create, find, stop, resume, delete. The hub does the rest."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.catalogue.models import describe, usable_model
from services.database.models import Pipeline, PipelineStage
from services.database.notify import WORK, notify
from services.datasets.find import find_dataset, ready_version
from services.errors import ConflictError, InvalidRequestError, NotFoundError
from services.jobs.admission import admitted, model_sizes
from services.jobs.checks import check_task
from services.jobs.cluster_view import ClusterView
from services.jobs.kinds.registry import KINDS
from services.pipelines.declaration import read_plan, settings_of
from services.pipelines.plan import Plan
from services.pipelines.registry import STAGES
from services.pipelines.runner import stages_of
from services.pipelines.stage import StageFields
from services.pipelines.stages.job import JobStage, JobStageFields, TrainingStageFields
from services.projects.requests import check_project
from services.settings import Settings
from services.storage_quota import admit_bytes, lock_user


def owned_pipelines(user_id: uuid.UUID) -> Select[Pipeline]:
    """The pipelines of a user: ownership is part of every query."""
    return select(Pipeline).where(Pipeline.user_id == user_id)


async def find_pipeline(
    session: AsyncSession, user_id: uuid.UUID, pipeline_id: uuid.UUID, *, lock: bool = False
) -> Pipeline:
    """A pipeline of the user.

    Raises:
        NotFoundError: no such pipeline, or another user's.
    """
    query = owned_pipelines(user_id).where(Pipeline.id == pipeline_id)
    if lock:
        query = query.with_for_update()
    pipeline = (await session.scalars(query)).one_or_none()
    if pipeline is None:
        raise NotFoundError("There is no such pipeline.", code="pipeline_not_found")
    return pipeline


async def create(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    pipeline_id: uuid.UUID,
    *,
    name: str,
    project_id: uuid.UUID | None,
    dataset_id: uuid.UUID,
    dataset_version: int | None = None,
    model_id: str,
    config: TrainingConfig | None,
    resources: ResourcesConfig,
    stages: Sequence[StageFields],
    cluster: ClusterView | None = None,
) -> Pipeline:
    """Create a pipeline, which starts immediately; does not commit.

    Raises:
        InvalidRequestError: invalid stages (lists every fault), a model that cannot be used, no such version, or
            workers that no node holds.
        ForbiddenError: what its jobs are expected to keep exceeds the user's storage quota.
        NotFoundError: no such dataset or project, or another user's.
        ConflictError: the user has too many unfinished pipelines.
    """
    plan, faults = read_plan(stages, config)
    if plan is None:
        raise InvalidRequestError.of(faults, code="invalid_pipeline")
    await check_project(session, user_id, project_id)
    dataset = await find_dataset(session, user_id, dataset_id, lock=dataset_version is not None)
    if dataset_version is not None:
        await ready_version(session, dataset, dataset_version)
    tasks = {used.task.type for used in _configs(stages, config)}
    for position, stage, kind in _job_stages(stages):
        other = kind.other_dataset(stage)
        if other is None:
            continue
        try:
            other_dataset = await find_dataset(session, user_id, other)
        except NotFoundError as error:
            fault = Fault(f"stages.{position}.dataset_id", "is no dataset of yours")
            raise NotFoundError(error.detail, code=error.code, faults=[fault]) from None
        for task in tasks:
            check_task(other_dataset, task, f"stages.{position}.dataset_id")
    for task in tasks:
        check_task(dataset, task)
        model = await usable_model(session, model_id, task)
        await describe(settings, model.source)
    await lock_user(session, user_id)
    await _check_quota(session, user_id, settings.max_unfinished_jobs_per_user)
    await _check_jobs(session, settings, user_id, model_id, plan, config, resources, cluster)
    pipeline = Pipeline(
        id=pipeline_id,
        user_id=user_id,
        project_id=project_id,
        name=name,
        dataset_id=dataset_id,
        dataset_version=dataset_version,
        model_id=model_id,
        config=config.model_dump(mode="json") if config is not None else None,
        resources=resources.model_dump(mode="json"),
        status="running",
    )
    session.add(pipeline)
    await session.flush()
    session.add_all(
        PipelineStage(
            pipeline_id=pipeline_id,
            position=position,
            name=stage.name,
            type=stage.type,
            needs=list(plan.needs[stage.name]),
            settings=settings_of(stage),
            retry=stage.retry.model_dump(mode="json"),
            status="waiting",
        )
        for position, stage in enumerate(stages)
    )
    await session.flush()
    await notify(session, WORK)
    return pipeline


async def request_stop(session: AsyncSession, user_id: uuid.UUID, pipeline_id: uuid.UUID) -> Pipeline:
    """Stop a pipeline and commit: its jobs are stopped, and no further stage begins.

    Raises:
        NotFoundError: no such pipeline, or another user's.
        ConflictError: it has ended already.
    """
    pipeline = await find_pipeline(session, user_id, pipeline_id, lock=True)
    if pipeline.status not in ("running", "stopping"):
        raise ConflictError(f"The pipeline is {pipeline.status}; it has ended.", code="pipeline_state")
    pipeline.status = "stopping"
    await notify(session, WORK)
    await session.commit()
    return pipeline


async def request_resume(session: AsyncSession, user_id: uuid.UUID, pipeline_id: uuid.UUID) -> Pipeline:
    """Resume a stopped or failed pipeline at the stages that did not succeed, and commit.

    Raises:
        NotFoundError: no such pipeline, or another user's.
        ConflictError: it is neither stopped nor failed.
    """
    pipeline = await find_pipeline(session, user_id, pipeline_id, lock=True)
    if pipeline.status not in ("stopped", "failed"):
        raise ConflictError(
            f"The pipeline is {pipeline.status}; only one that is failed or stopped can be resumed.",
            code="pipeline_state",
        )
    pipeline.status, pipeline.finished_at = "running", None
    pipeline.life += 1
    for stage in await stages_of(session, pipeline_id):
        if stage.status != "succeeded":
            stage.status, stage.attempts, stage.error = "waiting", 0, None
            stage.next_attempt_at = stage.finished_at = None
    pipeline.updated_at = datetime.now(UTC)
    await notify(session, WORK)
    await session.commit()
    return pipeline


async def delete(session: AsyncSession, user_id: uuid.UUID, pipeline_id: uuid.UUID) -> None:
    """Delete a pipeline that has ended, and commit; its jobs and what they made stay.

    Raises:
        NotFoundError: no such pipeline, or another user's.
        ConflictError: it has not ended.
    """
    pipeline = await find_pipeline(session, user_id, pipeline_id, lock=True)
    if pipeline.status in ("running", "stopping"):
        raise ConflictError(
            f"The pipeline is {pipeline.status}; stop it first (POST /pipelines/{pipeline_id}/stop).",
            code="pipeline_state",
        )
    await session.delete(pipeline)
    await session.commit()


def _configs(stages: Sequence[StageFields], config: TrainingConfig | None) -> list[TrainingConfig]:
    """Every training config that the pipeline's jobs will have."""
    own = [stage.config or config for stage in stages if isinstance(stage, TrainingStageFields)]
    return [each for each in [config, *own] if each is not None]


def _job_stages(stages: Iterable[StageFields]) -> Iterator[tuple[int, JobStageFields, JobStage[JobStageFields]]]:
    """The stages that are jobs, each with its position and its type."""
    for position, stage in enumerate(stages):
        kind = STAGES[stage.type]
        if isinstance(kind, JobStage) and isinstance(stage, JobStageFields):
            yield position, stage, kind


async def _check_jobs(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    model_id: str,
    plan: Plan,
    config: TrainingConfig | None,
    resources: ResourcesConfig,
    cluster: ClusterView | None,
) -> None:
    """Check that each stage's job could be admitted now, if it were alone; it is checked again when it begins."""
    sizes = await model_sizes(session, model_id)
    checked: set[tuple[str, str]] = set()
    kept = 0
    for position, stage, kind in _job_stages(plan.stages.values()):
        job, spec = KINDS[kind.job_kind], kind.expected(plan, stage, config)
        kept += job.kept_bytes(spec, sizes)
        training, asked = job.training(spec), kind.resources(stage, resources)
        key = (training.model_dump_json() if training is not None else "", asked.model_dump_json())
        if key not in checked:
            checked.add(key)
            path = f"stages.{position}.resources" if stage.resources is not None else "resources"
            await admitted(settings, training, asked, sizes, cluster, path)
    await admit_bytes(session, settings, user_id, kept)


async def _check_quota(session: AsyncSession, user_id: uuid.UUID, most: int) -> None:
    unfinished = owned_pipelines(user_id).where(Pipeline.status.in_(("running", "stopping")))
    count = await session.scalar(unfinished.with_only_columns(func.count())) or 0
    if count >= most:
        raise ConflictError(
            f"There are {count} pipelines that are not finished; at most {most} are allowed: stop some, or wait.",
            code="too_many_pipelines",
        )
