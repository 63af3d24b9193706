"""Stages that are jobs."""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Final, TypeVar

from cluster.config import ResourcesConfig
from engine.config.base import Config
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.config_faults import CheckedTrainingConfig
from services.database.models import Job
from services.jobs.kinds.contract import JobRequest
from services.jobs.kinds.registry import KINDS
from services.jobs.owned import find_job
from services.jobs.requests import launch, resume, stop
from services.jobs.states import ACTIVE, RESUMABLE, TERMINAL
from services.pipelines.contract import Done, Failed, Outcome, Running, StageKind, Stopped, Work
from services.pipelines.plan import Plan
from services.pipelines.stage import StageFields
from services.pipelines.stages.data import used_version

NOT_YET: Final = uuid.UUID(int=0)
"""Stands for the id of a job that an earlier stage has not launched yet."""


class JobStageFields(StageFields):
    """A stage that is a job."""

    resources: ResourcesConfig | None = None
    """Resources of the job; unset: the pipeline's."""


class TrainingStageFields(JobStageFields):
    """A stage whose job trains, or works for a training."""

    config: CheckedTrainingConfig | None = None
    """The training; unset: the pipeline's."""

    def training(self, config: TrainingConfig | None) -> TrainingConfig:
        """The training of a checked plan.

        Args:
            config: the pipeline's own.
        """
        found = self.config or config
        if found is None:
            raise TypeError(f"{self.name} has no training, and the pipeline has none")
        return found


JobStageT = TypeVar("JobStageT", bound=JobStageFields)


class JobStage(StageKind[JobStageT]):
    """A type of stage that is a job of some kind; a retry resumes the same job from its checkpoint."""

    job_kind: ClassVar[str]
    """Name of the kind of its job, whose figures become the stage's result."""

    @abstractmethod
    def spec(self, plan: Plan, stage: JobStageT, config: TrainingConfig | None, needs_id: uuid.UUID | None) -> Config:
        """The spec of its job.

        Args:
            plan: the plan.
            stage: the stage.
            config: the pipeline's own training config.
            needs_id: the job of the stage that it works on; None: it works on none.
        """

    def works_on(self, plan: Plan, name: str) -> str | None:
        """The stage on whose job's outcome this one works; None: on none."""
        return None

    def resources(self, stage: JobStageT, default: ResourcesConfig) -> ResourcesConfig:
        """Resources of its job.

        Args:
            stage: the stage.
            default: the pipeline's.
        """
        return stage.resources or default

    async def config(self, work: Work) -> TrainingConfig | None:
        """The training of a stage that has none of its own: the pipeline's."""
        config = work.pipeline.config
        return None if config is None else TrainingConfig.model_validate(config)

    def other_dataset(self, stage: JobStageT) -> uuid.UUID | None:
        """The dataset of its job, if it is not the pipeline's."""
        return None

    async def version(self, work: Work) -> int | None:
        """Number of the dataset version of its job; None: the kind of its job decides."""
        return (await used_version(work)).number

    def expected(self, plan: Plan, stage: JobStageT, config: TrainingConfig | None) -> Config:
        """The spec of its job before any stage has run."""
        return self.spec(plan, stage, config, NOT_YET if self.works_on(plan, stage.name) else None)

    async def begin(self, work: Work) -> Outcome:
        """Launch the job, or resume it."""
        if work.row.job_id is None:
            job = await self._launch(work)
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
        result = job.result or {}
        return Done(
            {"job_id": str(job.id), **{name: result[name] for name in KINDS[self.job_kind].figures if name in result}}
        )

    async def stop(self, work: Work) -> None:
        """Stop the job after a checkpoint."""
        if work.row.job_id is not None:
            job = await find_job(work.session, work.pipeline.user_id, work.row.job_id)
            if job.status in ACTIVE:
                await stop(work.session, work.pipeline.user_id, job.id)

    async def _launch(self, work: Work) -> Job:
        stage, pipeline = work.stage(self.declaration), work.pipeline
        config = await self.config(work)
        needed = self.works_on(work.plan, work.row.name)
        needs_id = None if needed is None else work.rows[needed].job_id or NOT_YET
        request = JobRequest(
            kind=self.job_kind,
            asked=self.spec(work.plan, stage, config, needs_id),
            model_id=pipeline.model_id,
            dataset_id=self.other_dataset(stage) or pipeline.dataset_id,
            dataset_version=await self.version(work),
            resources=self.resources(stage, ResourcesConfig.model_validate(pipeline.resources)),
            name=f"{pipeline.name}: {work.row.name}"[:200],
            project_id=pipeline.project_id,
        )
        return await launch(work.session, work.settings, pipeline.user_id, uuid.uuid4(), request)


def no_training(stage: TrainingStageFields, config: TrainingConfig | None) -> Iterator[Fault]:
    """The fault of a stage that has no training, in a pipeline that has none."""
    if stage.config is None and config is None:
        yield Fault("config", "is not given, and the pipeline has none; give one of them")
