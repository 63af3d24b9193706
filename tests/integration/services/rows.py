"""Rows that stand for what processing and training would have left in the database."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
from sqlalchemy import select, update

from engine.config.training import TrainingConfig
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Dataset, DatasetVersion, Job
from services.datasets.requests import begin_ingestion
from services.jobs.events import append, locked_job
from services.jobs.kinds.registry import KINDS
from tests.integration.services.visitors import Visitor

CONFIG: dict[str, Any] = {"max_steps": 20}


def reference(model_id: str = "whisper-pico") -> dict[str, Any]:
    """The reference to a bundled model, as a job's row holds it."""
    return {"id": model_id, "source": f"bundled:{model_id}", "family": "whisper", "revision": None}


async def user_id(visitor: Visitor) -> uuid.UUID:
    """Whose rows they are."""
    answer: httpx.Response = await visitor.get("/users/me")
    return uuid.UUID(answer.json()["id"])


async def ready_dataset(services: Services, visitor: Visitor, name: str = "digits") -> uuid.UUID:
    """A dataset that is ready, without files."""
    dataset_id = uuid.uuid4()
    item = {
        "id": "one",
        "audio": "audio/00000.wav",
        "start_s": 0.0,
        "duration_s": 1.0,
        "text": "one",
        "speaker": None,
        "split": None,
    }
    async with open_session(services.sessions) as session:
        session.add(
            Dataset(
                id=dataset_id,
                user_id=await user_id(visitor),
                name=name,
                task="speech_to_text",
                source={"type": "upload", "files": []},
                status="ready",
            )
        )
        await session.flush()
        session.add(
            DatasetVersion(
                dataset_id=dataset_id,
                number=1,
                status="ready",
                report={"items_found": 1, "items_good": 1, "set_aside": []},
                prefix="nowhere",
                utterances=1,
                audio_s=1.0,
                size=32044,
                statistics={},
                sample=[item],
            )
        )
        await session.commit()
    return dataset_id


def spec_of(type: str, config: dict[str, Any] = CONFIG, needs_id: uuid.UUID | None = None) -> dict[str, Any]:
    """The spec of a job of this type, as its row holds it."""
    fields: dict[str, Any] = {"config": TrainingConfig(**config)}
    if type == "sweep":
        fields["config"] = TrainingConfig.model_validate(config | {"evaluation": {"every_steps": 5}})
        fields["search"] = {"dimensions": {"label_smoothing": {"type": "choice", "values": [0.0, 0.1]}}}
    if type == "evaluation":
        fields["training_id"] = needs_id or uuid.UUID(int=0)
    return dict(KINDS[type].spec(**fields).model_dump(mode="json"))


async def job(services: Services, visitor: Visitor, status: str = "running", **columns: Any) -> uuid.UUID:
    """A job in a state."""
    job_id, model_id = uuid.uuid4(), columns.pop("model_id", "whisper-pico")
    type = columns.pop("type", "training")
    dataset_id = columns.pop("dataset_id", None) or await ready_dataset(services, visitor)
    async with open_session(services.sessions) as session:
        session.add(
            Job(
                id=job_id,
                user_id=await user_id(visitor),
                name=columns.pop("name", "a job"),
                model_id=model_id,
                model=reference(model_id),
                dataset_id=dataset_id,
                dataset_version=columns.pop("dataset_version", 1),
                type=type,
                spec=spec_of(type, columns.pop("config", CONFIG), columns.get("needs_id")) | columns.pop("spec", {}),
                resources=columns.pop("resources", {}),
                status=status,
                **columns,
            )
        )
        await session.commit()
    return job_id


async def ingestion(services: Services, dataset_id: uuid.UUID, status: str, **columns: Any) -> uuid.UUID:
    """The job that makes or has made the first version of a dataset, in a state."""
    async with open_session(services.sessions) as session:
        dataset = await session.get_one(Dataset, dataset_id)
        of_dataset = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
        version = (await session.scalars(of_dataset.where(DatasetVersion.number == 1))).one()
        job = await begin_ingestion(session, services.settings, dataset, version)
        await session.execute(update(Job).where(Job.id == job.id).values(status=status, **columns))
        await session.commit()
        return job.id


async def say(services: Services, job_id: uuid.UUID, *events: dict[str, Any], status: str | None = None) -> None:
    """Let a job say something, and change its status."""
    async with open_session(services.sessions) as session:
        row = await locked_job(session, job_id)
        assert row is not None
        if status is not None:
            row.status = status
        await append(session, row, events)
        await session.commit()


def metric(step: int, **data: Any) -> dict[str, Any]:
    """A training metric."""
    return {"kind": "metric", "key": f"train/{step}", "time": "2026-01-01T00:00:00Z", "data": {"step": step, **data}}
