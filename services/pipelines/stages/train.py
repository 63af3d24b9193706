"""Train."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Literal

from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.jobs.kinds.training import Training, TrainingSpec
from services.pipelines.plan import Plan
from services.pipelines.stages.job import JobStage, TrainingStageFields, no_training
from services.pipelines.stages.select import SelectStage


class TrainStage(TrainingStageFields):
    """Trains, as a job, on what the selection among its predecessors chose, if there is one."""

    type: Literal["train"] = "train"


class Train(JobStage[TrainStage]):
    """A training job."""

    declaration = TrainStage
    job_kind = Training.name

    def faults(self, plan: Plan, stage: TrainStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is a training, and at most one selection for it."""
        yield from no_training(stage, config)
        selections = plan.before(stage.name, SelectStage)
        if len(selections) > 1:
            several = ", ".join(selections)
            yield Fault("needs", f"leads to more than one selection: {several}; a training takes one")

    def works_on(self, plan: Plan, name: str) -> str | None:
        """The selection among its predecessors, if there is one."""
        return next(iter(plan.before(name, SelectStage)), None)

    def spec(
        self, plan: Plan, stage: TrainStage, config: TrainingConfig | None, needs_id: uuid.UUID | None
    ) -> TrainingSpec:
        """Its training, on what was selected."""
        return TrainingSpec(config=stage.training(config), selection_id=needs_id)
