"""User requests for datasets: announce files, complete an upload, delete."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.config import ResourcesConfig
from engine.config.processing import ProcessingConfig
from engine.errors import Fault
from services.database.engine import Sessions, open_session
from services.database.models import Dataset, DatasetVersion, Job, Upload
from services.database.notify import WORK, notify
from services.datasets.find import find_dataset, newest_version_row, uploads_of
from services.datasets.prefixes import upload_prefix, version_prefix
from services.errors import ConflictError, NotFoundError
from services.jobs.kinds.contract import JobRequest
from services.jobs.kinds.ingestion import Ingestion, IngestionSpec, first_lane, reopen
from services.jobs.requests import go_on, launch, stop
from services.jobs.states import ACTIVE, RESUMABLE
from services.objects import Objects
from services.projects.requests import check_project
from services.settings import Settings
from services.storage_quota import admit_bytes, import_bytes

_MOST_SHOWN: Final = 20
COMPLETABLE: Final = frozenset({"pending", "error"})
"""Statuses in which an upload can be completed; in the others it has been already."""


async def begin_ingestion(session: AsyncSession, settings: Settings, dataset: Dataset, version: DatasetVersion) -> Job:
    """Queue the job that makes a version; does not commit."""
    request = JobRequest(
        kind=Ingestion.name,
        asked=IngestionSpec.of(dataset, version),
        dataset_id=dataset.id,
        dataset_version=version.number,
        resources=ResourcesConfig(),
    )
    job = await launch(session, settings, dataset.user_id, uuid.uuid4(), request)
    version.job_id = job.id
    return job


async def process_again(session: AsyncSession, settings: Settings, dataset_id: uuid.UUID) -> None:
    """Process the newest version of a dataset in an error again; does nothing in other states. Does not commit."""
    jobs = await lock_ingestions(session, dataset_id)
    dataset = await _locked(session, dataset_id)
    version = await newest_version_row(session, dataset_id)
    if dataset.status != "error" or version.status != "error":
        return
    await reopen(session, dataset, version)
    dataset.source_kept = True
    job = next((job for job in jobs if job.id == version.job_id), None)
    if job is not None and job.status in RESUMABLE and job.deleted_at is None:
        await go_on(session, job)
        job.lane = first_lane(IngestionSpec.of(dataset, version), version.number)
    else:
        await begin_ingestion(session, settings, dataset, version)


async def lock_ingestions(session: AsyncSession, dataset_id: uuid.UUID) -> Sequence[Job]:
    """The jobs that make versions of a dataset, locked; a job is always locked before its dataset."""
    query = select(Job).where(Job.dataset_id == dataset_id, Job.type == Ingestion.name).order_by(Job.id)
    return (await session.scalars(query.with_for_update().execution_options(populate_existing=True))).all()


async def announce(
    session: AsyncSession,
    settings: Settings,
    user_id: uuid.UUID,
    dataset_id: uuid.UUID,
    *,
    name: str,
    description: str,
    task: str,
    source: Mapping[str, Any],
    options: ProcessingConfig,
    project_id: uuid.UUID | None = None,
) -> Dataset:
    """Create a dataset that waits for its upload, or queue the fetch of its recordings; does not commit.

    Raises:
        NotFoundError: no such project, or another user's.
        ForbiddenError: it exceeds the user's storage quota.
    """
    await check_project(session, user_id, project_id)
    files = source.get("files", ()) if source["type"] == "upload" else None
    if files is None:
        source_bytes = await import_bytes(session, settings, user_id)
    else:
        source_bytes = sum(file["size"] for file in files)
    # The version made from an upload is about as large as the upload.
    made_bytes = 0 if files is None else source_bytes
    await admit_bytes(session, settings, user_id, source_bytes + made_bytes)
    dataset = Dataset(
        id=dataset_id,
        user_id=user_id,
        project_id=project_id,
        name=name,
        description=description,
        task=task,
        source=dict(source),
        status="processing" if files is None else "pending",
        source_kept=files is None,
        source_bytes=source_bytes,
    )
    session.add(dataset)
    await session.flush()
    version = DatasetVersion(
        dataset_id=dataset_id,
        number=1,
        status=dataset.status,
        options=options.model_dump(mode="json"),
        prefix=version_prefix(dataset_id, 1),
        size=made_bytes,
    )
    session.add(version)
    await session.flush()
    if files is None:
        await begin_ingestion(session, settings, dataset, version)
        return dataset
    expires_at = datetime.now(UTC) + timedelta(seconds=settings.upload_url_s)
    for position, file in enumerate(files):
        upload_id = uuid.uuid4()
        session.add(
            Upload(
                id=upload_id,
                dataset_id=dataset_id,
                position=position,
                name=file["name"],
                size=file["size"],
                key=f"{upload_prefix(dataset_id)}/{upload_id}",
                expires_at=expires_at,
            )
        )
    await session.flush()
    return dataset


async def complete(
    sessions: Sessions, settings: Settings, objects: Objects, user_id: uuid.UUID, dataset_id: uuid.UUID
) -> Dataset:
    """Check that every declared file is there, and queue the processing. Idempotent.

    Raises:
        NotFoundError: no such dataset, or another user's.
        ConflictError: files are missing or of another size; names each.
    """
    async with open_session(sessions) as session:
        dataset = await find_dataset(session, user_id, dataset_id)
        if dataset.status not in COMPLETABLE:
            return dataset
        uploads = await uploads_of(session, dataset_id)
    # No database connection is held during requests to the object store.
    faults = [fault for upload in uploads if (fault := await _joined(objects, upload)) is not None]
    if faults:
        raise ConflictError("Not every declared part is there; see errors.", code="upload_incomplete", faults=faults)
    try:
        sealed = await _sealed(objects, uploads)
    except (ConflictError, NotFoundError):  # another call may have sealed and removed them meanwhile
        async with open_session(sessions) as session:
            dataset = await find_dataset(session, user_id, dataset_id)
        if dataset.status in COMPLETABLE:
            raise
        return dataset
    async with open_session(sessions) as session:
        await lock_ingestions(session, dataset_id)
        dataset = await find_dataset(session, user_id, dataset_id, lock=True)
        if dataset.status in COMPLETABLE:
            for upload in await uploads_of(session, dataset_id):
                upload.sealed_key = sealed[upload.id]
        if dataset.status == "error":
            await process_again(session, settings, dataset_id)
        elif dataset.status == "pending":
            version = await newest_version_row(session, dataset_id)
            version.status = dataset.status = "processing"
            dataset.source_kept = True
            await begin_ingestion(session, settings, dataset, version)
        await session.commit()
    await asyncio.gather(*(objects.remove(each.key) for each in uploads if sealed[each.id] != each.key))
    return dataset


async def renew_uploads(
    session: AsyncSession, settings: Settings, user_id: uuid.UUID, dataset_id: uuid.UUID
) -> Sequence[Upload]:
    """The declared files of a dataset that is still being uploaded, with a new expiry. Does not commit.

    Raises:
        NotFoundError: no such dataset, or another user's.
        ConflictError: it is not being uploaded.
    """
    dataset = await find_dataset(session, user_id, dataset_id, lock=True)
    uploads = await uploads_of(session, dataset_id)
    if dataset.status != "pending" or not uploads:
        what = "it is fetched from its source" if not uploads else f"it is {dataset.status}"
        raise ConflictError(f"The dataset takes no upload: {what}.", code="not_uploading")
    for upload in uploads:
        upload.expires_at = datetime.now(UTC) + timedelta(seconds=settings.upload_url_s)
    return uploads


async def delete(session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID) -> None:
    """Delete a dataset with the jobs that made its versions, and commit; its objects are removed soon after.

    Raises:
        NotFoundError: no such dataset, or another user's.
        ConflictError: a job that has not ended uses it.
    """
    await find_dataset(session, user_id, dataset_id)
    ingestions = await lock_ingestions(session, dataset_id)
    dataset = await find_dataset(session, user_id, dataset_id, lock=True)
    users = await session.scalar(
        select(func.count())
        .select_from(Job)
        .where(Job.dataset_id == dataset_id, Job.status.in_(ACTIVE), Job.type != Ingestion.name)
    )
    if users:
        jobs = "a job that has" if users == 1 else f"{users} jobs that have"
        raise ConflictError(f"The dataset is used by {jobs} not ended; stop first.", code="dataset_in_use")
    dataset.deleted_at = datetime.now(UTC)
    await session.flush()
    for job in ingestions:
        if job.status in ACTIVE:
            await stop(session, user_id, job.id)
        job.deleted_at = dataset.deleted_at
    await notify(session, WORK)
    await session.commit()


def part_sizes(upload: Upload) -> list[int]:
    """Sizes of the parts in which a file is uploaded, in bytes."""
    most = upload.part_bytes or upload.size
    return [min(most, upload.size - start) for start in range(0, upload.size, most)]


async def begin_parts(objects: Objects, upload: Upload, part_bytes: int) -> None:
    """Begin a multipart upload if the file is larger than a part; does not commit."""
    if upload.size > part_bytes:
        upload.part_bytes = part_bytes
        upload.multipart_id = await objects.begin_parts(upload.key)


async def _sealed(objects: Objects, uploads: Sequence[Upload]) -> dict[uuid.UUID, str]:
    """Put each file under a key that no client has a URL to write to; return the keys by upload.

    A file that came in one piece is copied, because its presigned URL stays valid for a while; a completed multipart
    upload accepts no further parts and keeps its key. Unused copies are removed with the dataset.

    Raises:
        ConflictError: files are missing or of another size; names each.
        NotFoundError: a file was removed at this moment.
    """
    there = await asyncio.gather(*(objects.size(upload.key) for upload in uploads))
    keys, faults = {}, []
    for upload, size in zip(uploads, there, strict=True):
        key = upload.sealed_key if size is None and upload.sealed_key else upload.key
        if size is not None and upload.multipart_id is None and size == upload.size:
            key = f"{upload_prefix(upload.dataset_id)}/sealed/{uuid.uuid4()}"
            await objects.copy(upload.key, key)  # copied first, then checked: it may be replaced meanwhile
        fault = _upload_fault(upload, size if key == upload.key else await objects.size(key))
        if fault is not None:
            faults.append(fault)
        keys[upload.id] = key
    if faults:
        raise ConflictError("Not every declared file is there; see errors.", code="upload_incomplete", faults=faults)
    return keys


async def _joined(objects: Objects, upload: Upload) -> Fault | None:
    if upload.multipart_id is None:
        return None
    missing = await objects.join_parts(upload.key, upload.multipart_id, part_sizes(upload))
    if not missing:
        return None
    shown = ", ".join(map(str, missing[:_MOST_SHOWN])) + (", ..." if len(missing) > _MOST_SHOWN else "")
    return Fault(
        f"source.files.{upload.position}",
        f"{upload.name} lacks {len(missing)} of {len(part_sizes(upload))} parts: {shown}",
    )


def _upload_fault(upload: Upload, size: int | None) -> Fault | None:
    path = f"source.files.{upload.position}"
    if size is None:
        return Fault(path, f"{upload.name} has not been uploaded")
    if size != upload.size:
        return Fault(path, f"{upload.name} has {size} bytes; {upload.size} were declared")
    return None


async def _locked(session: AsyncSession, dataset_id: uuid.UUID) -> Dataset:
    query = select(Dataset).where(Dataset.id == dataset_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one()
