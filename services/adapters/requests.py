"""Operations on a user's adapters: find, name and delete them, and add a job's result as a version."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.adapters.lineage import lineage_of
from services.database.models import Adapter, AdapterVersion, Artifact, DatasetVersion, Job
from services.errors import ConflictError, NotFoundError
from services.jobs.kinds.training import Training
from services.jobs.owned import owned_jobs


def owned_adapters(user_id: uuid.UUID) -> Select[Adapter]:
    """The adapters of a user: ownership is part of every query."""
    return select(Adapter).where(Adapter.user_id == user_id)


async def find_adapter(
    session: AsyncSession, user_id: uuid.UUID, adapter_id: uuid.UUID, *, lock: bool = False
) -> Adapter:
    """An adapter of the user.

    Raises:
        NotFoundError: no such adapter, or another user's.
    """
    query = owned_adapters(user_id).where(Adapter.id == adapter_id)
    if lock:
        query = query.with_for_update()
    adapter = (await session.scalars(query)).one_or_none()
    if adapter is None:
        raise NotFoundError("There is no such adapter.", code="adapter_not_found")
    return adapter


async def find_version(session: AsyncSession, user_id: uuid.UUID, adapter_id: uuid.UUID, number: int) -> AdapterVersion:
    """A version of an adapter of the user.

    Raises:
        NotFoundError: no such adapter or version, or another user's.
    """
    adapter = await find_adapter(session, user_id, adapter_id)
    version = (await session.scalars(versions_of(adapter.id).where(AdapterVersion.number == number))).one_or_none()
    if version is None:
        raise NotFoundError(f"The adapter has no version {number}.", code="version_not_found")
    return version


def versions_of(adapter_id: uuid.UUID) -> Select[AdapterVersion]:
    """The versions of an adapter."""
    return select(AdapterVersion).where(AdapterVersion.adapter_id == adapter_id)


async def newest_versions(session: AsyncSession, adapter_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, AdapterVersion]:
    """The newest version of each adapter that has one."""
    query = (
        select(AdapterVersion)
        .where(AdapterVersion.adapter_id.in_(adapter_ids))
        .ext(distinct_on(AdapterVersion.adapter_id))
        .order_by(AdapterVersion.adapter_id, AdapterVersion.number.desc())
    )
    return {version.adapter_id: version for version in await session.scalars(query)}


async def check_name(session: AsyncSession, user_id: uuid.UUID, name: str, but: uuid.UUID | None = None) -> None:
    """Check that no adapter of the user other than `but` has this name.

    Raises:
        ConflictError: the name is taken.
    """
    query = owned_adapters(user_id).where(Adapter.name == name)
    if but is not None:
        query = query.where(Adapter.id != but)
    if (await session.scalars(query)).first() is not None:
        raise ConflictError(
            f"There is an adapter {name!r} already: add a version to it, or choose another name.",
            code="adapter_exists",
            faults=[Fault("name", "is taken")],
        )


async def delete(session: AsyncSession, user_id: uuid.UUID, adapter_id: uuid.UUID) -> None:
    """Delete an adapter and its versions; the jobs that made them and their files stay. Committed.

    Raises:
        NotFoundError: no such adapter, or another user's.
    """
    await session.delete(await find_adapter(session, user_id, adapter_id, lock=True))
    await session.commit()


@asynccontextmanager
async def named(
    session: AsyncSession, user_id: uuid.UUID, name: str, but: uuid.UUID | None = None
) -> AsyncIterator[None]:
    """Context in which an adapter is given a name; flushed at the end, not committed.

    Raises:
        ConflictError: another adapter of the user has the name, possibly since a concurrent request.
    """
    await check_name(session, user_id, name, but)
    try:
        async with session.begin_nested():
            yield
    except IntegrityError:
        await check_name(session, user_id, name, but)
        raise


async def add_version(
    session: AsyncSession,
    user_id: uuid.UUID,
    adapter_id: uuid.UUID,
    version_id: uuid.UUID,
    job_id: uuid.UUID,
    notes: str,
) -> AdapterVersion:
    """Add a training job's result as the newest version of an adapter; not committed.

    Raises:
        NotFoundError: no such adapter or job, or another user's.
        ConflictError: the job has not succeeded, made no adapter, or is a version already.
    """
    adapter = await find_adapter(session, user_id, adapter_id, lock=True)  # numbers are consecutive
    query = owned_jobs(user_id).where(Job.id == job_id).with_for_update(read=True)  # locked against deletion
    job = (await session.scalars(query)).one_or_none()
    if job is None:
        raise NotFoundError("There is no such job.", code="job_not_found")
    if job.type != Training.name or job.status != "succeeded" or not job.result:
        raise ConflictError(
            f"The job is a {job.type} that is {job.status}; a version needs a training that has succeeded.",
            code="job_not_succeeded",
            faults=[Fault("job_id", f"is a {job.type} that is {job.status}")],
        )
    artifacts = (await session.scalars(select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name))).all()
    weights = [artifact for artifact in artifacts if artifact.kind == "adapter"]
    if not weights:
        raise ConflictError(
            "The job has made no adapter.", code="no_adapter", faults=[Fault("job_id", "made no adapter")]
        )
    earlier = (await session.scalars(versions_of(adapter.id).where(AdapterVersion.job_id == job_id))).one_or_none()
    if earlier is not None:
        raise ConflictError(
            f"The job is version {earlier.number} of this adapter.",
            code="version_exists",
            faults=[Fault("job_id", f"is version {earlier.number}")],
        )
    data = (
        await session.scalars(
            select(DatasetVersion).where(
                DatasetVersion.dataset_id == job.dataset_id, DatasetVersion.number == job.dataset_version
            )
        )
    ).one()
    last = await session.scalar(select(func.max(AdapterVersion.number)).where(AdapterVersion.adapter_id == adapter.id))
    version = AdapterVersion(
        id=version_id,
        adapter_id=adapter.id,
        number=(last or 0) + 1,
        job_id=job_id,
        notes=notes,
        lineage=lineage_of(job, data, weights).model_dump(mode="json"),
    )
    session.add(version)
    await session.flush()
    return version
