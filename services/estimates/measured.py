"""What runs of the same kind took, as the platform's finished jobs tell."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.context import TrainedContext, resolve_context
from engine.config.training import TrainingConfig
from services.database.models import Job
from services.estimates.amount import encoder_s_per_utterance

_NEWEST = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of jobs that have succeeded."""

    jobs: int
    """How many there are of this kind, of the newest twenty."""
    audio_s_per_s: float | None = None
    """Their median: seconds of speech trained on in a second of training."""
    encoder_s_per_s: float | None = None
    """Their median: seconds that the encoder ran over in a second of training, padding included."""
    peak_bytes: int | None = None
    """The largest peak of a worker."""
    beside_s: float | None = None
    """The median of what a run takes beside its steps: loading, evaluating, saving."""


async def measured(
    session: AsyncSession,
    model_id: str,
    config: TrainingConfig,
    resources: ResourcesConfig,
    trained_context: TrainedContext,
) -> Measured:
    """Figures of jobs of every user with the same model, method, context and kind of workers, on this platform's machines.

    The config's context is resolved; a job whose own is `auto` had the one that the model was trained in.

    They hold no one's data: only how fast and how large such runs are.
    """
    contexts = [config.context.type, *(["auto"] if config.context.type == trained_context else [])]
    query = (
        select(Job.result, Job.config)
        .where(
            Job.type == "training",
            Job.status == "succeeded",
            Job.model_id == model_id,
            Job.config["method"]["type"].astext == config.method.type,
            Job.config["context"]["type"].astext.in_(contexts),
            Job.config["gradient_checkpointing"].astext == json.dumps(config.gradient_checkpointing),
            Job.result["audio_s_per_s"].astext.is_not(None),
            Job.result["train_utterances"].astext.is_not(None),
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
        audio_s_per_s=statistics.median(result["audio_s_per_s"] for result in results),
        encoder_s_per_s=statistics.median(
            _encoder_s_per_s(result, config, trained_context) for result, config in found
        ),
        peak_bytes=max(result["peak_bytes"] for result in results),
        beside_s=statistics.median(beside),
    )


def _same_workers(resources: ResourcesConfig) -> list[ColumnElement[bool]]:
    """As many, with as many GPUs, on nodes of the same labels."""
    return [
        Job.resources["num_workers"].as_integer() == resources.num_workers,
        Job.resources["gpus_per_worker"].as_float() == resources.gpus_per_worker,
        Job.resources["label_selector"] == resources.label_selector,
    ]


def _encoder_s_per_s(result: Mapping[str, Any], config: Mapping[str, Any], trained: TrainedContext) -> float:
    """How fast a run was, in seconds that the encoder ran over: speech alone says nothing of padding."""
    context = resolve_context(TrainingConfig.model_validate({"context": config["context"]}).context, trained)
    mean_s = float(result["train_audio_s"]) / max(1, int(result["train_utterances"]))
    return float(result["audio_s_per_s"]) * encoder_s_per_utterance(context, mean_s) / max(mean_s, 1e-9)
