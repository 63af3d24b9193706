"""Selection jobs."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from cluster.selection.config import FOLDER, SelectionResources, SelectionRunConfig
from engine.config.base import Config
from engine.config.selection import SelectionConfig
from engine.config.selection_for import selection_faults, selection_for
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.families.registry import FAMILIES, selectable
from engine.models.reference import ModelReference
from services.catalogue.models import card_of, usable_model
from services.config_faults import CheckedSelectionConfig, CheckedTrainingConfig
from services.database.models import Job
from services.errors import InvalidRequestError
from services.jobs.kinds.contract import JobKind, JobRequest, Platform, Resolved
from services.jobs.kinds.lookup import usable_dataset
from services.jobs.places import data_address, run_address
from services.jobs.room import resources_of


class SelectionSpec(Config):
    """What is selected for which training."""

    config: CheckedTrainingConfig
    """The training that it is for, whose split decides what may be chosen."""
    selection: CheckedSelectionConfig = SelectionConfig()
    """How to choose; unset: the default method."""


class Selection(JobKind[SelectionSpec]):
    """Chooses what of a dataset version is worth training on."""

    name = "selection"
    spec = SelectionSpec
    figures = ("decision", "saving", "warnings")
    folders = (FOLDER,)

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[SelectionSpec]:
        """Check model, data and selection against the training, and decide the method."""
        asked = request.asked_as(SelectionSpec)
        model_id, dataset_id = request.model_and_dataset()
        task = asked.config.task.type
        model = await usable_model(session, model_id, task)
        dataset, version = await usable_dataset(session, user_id, dataset_id, request.dataset_version, task)
        faults = list(selection_faults(asked.selection, asked.config))
        if task not in FAMILIES[model.family].scores_tokens:
            message = f"{model.family} models are not selected with for {task}; a selection scores by "
            faults.append(Fault("model_id", f"{message}{', '.join(selectable())}"))
        if faults:
            raise InvalidRequestError.of(faults, code="selection_does_not_fit")
        return Resolved(
            spec=SelectionSpec(config=asked.config, selection=selection_for(asked.selection, asked.config)),
            name=f"selection for {model_id} on {dataset.name}",
            model_id=model_id,
            model=card_of(model).reference().model_dump(mode="json"),
            dataset_id=dataset_id,
            dataset_version=version.number,
        )

    async def driver(self, job: Job, spec: SelectionSpec, platform: Platform) -> tuple[str, Config]:
        """A run of `cluster.select`."""
        return "cluster.select", SelectionRunConfig(
            name=str(job.id),
            model=ModelReference.model_validate(job.model),
            data=data_address(platform.bucket, job),
            selection=spec.selection,
            training=spec.config,
            resources=SelectionResources.of(resources_of(job.resources)),
            storage=run_address(platform.bucket, job.id),
        )

    def training(self, spec: SelectionSpec) -> TrainingConfig:
        """The training that it is for: its warm-up and its scores run the same model."""
        return spec.config
