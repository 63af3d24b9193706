"""Measurements of finished jobs of the same kind."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.context import TrainedContext
from engine.config.training import TrainingConfig
from engine.families.costing import costing_of
from engine.models.reference import ModelReference
from services.database.models import Job
from services.jobs.kinds.training import Training

_NEWEST = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of succeeded jobs."""

    jobs: int
    """Number of jobs of this kind, at most the newest twenty."""
    cost_per_s: float | None = None
    """Median cost of the examples trained on per second of training."""
    padded_cost_per_s: float | None = None
    """The same with padding."""
    peak_bytes: int | None = None
    """Largest peak memory of a worker, in bytes."""
    beside_s: float | None = None
    """Median seconds of a run outside its steps: loading, evaluating, saving."""


async def measured(
    session: AsyncSession,
    model: ModelReference,
    config: TrainingConfig,
    resources: ResourcesConfig,
    trained_context: TrainedContext,
) -> Measured:
    """Figures of all users' jobs on this platform with the same model, task, method, context and kind of workers.

    The config's context must be resolved; a job with the context `auto` used the one that the model was trained with.

    The figures reveal no user's data, only the speed and size of such runs.
    """
    contexts = [config.context.type, *(["auto"] if config.context.type == trained_context else [])]
    config_of = Job.spec["config"]
    query = (
        select(Job.result, config_of)
        .where(
            Job.type == Training.name,
            Job.status == "succeeded",
            Job.model_id == model.id,
            config_of["task"]["type"].astext == config.task.type,
            config_of["method"]["type"].astext == config.method.type,
            config_of["context"]["type"].astext.in_(contexts),
            config_of["gradient_checkpointing"].astext == json.dumps(config.gradient_checkpointing),
            Job.result["cost_per_s"].astext.is_not(None),
            Job.result["train_examples"].astext.is_not(None),
            *_same_workers(resources),
        )
        .order_by(Job.finished_at.desc())
        .limit(_NEWEST)
    )
    found = [(result, config) for result, config in await session.execute(query) if result]
    if not found:
        return Measured(0)
    results = [result for result, _ in found]
    beside = [max(0.0, result["wall_s"] - result["training_s"]) for result in results]
    return Measured(
        jobs=len(results),
        cost_per_s=statistics.median(result["cost_per_s"] for result in results),
        padded_cost_per_s=statistics.median(_padded_cost_per_s(result, model, config) for result, config in found),
        peak_bytes=max(result["peak_bytes"] for result in results),
        beside_s=statistics.median(beside),
    )


def _same_workers(resources: ResourcesConfig) -> list[ColumnElement[bool]]:
    """Conditions for jobs with the same number of workers, GPUs and node labels."""
    return [
        Job.resources["num_workers"].as_integer() == resources.num_workers,
        Job.resources["gpus_per_worker"].as_float() == resources.gpus_per_worker,
        Job.resources["label_selector"] == resources.label_selector,
    ]


def _padded_cost_per_s(result: Mapping[str, Any], model: ModelReference, values: Mapping[str, Any]) -> float:
    """Speed of a run, padding included: time is proportional to what the model computes."""
    config = TrainingConfig.model_validate({name: values[name] for name in ("task", "context")})
    mean = float(result["train_cost"]) / max(1, int(result["train_examples"]))
    return float(result["cost_per_s"]) * costing_of(model, config).trained(mean) / max(mean, 1e-9)
