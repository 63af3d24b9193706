"""Select what is worth training on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Literal

from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults
from engine.config.training import TrainingConfig
from engine.errors import Fault
from services.config_faults import CheckedSelectionConfig, CheckedTrainingConfig
from services.jobs.kinds.selection import Selection, SelectionSpec
from services.pipelines.plan import Plan
from services.pipelines.stages.job import JobStage, TrainingStageFields, no_training


class SelectStage(TrainingStageFields):
    """Selects what is worth training on, as a job."""

    type: Literal["select"] = "select"
    selection: CheckedSelectionConfig = SelectionConfig()
    """How to select."""
    config: CheckedTrainingConfig | None = None
    """The training that it is for; unset: the pipeline's."""


class Select(JobStage[SelectStage]):
    """A selection job."""

    declaration = SelectStage
    job_kind = Selection.name

    def faults(self, plan: Plan, stage: SelectStage, config: TrainingConfig | None) -> Iterator[Fault]:
        """The selection goes with its training."""
        yield from no_training(stage, config)
        if (training := stage.config or config) is not None:
            yield from selection_faults(stage.selection, training)

    def spec(
        self, plan: Plan, stage: SelectStage, config: TrainingConfig | None, needs_id: uuid.UUID | None
    ) -> SelectionSpec:
        """The selection, for its training."""
        return SelectionSpec(config=stage.training(config), selection=stage.selection)
