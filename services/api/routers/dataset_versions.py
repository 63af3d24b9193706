"""Versions of datasets: create, list, inspect items, delete."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from sqlalchemy.orm import undefer

from services.api.audio_links import AudioUrls
from services.api.dataset_items import ItemFilters, Offset, items_page
from services.api.dataset_version_models import (
    DatasetItemOut,
    DatasetVersionDetailOut,
    DatasetVersionOut,
    RevisionBody,
)
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, newest_first
from services.api.problems import problems
from services.database.models import DatasetVersion
from services.datasets import versions
from services.datasets.find import find_dataset, versions_of

router = APIRouter(prefix="/datasets/{dataset_id}/versions", tags=["datasets"])

Number = Annotated[int, Path(ge=1, lt=2**31, description="Number of the version")]


@router.post("", status_code=202, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def revise_dataset(
    dataset_id: uuid.UUID,
    body: RevisionBody,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    session: SessionDep,
    idempotency_key: IdempotencyHeader = None,
) -> DatasetVersionOut:
    """Make the next version: accept, reject or edit items, change thresholds and limits, split again.

    It is processed like an upload; existing versions can be used meanwhile. Reports the faults of all decisions together.
    """
    version_id = uuid.uuid4()
    call = fingerprint(services.settings, request, body.model_dump(mode="json", exclude_unset=True))
    earlier = await claim(session, str(user.id), idempotency_key, call, version_id)
    if earlier is not None:
        await find_dataset(session, user.id, dataset_id)
        version = await session.get_one(DatasetVersion, earlier)
    else:
        version = await versions.revise(session, services.settings, user.id, dataset_id, version_id, body, body.parent)
    await session.commit()
    await session.refresh(version, ["decisions"])
    return DatasetVersionOut.of(version)


@router.get("", responses=problems(401, 404, 422, 503))
async def list_dataset_versions(
    dataset_id: uuid.UUID,
    user: CurrentUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Literal["pending", "processing", "ready", "error"] | None = None,
) -> Page[DatasetVersionOut]:
    """The versions of a dataset, newest first."""
    await find_dataset(session, user.id, dataset_id)
    query = versions_of(dataset_id).options(undefer(DatasetVersion.decisions))
    if status is not None:
        query = query.where(DatasetVersion.status == status)
    rows, total, next_cursor = await newest_first(session, query, DatasetVersion, limit=limit, cursor=cursor)
    return Page(items=[DatasetVersionOut.of(row) for row in rows], total=total, next_cursor=next_cursor)


@router.get("/{number}", responses=problems(401, 404, 422, 503))
async def read_dataset_version(
    dataset_id: uuid.UUID, number: Number, user: CurrentUser, session: SessionDep
) -> DatasetVersionDetailOut:
    """One version: its options, decisions and statistics, and its report."""
    version = await versions.find_version(session, user.id, dataset_id, number)
    await session.refresh(version, ["decisions", "report"])
    return DatasetVersionDetailOut.with_report(version, await versions.used_by(session, dataset_id, number))


@router.delete("/{number}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_dataset_version(dataset_id: uuid.UUID, number: Number, user: CurrentUser, session: SessionDep) -> None:
    """Delete a version that no job or pipeline has used; its number is not reused."""
    await versions.delete(session, user.id, dataset_id, number)


@router.get("/{number}/items", responses=problems(401, 404, 409, 422, 503))
async def list_dataset_items(
    dataset_id: uuid.UUID,
    number: Number,
    request: Request,
    user: CurrentUser,
    settings: SettingsDep,
    session: SessionDep,
    filters: ItemFilters,
    limit: Limit = 20,
    cursor: Cursor = None,
    offset: Offset = 0,
) -> Page[DatasetItemOut]:
    """Every item of a version, good and rejected, in the order of the source."""
    version = await versions.find_version(session, user.id, dataset_id, number)
    urls = AudioUrls(settings, user.id, request.url.path.partition("/versions/")[0], dataset_id, number)
    return await items_page(session, version, filters, urls, limit=limit, cursor=cursor, offset=offset)
