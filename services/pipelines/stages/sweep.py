"""Search for the best training."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Literal

from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.config_faults import CheckedSearchConfig
from services.jobs.kinds.sweep import Sweep, SweepSpec, sweep_faults
from services.pipelines.plan import Plan
from services.pipelines.stages.job import JobStage, TrainingStageFields, no_training


class SweepStage(TrainingStageFields):
    """Searches for the best training, as a job; a training after it trains by the best trial on everything."""

    type: Literal["sweep"] = "sweep"
    search: CheckedSearchConfig
    """What is searched, and how."""


class SweepOfPipeline(JobStage[SweepStage]):
    """A sweep job."""

    declaration = SweepStage
    job_kind = Sweep.name

    def faults(self, plan: Plan, stage: SweepStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """There is a training, and the search goes with it."""
        yield from no_training(stage, config)
        if (training := stage.config or config) is not None:
            yield from sweep_faults(training, stage.search, None)

    def spec(
        self, plan: Plan, stage: SweepStage, config: TrainingConfig | None, needs_id: uuid.UUID | None
    ) -> SweepSpec:
        """The search, over its training."""
        return SweepSpec(config=stage.training(config), search=stage.search)
