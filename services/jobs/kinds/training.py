"""Training jobs."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import RunConfig
from cluster.selection.config import FOLDER as SELECTION_FOLDER
from engine.config.base import Config
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.memory.peak import checkpoint_bytes
from engine.memory.sizes import Sizes
from engine.models.reference import ModelReference
from services.catalogue.models import card_of, usable_model
from services.config_faults import CheckedTrainingConfig
from services.database.models import Job
from services.errors import ConflictError, InvalidRequestError, NotFoundError
from services.jobs.checks import training_faults
from services.jobs.kinds.contract import BESIDE_BYTES, JobKind, JobRequest, Platform, Resolved
from services.jobs.kinds.lookup import usable_dataset
from services.jobs.kinds.selection import Selection
from services.jobs.owned import owned_jobs
from services.jobs.places import data_address, run_address
from services.jobs.room import resources_of


class TrainingSpec(Config):
    """What is trained."""

    config: CheckedTrainingConfig
    """What to train, and how."""
    selection_id: uuid.UUID | None = None
    """A succeeded selection of the same dataset; the job trains only on it, in the selection's dataset version."""


class Training(JobKind[TrainingSpec]):
    """Trains a model on a dataset version, or on what a selection chose of it."""

    name = "training"
    spec = TrainingSpec
    figures = ("task", "primary", "base", "tuned", "steps", "trainable_parameters", "train_examples", "test_examples")
    folders = ("adapter",)
    need = "trains on what it selected"

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[TrainingSpec]:
        """Check model, data, selection and config against each other."""
        asked = request.asked_as(TrainingSpec)
        model_id, dataset_id = request.model_and_dataset()
        task = asked.config.task.type
        model = await usable_model(session, model_id, task)
        number = request.dataset_version
        if asked.selection_id is not None:
            number = await _selected_version(session, user_id, asked.selection_id, dataset_id, number)
        dataset, version = await usable_dataset(session, user_id, dataset_id, number, task)
        faults = training_faults(asked.config, request.resources, version.statistics)
        if faults:
            raise InvalidRequestError.of(faults, code="invalid_training")
        return Resolved(
            spec=asked,
            name=f"{model_id} on {dataset.name}",
            model_id=model_id,
            model=card_of(model).reference().model_dump(mode="json"),
            dataset_id=dataset_id,
            dataset_version=version.number,
            needs_id=asked.selection_id,
        )

    async def driver(self, job: Job, spec: TrainingSpec, platform: Platform) -> tuple[str, Config]:
        """A run of `cluster.train`."""
        selection = None
        if spec.selection_id is not None:
            selection = f"{run_address(platform.bucket, spec.selection_id)}/{SELECTION_FOLDER}"
        return "cluster.train", RunConfig(
            name=str(job.id),
            model=ModelReference.model_validate(job.model),
            data=data_address(platform.bucket, job),
            selection=selection,
            training=spec.config,
            resources=resources_of(job.resources),
            storage=run_address(platform.bucket, job.id),
        )

    def training(self, spec: TrainingSpec) -> TrainingConfig:
        """Its own."""
        return spec.config

    def kept_bytes(self, spec: TrainingSpec, model: Sizes | None) -> int:
        """Checkpoints and weights, if the sizes of the model are known."""
        return BESIDE_BYTES + (checkpoint_bytes(model, spec.config) if model is not None else 0)


async def _selected_version(
    session: AsyncSession, user_id: uuid.UUID, selection_id: uuid.UUID, dataset_id: uuid.UUID, asked: int | None
) -> int:
    """The dataset version that a selection was made from; `asked`, if given, must be the same."""
    query = owned_jobs(user_id).where(Job.id == selection_id, Job.type == Selection.name).with_for_update(read=True)
    selection = (await session.scalars(query)).one_or_none()
    if selection is None:
        raise NotFoundError("There is no such selection.", code="selection_not_found")
    if selection.dataset_id != dataset_id:
        faults = [Fault("selection_id", f"was made of the dataset {selection.dataset_id}; give that as dataset_id")]
        raise InvalidRequestError.of(faults, code="selection_of_another_dataset")
    if selection.status != "succeeded":
        raise ConflictError(
            f"The selection is {selection.status}; a training needs one that has succeeded.",
            code="selection_not_ready",
            faults=[Fault("selection_id", f"is {selection.status}, not succeeded")],
        )
    if asked not in (None, selection.dataset_version):
        fault = Fault(
            "dataset_version",
            f"is {asked}; the selection was made of version {selection.dataset_version}: leave it out",
        )
        raise InvalidRequestError.of([fault], code="selection_of_another_version")
    return selection.dataset_version
