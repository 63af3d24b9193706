"""Request and response models of sweeps."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from cluster.config import ResourcesConfig
from engine.config.base import DisagreementError
from services.api.body import Body
from services.api.job_models import BudgetBody, JobName, JobOut, Priority, VersionNumber
from services.config_faults import (
    CheckedSearchConfig,
    CheckedSelectionConfig,
    CheckedTrainingConfig,
    with_all_faults,
)
from services.database.models import Job
from services.jobs.kinds.contract import JobRequest
from services.jobs.kinds.sweep import Sweep, SweepSpec, sweep_faults
from services.jobs.kinds.training import Training, TrainingSpec
from services.jobs.sweeps import best_training
from services.settings import Settings
from tuning.sweep.front import Cost, fronts
from tuning.sweep.trials import TrialResult, best_of


class SweepBody(Body):
    """A new sweep."""

    model_config = ConfigDict(protected_namespaces=())

    name: JobName | None = None
    """Name; unset: from the model and the dataset."""
    model_id: Annotated[str, Field(max_length=200)]
    """Id of a base model in the catalogue."""
    dataset_id: uuid.UUID
    """A dataset that is ready."""
    dataset_version: VersionNumber | None = None
    """Number of the version; unset: the newest that is ready."""
    config: CheckedTrainingConfig
    """The training whose fields are searched. Trials are compared on its validation examples: `evaluation.every_steps`
    must be greater than 0."""
    search: CheckedSearchConfig
    """What is searched, and how."""
    selection: CheckedSelectionConfig | None = None
    """How to choose what trials train on; each choice is made once, and shared. Unset: they train on everything."""
    resources: ResourcesConfig = ResourcesConfig()
    """Resources of a trial; `num_workers` is the number of trials at the same time."""
    priority: Priority = 0
    """Higher goes first among the caller's queued jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller."""
    budget: BudgetBody | None = None
    """Unset: no limit."""

    @model_validator(mode="after")
    def _search_goes_with_the_training(self) -> SweepBody:
        faults = sweep_faults(self.config, self.search, self.selection)
        if faults:
            raise DisagreementError(faults)
        return self

    def request(self, settings: Settings) -> JobRequest:
        """What is asked for.

        Raises:
            InvalidRequestError: a budget that cannot be kept.
        """
        return JobRequest(
            kind=Sweep.name,
            asked=SweepSpec(config=self.config, search=self.search, selection=self.selection),
            model_id=self.model_id,
            dataset_id=self.dataset_id,
            dataset_version=self.dataset_version,
            resources=self.resources,
            name=self.name,
            priority=self.priority,
            project_id=self.project_id,
            budget=self.budget.checked(settings) if self.budget else None,
        )


NewSweep = Annotated[SweepBody, with_all_faults(SweepBody)]
"""The body, whose faults are all reported together, also those between its fields."""


class BestTrainingBody(Body):
    """A training by the best trial of a sweep, on everything."""

    name: JobName | None = None
    """Name; unset: from the sweep."""
    resources: ResourcesConfig | None = None
    """Placement, and the resources of each worker; unset: those of a trial."""
    priority: Priority = 0
    """Higher goes first among the caller's queued jobs."""
    project_id: uuid.UUID | None = None
    """A project of the caller; unset: the sweep's."""
    budget: BudgetBody | None = None
    """Unset: no limit."""

    def request(self, sweep: Job, settings: Settings) -> JobRequest:
        """What is asked for: the best trial's training, on the sweep's model and dataset version.

        Raises:
            ConflictError: the sweep has no best trial.
            InvalidRequestError: a budget that cannot be kept.
        """
        trial = {**sweep.resources, "num_workers": 1, "memory_bytes_per_worker": None}
        return JobRequest(
            kind=Training.name,
            asked=TrainingSpec(config=best_training(sweep)),
            model_id=sweep.model_id,
            dataset_id=sweep.dataset_id,
            dataset_version=sweep.dataset_version,
            resources=self.resources or ResourcesConfig.model_validate(trial),
            name=self.name or f"best of {sweep.name}"[:200],
            priority=self.priority,
            project_id=self.project_id or sweep.project_id,
            budget=self.budget.checked(settings) if self.budget else None,
        )


class SweepOut(JobOut):
    """A sweep, with its trials."""

    trials: list[TrialResult]
    """The trials that have begun, by number."""
    best: TrialResult | None
    """The best trial that trained to its end; as long as there is none, the best of all."""
    front: dict[Cost, list[int]]
    """Numbers of the trials that no other one beats in quality and cost, cheapest first, for each cost."""

    @classmethod
    def with_trials(cls, sweep: Job, trials: Sequence[TrialResult], settings: Settings) -> SweepOut:
        """Build from a row and its trials."""
        told = dict(JobOut.of(sweep, settings))
        return cls.model_construct(**told, trials=list(trials), best=best_of(trials), front=fronts(trials))
