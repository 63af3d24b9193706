"""Sweep jobs."""

from __future__ import annotations

import uuid

from pydantic import model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.base import Config, DisagreementError
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_for
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.families.registry import FAMILIES, selectable
from engine.memory.peak import checkpoint_bytes, one_checkpoint_bytes, trainable_parameters
from engine.memory.sizes import Sizes
from engine.models.reference import ModelReference
from services.catalogue.models import card_of, usable_model
from services.config_faults import CheckedSearchConfig, CheckedSelectionConfig, CheckedTrainingConfig
from services.database.models import Job
from services.errors import InvalidRequestError
from services.jobs.checks import training_faults
from services.jobs.kinds.contract import BESIDE_BYTES, JobKind, JobRequest, Platform, Resolved
from services.jobs.kinds.lookup import usable_dataset
from services.jobs.places import data_address, run_address
from services.jobs.room import resources_of
from tuning.sweep.algorithms import NoScheduler
from tuning.sweep.config import SearchConfig, SweepResources, SweepRunConfig, search_faults
from tuning.sweep.space import heaviest


class SweepSpec(Config):
    """What is searched."""

    config: CheckedTrainingConfig
    """The training whose fields are searched."""
    search: CheckedSearchConfig
    """What is searched, and how."""
    selection: CheckedSelectionConfig | None = None
    """How to choose what trials train on; each choice is made once, and shared. Unset: they train on everything."""

    @model_validator(mode="after")
    def _search_goes_with_the_training(self) -> SweepSpec:
        faults = sweep_faults(self.config, self.search, self.selection)
        if faults:
            raise DisagreementError(faults)
        return self


class Sweep(JobKind[SweepSpec]):
    """Searches for the best training of a model on a dataset version."""

    name = "sweep"
    spec = SweepSpec
    own_route = True
    figures = ("primary", "best", "front", "trials_by_state")
    retried = "The driver died ({reason}). It is submitted again and goes on with the trials that had not ended"

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[SweepSpec]:
        """Check model, data, selection and search against each other."""
        asked = request.asked_as(SweepSpec)
        model_id, dataset_id = request.model_and_dataset()
        task = asked.config.task.type
        model = await usable_model(session, model_id, task)
        dataset, version = await usable_dataset(session, user_id, dataset_id, request.dataset_version, task)
        faults = training_faults(asked.config, request.resources, version.statistics)
        selection = asked.selection
        if selection is not None:
            if task not in FAMILIES[model.family].scores_tokens:
                message = f"{model.family} models are not selected with for {task}; a selection scores by "
                faults.append(Fault("model_id", f"{message}{', '.join(selectable())}"))
            selection = selection_for(selection, asked.config)
        if faults:
            raise InvalidRequestError.of(faults, code="invalid_sweep")
        return Resolved(
            spec=asked.model_copy(update={"selection": selection}),
            name=f"sweep of {model_id} on {dataset.name}",
            model_id=model_id,
            model=card_of(model).reference().model_dump(mode="json"),
            dataset_id=dataset_id,
            dataset_version=version.number,
        )

    async def driver(self, job: Job, spec: SweepSpec, platform: Platform) -> tuple[str, Config]:
        """A run of `tuning.sweep`, with as many trials at the same time as the job has workers."""
        return "tuning.sweep", SweepRunConfig(
            name=str(job.id),
            model=ModelReference.model_validate(job.model),
            data=data_address(platform.bucket, job),
            selection=spec.selection,
            training=spec.config,
            search=spec.search,
            resources=SweepResources.of(resources_of(job.resources)),
            storage=run_address(platform.bucket, job.id),
        )

    def training(self, spec: SweepSpec) -> TrainingConfig:
        """The trial that probably needs most memory; trials do not measure the base."""
        config = heaviest(spec.search.dimensions, spec.config)
        return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"base": False})})

    def kept_bytes(self, spec: SweepSpec, model: Sizes | None) -> int:
        """Weights of every trial, checkpoints of one that runs, and the newest of each that waits at a rung."""
        if model is None:
            return BESIDE_BYTES
        config, trials = self.training(spec), spec.search.trials
        weights = 4 * trainable_parameters(model, config)
        waiting = 0 if isinstance(spec.search.scheduler, NoScheduler) else one_checkpoint_bytes(model, config)
        return BESIDE_BYTES + trials * (weights + waiting) + checkpoint_bytes(model, config)


def sweep_faults(config: TrainingConfig, search: SearchConfig, selection: SelectionConfig | None) -> list[Fault]:
    """What of a sweep's parts does not go together; paths are those of its spec."""
    return [
        Fault(f"config.{fault.path.removeprefix('training.')}", fault.message)
        if fault.path.startswith("training.")
        else fault
        for fault in search_faults(search, config, selection)
    ]
