"""What runs of the same kind took, as the platform's finished jobs tell."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.training import TrainingConfig
from services.database.models import Job

_NEWEST = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of jobs that have succeeded."""

    jobs: int
    """How many there are of this kind, of the newest twenty."""
    audio_s_per_s: float | None = None
    """Their median: seconds of speech trained on in a second of training."""
    peak_bytes: int | None = None
    """The largest peak of a worker."""
    beside_s: float | None = None
    """The median of what a run takes beside its steps: loading, evaluating, saving."""


async def measured(session: AsyncSession, model_id: str, config: TrainingConfig) -> Measured:
    """Figures of jobs of every user with the same model, method and context, on this platform's machines.

    They hold no one's data: only how fast and how large such runs are.
    """
    query = (
        select(Job.result)
        .where(
            Job.type == "training",
            Job.status == "succeeded",
            Job.model_id == model_id,
            Job.config["method"]["type"].astext == config.method.type,
            Job.config["context"]["type"].astext == config.context.type,
            Job.result["audio_s_per_s"].astext.is_not(None),
        )
        .order_by(Job.finished_at.desc())
        .limit(_NEWEST)
    )
    results = [result for result in await session.scalars(query) if result]
    if not results:
        return Measured(0)
    beside = [max(0.0, result["wall_s"] - result["training_s"]) for result in results]
    return Measured(
        jobs=len(results),
        audio_s_per_s=statistics.median(result["audio_s_per_s"] for result in results),
        peak_bytes=max(result["peak_bytes"] for result in results),
        beside_s=statistics.median(beside),
    )
