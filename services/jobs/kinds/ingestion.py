"""Ingestion jobs: each makes a version of a dataset."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.ingest import OUTCOME_KEY
from cluster.ingestion.config import (
    BucketSource,
    FetchConfig,
    IngestionRunConfig,
    Source,
    UploadedFile,
    UploadSource,
    UrlSource,
)
from cluster.ingestion.sources import is_fetched
from engine.config.base import Config
from engine.config.processing import ProcessingConfig
from engine.data.revision import VersionRecord
from engine.memory.sizes import Sizes
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetVersion, Job
from services.datasets.find import check_source, unfinished_version, uploads_of
from services.datasets.prefixes import upload_prefix, version_prefix
from services.datasets.results import store_items, write_outcome
from services.errors import ConflictError, NotFoundError
from services.jobs.kinds.contract import JobKind, JobRequest, Platform, Resolved
from services.jobs.places import Runs, run_address
from services.notifications.tell import dataset_ended
from services.settings import Settings
from services.storage_quota import admit_bytes

FETCH: Final = "fetch"
"""Lane of ingestions that fetch recordings from a URL or a bucket."""
INGEST: Final = "ingest"
"""Lane of ingestions that read recordings."""


class IngestionSpec(Config):
    """What a dataset version is made of, and how."""

    source: Literal["upload", "url", "s3"]
    """Type of the dataset's source."""
    address: Annotated[str, Field(max_length=2000)] | None = None
    """Address of the recordings; unset: they are uploaded."""
    options: ProcessingConfig = ProcessingConfig()
    """Options of the version's processing."""

    @classmethod
    def of(cls, dataset: Dataset, version: DatasetVersion) -> IngestionSpec:
        """The spec of a version's ingestion."""
        source: dict[str, Any] = dataset.source
        return cls(
            source=source["type"],
            address=source.get("url") or source.get("uri"),
            options=ProcessingConfig.model_validate(version.options),
        )


class Ingestion(JobKind[IngestionSpec]):
    """Makes a dataset version: fetches the recordings, reads and checks them, stores what is good.

    Files may be hostile, so it runs in a box and not on the cluster. It ends together with the version.
    """

    name = "ingestion"
    spec = IngestionSpec
    own_route = True
    figures = ("utterances", "audio_s", "size", "items")
    lanes = (FETCH, INGEST)
    interrupted = "Processing was interrupted {times}"
    retried = "Processing was interrupted ({reason}). It is tried again"

    async def resolve(self, session: AsyncSession, user_id: uuid.UUID, request: JobRequest) -> Resolved[IngestionSpec]:
        """Name the version; the caller has just queued it."""
        asked = request.asked_as(IngestionSpec)
        dataset = await session.get(Dataset, request.dataset_id)
        if dataset is None or dataset.user_id != user_id or request.dataset_version is None:
            raise NotFoundError("There is no such dataset.", code="dataset_not_found")
        return Resolved(
            spec=asked,
            name=f"version {request.dataset_version} of {dataset.name}",
            dataset_id=dataset.id,
            dataset_version=request.dataset_version,
            project_id=dataset.project_id,
            lane=first_lane(asked, request.dataset_version),
        )

    async def driver(self, job: Job, spec: IngestionSpec, platform: Platform) -> tuple[str, Config]:
        """A run of `cluster.ingest`: of its first half in the lane for fetching."""
        session, bucket, settings = platform.session, platform.bucket, platform.settings
        version = await _version(session, job)
        dataset = await session.get_one(Dataset, job.dataset_id)
        await session.refresh(version, ["decisions", "item_decisions"])
        record = {
            "number": version.number,
            "parent": version.parent,
            "task": dataset.task,
            "options": spec.options,
            "decisions": version.decisions,
            "item_decisions": version.item_decisions,
        }
        return "cluster.ingest", IngestionRunConfig(
            name=str(job.id),
            source=await _source(session, spec, dataset.id),
            kept=f"s3://{bucket}/{upload_prefix(dataset.id)}",
            version=f"s3://{bucket}/{version_prefix(dataset.id, version.number)}",
            record=VersionRecord.model_validate(record),
            fetch=FetchConfig(
                most_bytes=settings.max_upload_bytes,
                most_s=settings.import_s,
                least_bytes_per_s=settings.import_least_bytes_per_s,
                networks=list(settings.import_networks),
            ),
            until="fetched" if job.lane == FETCH else "ready",
            storage=run_address(bucket, job.id),
        )

    def kept_bytes(self, spec: IngestionSpec, model: Sizes | None) -> int:
        """Nothing is expected but a report; the version counts by itself."""
        return 0

    async def collect(self, sessions: Sessions, runs: Runs, job: Job) -> None:
        """Write counts, report and items of the version, which is still being processed for everybody else."""
        async with open_session(sessions) as session:
            version = await _version(session, job)
        if version.status == "processing" and await write_outcome(sessions, runs.of(job.id), OUTCOME_KEY, version.id):
            await store_items(sessions, runs.store(version_prefix(job.dataset_id, version.number)), version.id)

    async def ended(self, session: AsyncSession, job: Job, detail: str | None = None) -> None:
        """End the version too; its dataset's notification is sent instead of the job's."""
        dataset = await _locked_dataset(session, job)
        version = await _version(session, job)
        if version.status != "processing" or version.job_id != job.id or dataset.deleted_at is not None:
            return
        version.finished_at = datetime.now(UTC)
        if job.status == "succeeded":
            result = job.result or {}
            version.status, dataset.status, dataset.error = "ready", "ready", None
            version.items, version.size = result["items"], result["size"]
        else:
            version.status = "error"
            version.error = detail or "no reason given"
            if job.status == "stopped":
                version.error = f"Its processing was stopped; resume the job to go on (POST /jobs/{job.id}/resume)."
            if dataset.status == "processing":
                dataset.status, dataset.error = "error", version.error
        if version.number > 1:
            dataset.life += 1
        await dataset_ended(session, dataset, version)

    async def resumed(self, session: AsyncSession, settings: Settings, job: Job) -> None:
        """The version is processed again; the source must still be there, and no other version being made."""
        dataset = await _locked_dataset(session, job)
        version = await _version(session, job)
        if version.deleted_at is not None or version.job_id != job.id:
            raise ConflictError("The version that the job was to make is gone.", code="version_deleted")
        check_source(dataset)
        waiting = await unfinished_version(session, dataset.id)
        if waiting is not None:
            raise ConflictError(
                f"Version {waiting.number} is {waiting.status}; resume the job when it is ready.",
                code="version_processing",
            )
        await admit_bytes(session, settings, job.user_id, version.size)
        await reopen(session, dataset, version)
        job.lane = first_lane(self.read(job), version.number)


async def reopen(session: AsyncSession, dataset: Dataset, version: DatasetVersion) -> None:
    """Mark a version that has failed as being processed again; its end is notified again. Does not commit."""
    version.status, version.error, version.finished_at, version.report = "processing", None, None, None
    if dataset.status == "error":
        dataset.status, dataset.error = "processing", None
    dataset.life += 1


def first_lane(spec: IngestionSpec, number: int) -> str:
    """Lane in which an ingestion begins; later versions are made from what was fetched for the first one."""
    return FETCH if number == 1 and is_fetched(spec.source) else INGEST


async def _source(session: AsyncSession, spec: IngestionSpec, dataset_id: uuid.UUID) -> Source:
    match spec.source:
        case "url":
            return UrlSource(url=spec.address or "")
        case "s3":
            return BucketSource(uri=spec.address or "")
        case "upload":
            prefix = f"{upload_prefix(dataset_id)}/"
            uploads = await uploads_of(session, dataset_id)
            files = [
                UploadedFile(name=each.name, key=(each.sealed_key or each.key).removeprefix(prefix)) for each in uploads
            ]
            return UploadSource(files=files)


async def _version(session: AsyncSession, job: Job) -> DatasetVersion:
    """The version that a job makes; its row stays while its dataset does."""
    query = select(DatasetVersion).where(
        DatasetVersion.dataset_id == job.dataset_id, DatasetVersion.number == job.dataset_version
    )
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


async def _locked_dataset(session: AsyncSession, job: Job) -> Dataset:
    query = select(Dataset).where(Dataset.id == job.dataset_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one()
