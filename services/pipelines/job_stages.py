"""Stages that are jobs: select, train, evaluate."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from cluster.config import ResourcesConfig
from engine.config.training import TrainingConfig
from services.database.models import Job
from services.jobs.requests import find_job, launch, launch_evaluation, resume, stop
from services.jobs.states import ACTIVE, RESUMABLE, TERMINAL
from services.pipelines.data_stages import used_version
from services.pipelines.kind import Done, Failed, Outcome, Running, Stopped, Work
from services.pipelines.plan import EvaluateStage, SelectStage, TrainStage


class _AsJob:
    """A stage that is a job; a retry resumes the same job from its checkpoint."""

    figures: ClassVar[tuple[str, ...]] = ()
    """Fields of the job's result that become the stage's result."""

    async def begin(self, work: Work) -> Outcome:
        """Launch the job, or resume it."""
        if work.row.job_id is None:
            job = await self._launch(work, uuid.uuid4())
            work.row.job_id = job.id
            return Running()
        job = await find_job(work.session, work.pipeline.user_id, work.row.job_id)
        if job.status in RESUMABLE:
            await resume(work.session, work.settings, work.pipeline.user_id, job.id)
            return Running()
        return await self.look(work)

    async def look(self, work: Work) -> Outcome:
        """The state of the job."""
        if work.row.job_id is None:
            return Failed("There is no job.", again=True)
        job = await find_job(work.session, work.pipeline.user_id, work.row.job_id)
        await work.session.refresh(job)
        if job.status not in TERMINAL:
            return Running()
        if job.status == "failed":
            return Failed(f"The job failed: {job.error}", again=not job.refused)
        if job.status == "stopped":
            return Stopped("The job was stopped.")
        return Done(self._result(job))

    async def stop(self, work: Work) -> None:
        """Stop the job after a checkpoint."""
        if work.row.job_id is not None:
            job = await find_job(work.session, work.pipeline.user_id, work.row.job_id)
            if job.status in ACTIVE:
                await stop(work.session, work.pipeline.user_id, job.id)

    async def _launch(self, work: Work, job_id: uuid.UUID) -> Job:
        raise NotImplementedError

    def _result(self, job: Job) -> dict[str, Any]:
        result = job.result or {}
        return {"job_id": str(job.id), **{name: result[name] for name in self.figures if name in result}}


class Select(_AsJob):
    """A selection job."""

    figures = ("decision", "saving", "warnings")

    async def _launch(self, work: Work, job_id: uuid.UUID) -> Job:
        asked = work.stage(SelectStage)
        return await launch(
            work.session,
            work.settings,
            work.pipeline.user_id,
            job_id,
            name=_job_name(work),
            model_id=work.pipeline.model_id,
            dataset_id=work.pipeline.dataset_id,
            dataset_version=(await used_version(work)).number,
            config=_training(work, asked.config),
            resources=_resources(work, asked.resources),
            selection=asked.selection,
            project_id=work.pipeline.project_id,
        )


class Train(_AsJob):
    """A training job."""

    figures = ("task", "primary", "base", "tuned", "steps", "trainable_parameters", "train_examples", "test_examples")

    async def _launch(self, work: Work, job_id: uuid.UUID) -> Job:
        asked = work.stage(TrainStage)
        chosen = work.plan.before(work.row.name, "select")
        return await launch(
            work.session,
            work.settings,
            work.pipeline.user_id,
            job_id,
            name=_job_name(work),
            model_id=work.pipeline.model_id,
            dataset_id=work.pipeline.dataset_id,
            dataset_version=(await used_version(work)).number,
            config=_training(work, asked.config),
            resources=_resources(work, asked.resources),
            selection_id=work.rows[chosen[0]].job_id if chosen else None,
            project_id=work.pipeline.project_id,
        )


class Evaluate(_AsJob):
    """An evaluation job."""

    figures = ("task", "primary", "base", "tuned", "by_group", "examples", "cost_unit", "cost_per_s")

    async def _launch(self, work: Work, job_id: uuid.UUID) -> Job:
        asked = work.stage(EvaluateStage)
        trained = work.rows[work.plan.before(work.row.name, "train")[0]]
        resources = asked.resources or _resources(work, None).model_copy(update={"num_workers": 1})
        return await launch_evaluation(
            work.session,
            work.settings,
            work.pipeline.user_id,
            job_id,
            name=_job_name(work),
            training_id=trained.job_id or uuid.UUID(int=0),
            dataset_id=asked.dataset_id,
            dataset_version=asked.dataset_version,
            measurement=asked.measurement,
            resources=resources,
            project_id=work.pipeline.project_id,
        )


def _job_name(work: Work) -> str:
    return f"{work.pipeline.name}: {work.row.name}"[:200]


def _training(work: Work, config: TrainingConfig | None) -> TrainingConfig:
    return config or TrainingConfig.model_validate(work.pipeline.config)


def _resources(work: Work, resources: ResourcesConfig | None) -> ResourcesConfig:
    return resources or ResourcesConfig.model_validate(work.pipeline.resources)
