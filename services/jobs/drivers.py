"""A job's driver: the module and the config that a person would give to `ray job submit`."""

from __future__ import annotations

import uuid
from typing import Any

from cluster.config import EvaluationRunConfig, ResourcesConfig, RunConfig
from cluster.selection.config import FOLDER as SELECTION_FOLDER
from cluster.selection.config import SelectionResources, SelectionRunConfig
from engine.config.base import Config
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.models.reference import ModelReference
from services.database.models import Job
from services.datasets.prefixes import version_prefix
from services.jobs.room import resources_of


def run_prefix(job_id: uuid.UUID) -> str:
    """Where a job's files are, in the platform's bucket."""
    return f"runs/{job_id}"


def driver_of(job: Job, bucket: str) -> tuple[str, Config]:
    """The module of a job's driver, and its config."""
    resources = resources_of(job.resources)
    same: dict[str, Any] = {
        "name": str(job.id),
        "model": ModelReference.model_validate(job.model),
        "data": f"s3://{bucket}/{version_prefix(job.dataset_id, job.dataset_version)}",
        "training": TrainingConfig.model_validate(job.config),
        "storage": f"s3://{bucket}/{run_prefix(job.id)}",
    }
    if job.type == "selection":
        chosen = SelectionConfig.model_validate(job.selection)
        return "cluster.select", SelectionRunConfig(
            selection=chosen, resources=SelectionResources.of(resources), **same
        )
    if job.type == "evaluation":
        return "cluster.evaluate", _evaluation(job, bucket, resources, same)
    selection = None
    if job.selection_id is not None:
        selection = f"s3://{bucket}/{run_prefix(job.selection_id)}/{SELECTION_FOLDER}"
    return "cluster.train", RunConfig(selection=selection, resources=resources, **same)


def _evaluation(job: Job, bucket: str, resources: ResourcesConfig, same: dict[str, Any]) -> EvaluationRunConfig:
    """Evaluate the adapter on its base, or the model itself if every weight was trained."""
    made = f"s3://{bucket}/{run_prefix(job.training_id or job.id)}"
    training: TrainingConfig = same["training"]
    if training.method.output == "adapter":
        same["adapter"] = f"{made}/adapter"
    else:
        if not training.method.from_scratch:  # pretraining starts from random weights: no base
            same["base_model"] = same["model"]
        source = f"{made}/model"
        same["model"] = same["model"].model_copy(update={"id": source, "source": source, "revision": None})
    measurement = MeasurementConfig.model_validate(job.measurement)
    return EvaluationRunConfig(measurement=measurement, resources=resources, **same)
