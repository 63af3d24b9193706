"""Train."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Literal

from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.jobs.kinds.training import Training, TrainingSpec
from services.jobs.sweeps import best_training, find_sweep
from services.pipelines.contract import Work
from services.pipelines.plan import Plan
from services.pipelines.stages.job import JobStage, TrainingStageFields, no_training
from services.pipelines.stages.select import SelectStage
from services.pipelines.stages.sweep import SweepStage


class TrainStage(TrainingStageFields):
    """Trains, as a job.

    By the best trial of the sweep among its predecessors, if there is one, and on what the selection among them chose.
    """

    type: Literal["train"] = "train"


class Train(JobStage[TrainStage]):
    """A training job."""

    declaration = TrainStage
    job_kind = Training.name

    def faults(self, plan: Plan, stage: TrainStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is a training, and at most one selection and one sweep for it."""
        yield from no_training(stage, config)
        for type, what in ((SelectStage, "selection"), (SweepStage, "sweep")):
            if len(found := plan.before(stage.name, type)) > 1:
                yield Fault("needs", f"leads to more than one {what}: {', '.join(found)}; a training takes one")
        sweeps = plan.before(stage.name, SweepStage)
        if sweeps and stage.config is not None:
            yield Fault("config", f"is given, and {sweeps[0]} searches for one; leave out one of them")

    def works_on(self, plan: Plan, name: str) -> str | None:
        """The selection among its predecessors, if there is one."""
        return next(iter(plan.before(name, SelectStage)), None)

    async def config(self, work: Work) -> TrainingConfig | None:
        """By the best trial of the sweep among its predecessors; without one, the pipeline's."""
        sweeps = work.plan.before(work.row.name, SweepStage)
        if not sweeps or (sweep_id := work.rows[sweeps[0]].job_id) is None:
            return await super().config(work)
        return best_training(await find_sweep(work.session, work.pipeline.user_id, sweep_id))

    def spec(
        self, plan: Plan, stage: TrainStage, config: TrainingConfig | None, needs_id: uuid.UUID | None
    ) -> TrainingSpec:
        """Its training, on what was selected."""
        return TrainingSpec(config=stage.training(config), selection_id=needs_id)
