"""A kind of job that only tests have: it counts words."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from engine.config.base import Config
from services.database.models import Job
from services.jobs.kinds.contract import JobKind, JobRequest, Platform, Resolved
from services.jobs.kinds.lookup import usable_dataset
from services.jobs.owned import find_job
from services.jobs.places import run_address


class ToySpec(Config):
    """Which words."""

    words: list[str]
    """The words."""
    of: uuid.UUID | None = None
    """A job that counted words before."""


class ToyConfig(Config):
    """What the driver of a toy reads."""

    words: list[str]
    storage: str


class ToyKind(JobKind[ToySpec]):
    """Counts words."""

    name = "toy"
    spec = ToySpec
    figures = ("counted",)
    folders = ("counts",)
    need = "counts on from it"

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[ToySpec]:
        """Sort the words."""
        asked = request.asked_as(ToySpec)
        model_id, dataset_id = request.model_and_dataset()
        dataset, version = await usable_dataset(session, user_id, dataset_id, request.dataset_version, "speech_to_text")
        if asked.of is not None:
            await find_job(session, user_id, asked.of, keep=True)
        return Resolved(
            spec=asked.model_copy(update={"words": sorted(asked.words)}),
            name=f"words of {dataset.name}",
            model_id=model_id,
            model={"id": model_id, "source": model_id, "family": "toy", "revision": None},
            dataset_id=dataset.id,
            dataset_version=version.number,
            needs_id=asked.of,
        )

    async def driver(self, job: Job, spec: ToySpec, platform: Platform) -> tuple[str, Config]:
        """A module that only this test names."""
        return "toys.count", ToyConfig(words=spec.words, storage=run_address(platform.bucket, job.id))
