"""A job's predictions beside their references, with the audio."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.api.audio_links import AudioUrls
from services.api.dependencies import CurrentUser, ServicesDep
from services.api.problems import problems
from services.database.engine import open_session
from services.database.models import DatasetItem, DatasetVersion, Job
from services.datasets.versions import item_group
from services.jobs.owned import find_job
from services.jobs.predictions import Order, Wanted, choose, predictions_file

router = APIRouter(prefix="/jobs", tags=["jobs"])


class PredictionOut(BaseModel):
    """A prediction for an item."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Id of the item in the dataset version."""
    reference: str | list[str]
    """The text, the class, the classes or the captions."""
    hypothesis: str | list[str]
    """What the model says; for retrieval, the texts that it finds, the most similar first."""
    value: float | None
    """The metric for this item alone."""
    word_errors: int | None
    """Wrong words; only for speech to text."""
    words: int | None
    """Words of the reference; only for speech to text."""
    scores: dict[str, float] | None
    """Probability by class; only for classification."""
    group: str | None
    """The item's group, if known."""
    duration_s: float | None
    audio_url: str | None
    """Path of its audio under the API's address, which a player can open without a header for at least an hour."""


class PredictionsOut(BaseModel):
    """Predictions of a job in some order."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    job_id: uuid.UUID
    metric: str | None
    """Name of the metric that orders them; unset: an earlier release made them, and judged no single one."""
    higher_is_better: bool
    total: int
    """Number of predictions that match."""
    items: list[PredictionOut]
    next_offset: int | None
    """Value of `offset` for what follows; null at the end."""


@router.get("/{job_id}/predictions", responses=problems(401, 404, 409, 422, 503))
async def job_predictions(
    job_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    order: Annotated[Order, Query(description="By the metric of each, or shuffled by `seed`")] = "worst",
    seed: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of predictions")] = 20,
    offset: Annotated[int, Query(ge=0, le=100_000, description="Skip this many")] = 0,
    q: Annotated[str | None, Query(max_length=200, description="Only those with this text, in any case")] = None,
) -> PredictionsOut:
    """Predictions of a training's or an evaluation's test examples: the worst, the best or random ones."""
    async with open_session(services.sessions, reads=True) as session:
        job = await find_job(session, user.id, job_id)
        key = await predictions_file(session, job)
    # No database connection is held while the file is read.
    chosen = await choose(services.objects, key, Wanted(order, seed, limit, offset, q))
    async with open_session(services.sessions, reads=True) as session:
        items = await _items(session, job, [str(row.get("id")) for row in chosen.rows])
    dataset_url = f"{request.url.path.partition('/jobs/')[0]}/datasets/{job.dataset_id}"
    urls = AudioUrls(services.settings, user.id, dataset_url, job.dataset_id, job.dataset_version)
    shown = [_shown(row, items.get(str(row.get("id"))), urls) for row in chosen.rows]
    end = offset + len(shown)
    return PredictionsOut(
        job_id=job_id,
        metric=chosen.metric,
        higher_is_better=chosen.higher_is_better,
        total=chosen.total,
        items=shown,
        next_offset=end if end < chosen.total else None,
    )


async def _items(session: AsyncSession, job: Job, ids: list[str]) -> dict[str, DatasetItem]:
    """The items of the job's dataset version, by id; none if the version keeps no list of them."""
    query = (
        select(DatasetItem)
        .join(DatasetVersion, DatasetVersion.id == DatasetItem.version_id)
        .where(
            DatasetVersion.dataset_id == job.dataset_id,
            DatasetVersion.number == job.dataset_version,
            DatasetItem.item_id.in_(ids),
        )
    )
    return {str(item.item_id): item for item in await session.scalars(query)}


def _shown(row: dict[str, Any], item: DatasetItem | None, urls: AudioUrls) -> PredictionOut:
    known = {name: row.get(name) for name in ("reference", "hypothesis", "value", "word_errors", "words", "scores")}
    group = row.get("group") or (item_group(item) if item is not None else None)
    return PredictionOut(
        **known,
        id=str(row.get("id")),
        group=group,
        duration_s=item.duration_s if item is not None else None,
        audio_url=urls.of(str(row.get("id"))) if item is not None else None,
    )
