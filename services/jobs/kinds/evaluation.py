"""Evaluation jobs."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import EvaluationRunConfig
from engine.config.base import Config
from engine.config.measurement import MeasurementConfig
from engine.config.training import TrainingConfig
from engine.errors import Fault
from engine.models.reference import ModelReference
from services.database.models import Job
from services.errors import ConflictError, InvalidRequestError
from services.jobs.kinds.contract import JobKind, JobRequest, Platform, Resolved
from services.jobs.kinds.lookup import usable_dataset
from services.jobs.kinds.training import Training
from services.jobs.owned import find_job
from services.jobs.places import data_address, run_address
from services.jobs.room import resources_of


class EvaluationRequest(Config):
    """A request to measure what a job has trained."""

    training_id: uuid.UUID
    """The training job that is measured."""
    measurement: MeasurementConfig = MeasurementConfig()
    """What to measure."""


class EvaluationSpec(EvaluationRequest):
    """What is measured."""

    config: TrainingConfig
    """Config of the training; gives the precision of the base, the audio context and the splits."""


class Evaluation(JobKind[EvaluationSpec]):
    """Measures what a job has trained, and its base."""

    name = "evaluation"
    spec = EvaluationSpec
    own_route = True
    figures = ("task", "primary", "base", "tuned", "by_group", "examples", "cost_unit", "cost_per_s")
    need = "measures what it trained"

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[EvaluationSpec]:
        """Take model, config and, unless others are asked for, data and project of the training."""
        asked = request.asked_as(EvaluationRequest)
        training = await find_job(session, user_id, asked.training_id, keep=True)
        if training.type != Training.name or training.status != "succeeded":
            raise ConflictError(
                f"The job is a {training.type} that is {training.status}; only a training that has succeeded can be "
                "evaluated.",
                code="job_not_succeeded",
            )
        if (workers := request.resources.num_workers) != 1:
            raise InvalidRequestError.of([Fault("resources.num_workers", one_worker(workers))])
        number = request.dataset_version
        if request.dataset_id is None and number is None:
            number = training.dataset_version
        config = Training().read(training).config
        dataset, version = await usable_dataset(
            session, user_id, request.dataset_id or training.dataset_id, number, config.task.type
        )
        return Resolved(
            spec=EvaluationSpec(config=config, measurement=asked.measurement, training_id=training.id),
            name=f"evaluation of {training.name} on {dataset.name}",
            model_id=training.model_id,
            model=training.model,
            dataset_id=dataset.id,
            dataset_version=version.number,
            needs_id=training.id,
            project_id=training.project_id,
        )

    async def driver(self, job: Job, spec: EvaluationSpec, platform: Platform) -> tuple[str, Config]:
        """A run of `cluster.evaluate`: the adapter on its base, or the model itself if every weight was trained."""
        model = ModelReference.model_validate(job.model)
        made = run_address(platform.bucket, spec.training_id)
        measured: dict[str, Any] = {"model": model, "adapter": f"{made}/adapter"}
        if spec.config.method.output != "adapter":
            source = f"{made}/model"
            measured = {"model": model.model_copy(update={"id": source, "source": source, "revision": None})}
            if not spec.config.method.from_scratch:  # pretraining starts from random weights: no base
                measured["base_model"] = model
        return "cluster.evaluate", EvaluationRunConfig(
            name=str(job.id),
            data=data_address(platform.bucket, job),
            training=spec.config,
            measurement=spec.measurement,
            resources=resources_of(job.resources),
            storage=run_address(platform.bucket, job.id),
            **measured,
        )

    def training(self, spec: EvaluationSpec) -> TrainingConfig:
        """The training that is measured."""
        return spec.config


def one_worker(found: int) -> str:
    """The fault of an evaluation that asks for another number of workers than one."""
    return f"is {found}; an evaluation takes one worker"
