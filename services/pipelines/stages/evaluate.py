"""Measure what was trained."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from cluster.config import ResourcesConfig
from engine.config.measurement import MeasurementConfig
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.jobs.kinds.evaluation import Evaluation, EvaluationSpec, one_worker
from services.pipelines.contract import Work
from services.pipelines.plan import Plan
from services.pipelines.stages.job import NOT_YET, JobStage, JobStageFields
from services.pipelines.stages.train import TrainStage


class EvaluateStage(JobStageFields):
    """Evaluates the training among its predecessors, as a job."""

    type: Literal["evaluate"] = "evaluate"
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure."""
    dataset_id: uuid.UUID | None = None
    """Other data to measure on; unset: the pipeline's."""
    dataset_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Version of that dataset; unset: of other data the newest ready one, else the one that the pipeline uses."""
    resources: ResourcesConfig | None = None
    """Resources of the job, such as the device that the adapter is for; unset: the pipeline's, with one worker."""


class Evaluate(JobStage[EvaluateStage]):
    """An evaluation job."""

    declaration = EvaluateStage
    job_kind = Evaluation.name

    def faults(self, plan: Plan, stage: EvaluateStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is one training to measure, by one worker."""
        trainings = plan.before(stage.name, TrainStage)
        if len(trainings) != 1:
            found = ", ".join(trainings) or "none"
            yield Fault("needs", f"leads to these trainings: {found}; an evaluation measures one")
        if stage.resources is not None and (workers := stage.resources.num_workers) != 1:
            yield Fault("resources.num_workers", one_worker(workers))

    def works_on(self, plan: Plan, name: str) -> str:
        """The training among its predecessors."""
        return plan.before(name, TrainStage)[0]

    def resources(self, stage: EvaluateStage, default: ResourcesConfig) -> ResourcesConfig:
        """Its own, or the pipeline's with one worker."""
        return stage.resources or default.model_copy(update={"num_workers": 1})

    def other_dataset(self, stage: EvaluateStage) -> uuid.UUID | None:
        """The data that it measures on, if they are not the pipeline's."""
        return stage.dataset_id

    async def version(self, work: Work) -> int | None:
        """The declared version; else of other data the newest, and of the pipeline's the one that all stages use."""
        stage = work.stage(EvaluateStage)
        if stage.dataset_version is not None or stage.dataset_id is not None:
            return stage.dataset_version
        return await super().version(work)

    def spec(
        self, plan: Plan, stage: EvaluateStage, config: TrainingConfig | None, needs_id: uuid.UUID | None
    ) -> EvaluationSpec:
        """What to measure of the training."""
        trained = plan.stages[self.works_on(plan, stage.name)]
        if not isinstance(trained, TrainStage):
            raise TypeError(f"{trained.name} is no training")
        return EvaluationSpec(
            training_id=needs_id or NOT_YET, measurement=stage.measurement, config=trained.training(config)
        )
