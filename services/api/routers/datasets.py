"""Datasets: create, upload, complete, read."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Text, bindparam
from sqlalchemy.ext.asyncio import AsyncSession

from engine.data.version_files import DRAWING_NAME, PAGE_NAME
from engine.errors import Fault
from services.api import audio_links
from services.api.context import Services
from services.api.dataset_items import FacetsOut, ItemFilters, Offset, item_facets, items_page
from services.api.dataset_models import (
    RENDERED_DATASET,
    DatasetBody,
    DatasetOut,
    DatasetPatch,
    DatasetStatus,
    DrawnOut,
    ItemOut,
    NewDatasetOut,
    PreviewOut,
    ReportOut,
    S3SourceBody,
    SourceBody,
    UploadSourceBody,
    UploadsOut,
)
from services.api.dataset_version_models import DatasetItemOut
from services.api.dependencies import CurrentUser, ServicesDep, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.object_urls import ObjectUrls, ObjectUrlsDep
from services.api.paging import Cursor, Limit, Listing, Page, Search, matches
from services.api.problems import problems
from services.api.ranges import wanted_range
from services.api.read_route import ReadRoute
from services.api.reading import ReadingDep
from services.api.rendered import object_response, page_response
from services.api.upload_urls import upload_out
from services.database.engine import open_session
from services.database.models import Dataset, DatasetVersion
from services.database.prepared import Prepared
from services.datasets import find, requests
from services.datasets.audio import find_item, recording_of
from services.datasets.prefixes import version_prefix
from services.datasets.versions import check_bounds, find_version
from services.errors import ConflictError, InvalidRequestError
from services.projects.requests import check_project

router = APIRouter(prefix="/datasets", tags=["datasets"], route_class=ReadRoute)
VersionNumber = audio_links.Version
_WAV: Final = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
_AUDIO: Final[dict[int | str, str]] = {200: "A WAV file", 206: "The bytes that `Range` asked for"}

_OWNED: Final = find.owned_datasets(bindparam("user_id"))
_DATASET: Final = Prepared(_OWNED.where(Dataset.id == bindparam("dataset_id")).with_only_columns(RENDERED_DATASET))
_DATASETS: Final = Listing(
    _OWNED,
    Dataset,
    [RENDERED_DATASET],
    {
        "q": matches(Dataset.name, bindparam("q", type_=Text)),
        "status": Dataset.status == bindparam("status"),
        "project_id": Dataset.project_id == bindparam("project_id"),
    },
)


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 413, 415, 422, 503))
async def create_dataset(
    body: DatasetBody,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    session: SessionDep,
    urls: ObjectUrlsDep,
    idempotency_key: IdempotencyHeader = None,
) -> NewDatasetOut:
    """Create a dataset. For an upload the answer has the upload addresses; other sources are fetched immediately."""
    _check_source(body.source, services)
    check_bounds(body.options(), services.settings)
    dataset_id = uuid.uuid4()
    call = fingerprint(services.settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, dataset_id)
    if earlier is not None:
        dataset = await find.find_dataset(session, user.id, earlier)
    else:
        dataset = await requests.announce(
            session,
            services.settings,
            user.id,
            dataset_id,
            name=body.name,
            description=body.description,
            task=body.task,
            source=body.source.model_dump(mode="json"),
            options=body.options(),
            project_id=body.project_id,
        )
    uploads = await find.uploads_of(session, dataset.id) if dataset.status in requests.COMPLETABLE else []
    for upload in uploads if earlier is None else []:
        await requests.begin_parts(services.objects, upload, services.settings.upload_part_bytes)
    signed = [await upload_out(services, urls, upload) for upload in uploads]
    await session.commit()
    return NewDatasetOut(dataset=await _out(session, dataset), uploads=signed)


@router.post("/{dataset_id}/uploads", responses=problems(401, 403, 404, 409, 422, 503))
async def renew_uploads(
    dataset_id: uuid.UUID, user: CurrentUser, services: ServicesDep, urls: ObjectUrlsDep
) -> UploadsOut:
    """New upload addresses for a dataset that is being uploaded, and what has arrived: how an upload is resumed.

    It can be resumed until an hour after its last addresses have expired.
    """
    async with open_session(services.sessions) as session:
        uploads = await requests.renew_uploads(session, services.settings, user.id, dataset_id)
        await session.commit()
    # No database connection is held during requests to the object store.
    signed = [await upload_out(services, urls, upload, looks=True) for upload in uploads]
    return UploadsOut(dataset_id=dataset_id, uploads=signed)


@router.post("/{dataset_id}/complete", status_code=202, responses=problems(401, 403, 404, 409, 422, 503))
async def complete_dataset(dataset_id: uuid.UUID, user: CurrentUser, services: ServicesDep) -> DatasetOut:
    """Finish an upload and start processing. Lists every file that is missing or has the wrong size."""
    dataset = await requests.complete(services.sessions, services.settings, services.objects, user.id, dataset_id)
    async with open_session(services.sessions) as session:
        return await _out(session, dataset)


@router.get("", response_model=Page[DatasetOut], responses=problems(401, 422, 503))
async def list_datasets(
    reading: ReadingDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: DatasetStatus | None = None,
    project_id: uuid.UUID | None = None,
) -> Response:
    """The caller's datasets, newest first."""
    filters = {"q": q or None, "status": status, "project_id": project_id}
    rows, total, next_cursor = await _DATASETS.page(reading, filters, limit=limit, cursor=cursor)
    return page_response([row[0] for row in rows], total, next_cursor)


@router.get("/{dataset_id}", response_model=DatasetOut, responses=problems(401, 404, 422, 503))
async def read_dataset(dataset_id: uuid.UUID, reading: ReadingDep) -> Response:
    """One dataset."""
    rows = await reading.rows(_DATASET, dataset_id=dataset_id)
    if not rows:
        raise find.no_such_dataset()
    return object_response(rows[0][0])


@router.patch("/{dataset_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_dataset(
    dataset_id: uuid.UUID, body: DatasetPatch, user: CurrentUser, session: SessionDep
) -> DatasetOut:
    """Change name, description or project."""
    dataset = await find.find_dataset(session, user.id, dataset_id, lock=True)
    if body.name is not None:
        dataset.name = body.name
    if body.description is not None:
        dataset.description = body.description
    if "project_id" in body.model_fields_set:
        await check_project(session, user.id, body.project_id)
        dataset.project_id = body.project_id
    await session.commit()
    return await _out(session, dataset)


@router.delete("/{dataset_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_dataset(dataset_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a dataset that no unfinished job uses."""
    await requests.delete(session, user.id, dataset_id)


@router.get("/{dataset_id}/report", responses=problems(401, 404, 409, 422, 503))
async def dataset_report(
    dataset_id: uuid.UUID,
    user: CurrentUser,
    services: ServicesDep,
    urls: ObjectUrlsDep,
    version: VersionNumber = None,
) -> ReportOut:
    """The report: statistics, and every rejected item with the reason and what to do."""
    async with open_session(services.sessions) as session:
        found = await _reported_version(session, user.id, dataset_id, version)
        await session.refresh(found, ["report"])
    if found.status in {"pending", "processing"}:
        raise ConflictError(f"The dataset is {found.status}; there is no report yet.", code="dataset_not_ready")
    known: dict[str, object] = {"dataset_id": dataset_id, "version": found.number}
    known |= {"status": found.status, "error": found.error}
    if found.status == "ready":
        prefix = version_prefix(dataset_id, found.number)
        known["page"] = await _drawn_out(services, urls, prefix, PAGE_NAME)
        known["drawing"] = await _drawn_out(services, urls, prefix, DRAWING_NAME)
    return ReportOut(**{**(found.report or {}), **known})


@router.get("/{dataset_id}/preview", responses=problems(401, 404, 409, 422, 503))
async def preview_dataset(
    dataset_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    settings: SettingsDep,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of items")] = 20,
    version: VersionNumber = None,
) -> PreviewOut:
    """Some items, spread over the dataset, with the addresses of their audio."""
    found = await _ready_version(session, user.id, dataset_id, version)
    await session.refresh(found, ["sample"])
    stride = max(1, len(found.sample) // limit)
    dataset_url = request.url.path.removesuffix("/preview")
    urls = audio_links.AudioUrls(settings, user.id, dataset_url, dataset_id, found.number)
    items = [
        ItemOut(
            id=item["id"],
            text=item["text"],
            target=item.get("target", {}),
            speaker=item.get("speaker"),
            split=item.get("split"),
            duration_s=item["duration_s"],
            audio_url=urls.of(item["id"]),
        )
        for item in found.sample[::stride][:limit]
    ]
    return PreviewOut(items=items, total=found.utterances)


@router.get("/{dataset_id}/items", responses=problems(401, 404, 409, 422, 503))
async def list_items(
    dataset_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    settings: SettingsDep,
    session: SessionDep,
    filters: ItemFilters,
    limit: Limit = 20,
    cursor: Cursor = None,
    offset: Offset = 0,
    version: VersionNumber = None,
) -> Page[DatasetItemOut]:
    """Every item of a dataset's newest version, or of another one, good and rejected, in the order of the source."""
    found = await _reported_version(session, user.id, dataset_id, version)
    urls = audio_links.AudioUrls(settings, user.id, request.url.path.removesuffix("/items"), dataset_id, found.number)
    return await items_page(session, found, filters, urls, limit=limit, cursor=cursor, offset=offset)


@router.get("/{dataset_id}/items/facets", responses=problems(401, 404, 409, 422, 503))
async def dataset_item_facets(
    dataset_id: uuid.UUID, user: CurrentUser, session: SessionDep, version: VersionNumber = None
) -> FacetsOut:
    """Counts of the items of the newest version, or of another one, by status, split, finding and group."""
    return await item_facets(session, await _reported_version(session, user.id, dataset_id, version))


@router.get(
    "/{dataset_id}/items/{item:path}/audio",
    response_class=StreamingResponse,
    responses={status: {"description": told, "content": _WAV} for status, told in _AUDIO.items()}
    | problems(401, 404, 409, 416, 422, 503),
)
async def item_audio(
    dataset_id: uuid.UUID,
    item: audio_links.Item,
    user_id: audio_links.ListenerDep,
    services: ServicesDep,
    request: Request,
    version: VersionNumber = None,
) -> StreamingResponse:
    """An item's audio as a WAV file, or the bytes of a `Range` header; for a player, `audio_url` needs no token."""
    async with open_session(services.sessions) as session:
        found = await _ready_version(session, user_id, dataset_id, version)
        await session.refresh(found, ["sample"])
    known = next((sampled for sampled in found.sample if sampled["id"] == item), None)
    prefix = version_prefix(dataset_id, found.number)
    recording = await recording_of(services.objects, prefix, known or await find_item(services.objects, prefix, item))
    given = request.headers
    span = wanted_range(given.get("range"), given.get("if-range"), recording.etag, recording.size)
    first, last = span or (0, recording.size - 1)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Length": str(last + 1 - first),
        "ETag": recording.etag,
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{recording.size}"
    content = recording.pieces(services.objects, first, last)
    return StreamingResponse(content, 200 if span is None else 206, headers, media_type="audio/wav")


async def _out(session: AsyncSession, dataset: Dataset) -> DatasetOut:
    ready = (await find.newest_versions(session, [dataset.id])).get(dataset.id)
    return DatasetOut.of(dataset, ready, await find.newest_version_row(session, dataset.id))


async def _ready_version(
    session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int | None
) -> DatasetVersion:
    dataset = await find.find_dataset(session, user_id, dataset_id)
    return await find.ready_version(session, dataset, number)


async def _reported_version(
    session: AsyncSession, user_id: uuid.UUID, dataset_id: uuid.UUID, number: int | None
) -> DatasetVersion:
    """The requested version; by default the newest that is ready, or the newest if none is."""
    if number is not None:
        return await find_version(session, user_id, dataset_id, number)
    await find.find_dataset(session, user_id, dataset_id)
    ready = (await find.newest_versions(session, [dataset_id])).get(dataset_id)
    return ready or await find.newest_version_row(session, dataset_id)


async def _drawn_out(services: Services, urls: ObjectUrls, prefix: str, name: str) -> DrawnOut | None:
    key = f"{prefix}/{name}"
    if await services.objects.size(key) is None:
        return None
    signed = await services.objects.sign_get(key, services.settings.download_url_s, name)
    return DrawnOut(url=urls.reachable(signed.url), expires_at=signed.expires_at)


def _check_source(source: SourceBody, services: Services) -> None:
    settings = services.settings
    if isinstance(source, S3SourceBody):
        bucket = source.uri.removeprefix("s3://").partition("/")[0]
        if bucket not in settings.import_buckets or bucket == settings.s3.bucket:
            allowed = ", ".join(name for name in settings.import_buckets if name != settings.s3.bucket) or "none"
            fault = f"names the bucket {bucket!r}; allowed: {allowed} (the operator sets LIM_IMPORT_BUCKETS)"
            raise InvalidRequestError.of([Fault("source.uri", fault)], code="bucket_not_allowed")
    if not isinstance(source, UploadSourceBody):
        return
    faults = [
        Fault(f"source.files.{place}.size", f"found {file.size}; at most {settings.max_upload_bytes} bytes are allowed")
        for place, file in enumerate(source.files)
        if file.size > settings.max_upload_bytes
    ]
    if len(source.files) > settings.max_upload_files:
        most = settings.max_upload_files
        faults.append(
            Fault("source.files", f"has {len(source.files)} files; at most {most}: put the recordings into an archive")
        )
    if faults:
        raise InvalidRequestError.of(faults, code="upload_too_large")
