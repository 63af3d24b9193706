"""Adapters by name and version, with lineage and comparison."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.adapters import requests
from services.adapters.lineage import DifferenceOut, LineageOut, differences
from services.api.body import Body
from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.database.models import Adapter, AdapterVersion
from services.projects.requests import check_project

router = APIRouter(prefix="/adapters", tags=["adapters"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4000)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
_Compared = Query(ge=1, lt=2**31, description="Number of a version")


class AdapterBody(Body):
    """A new adapter; versions are added from jobs."""

    name: Name
    """Unique among the caller's adapters."""
    description: Text = ""
    project_id: uuid.UUID | None = None
    """A project of the caller."""


class AdapterPatch(Body):
    """Changes; missing fields stay."""

    name: Name | None = None
    description: Text | None = None
    project_id: uuid.UUID | None = None
    """Another project; null: none."""


class VersionBody(Body):
    """A new version."""

    job_id: uuid.UUID
    """A training job that has succeeded."""
    notes: Text = ""


class VersionOut(BaseModel):
    """A version of an adapter; it never changes. Its files are the job's artifacts."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: uuid.UUID
    adapter_id: uuid.UUID
    number: int
    """Counts from 1."""
    job_id: uuid.UUID
    notes: str
    lineage: LineageOut
    """Its lineage: base, data, config, code, figures, files."""
    created_at: datetime


class AdapterOut(BaseModel):
    """An adapter."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: uuid.UUID
    name: str
    description: str
    project_id: uuid.UUID | None
    newest_version: int | None = None
    """Number of the newest version; unset without one."""
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, adapter: Adapter, newest: AdapterVersion | None) -> AdapterOut:
        """Build from the rows of an adapter and its newest version."""
        return cls.model_validate(adapter).model_copy(update={"newest_version": newest.number if newest else None})


class ComparisonOut(BaseModel):
    """Differences between two versions."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    a: int
    b: int
    differences: list[DifferenceOut]
    """Every field in which their lineages differ, by path."""


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def create_adapter(
    body: AdapterBody,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    settings: SettingsDep,
    idempotency_key: IdempotencyHeader = None,
) -> AdapterOut:
    """Create an adapter."""
    adapter_id = uuid.uuid4()
    call = fingerprint(settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, adapter_id)
    if earlier is not None:
        return AdapterOut.of(await requests.find_adapter(session, user.id, earlier), None)
    await check_project(session, user.id, body.project_id)
    adapter = Adapter(id=adapter_id, user_id=user.id, **body.model_dump())
    async with requests.named(session, user.id, body.name):
        session.add(adapter)
    await session.commit()
    return AdapterOut.of(adapter, None)


@router.get("", responses=problems(401, 422, 503))
async def list_adapters(
    user: CurrentUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    project_id: uuid.UUID | None = None,
) -> Page[AdapterOut]:
    """The caller's adapters, newest first."""
    query = requests.owned_adapters(user.id)
    if q:
        query = query.where(matches(Adapter.name, q))
    if project_id is not None:
        query = query.where(Adapter.project_id == project_id)
    rows, total, next_cursor = await newest_first(session, query, Adapter, limit=limit, cursor=cursor)
    newest = await requests.newest_versions(session, [row.id for row in rows])
    items = [AdapterOut.of(row, newest.get(row.id)) for row in rows]
    return Page(items=items, total=total, next_cursor=next_cursor)


@router.get("/{adapter_id}", responses=problems(401, 404, 422, 503))
async def read_adapter(adapter_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> AdapterOut:
    """One adapter."""
    adapter = await requests.find_adapter(session, user.id, adapter_id)
    return AdapterOut.of(adapter, (await requests.newest_versions(session, [adapter_id])).get(adapter_id))


@router.patch("/{adapter_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_adapter(
    adapter_id: uuid.UUID, body: AdapterPatch, user: CurrentUser, session: SessionDep
) -> AdapterOut:
    """Change name, description or project; versions never change."""
    adapter = await requests.find_adapter(session, user.id, adapter_id, lock=True)
    if body.name is not None:
        async with requests.named(session, user.id, body.name, but=adapter_id):
            adapter.name = body.name
    if body.description is not None:
        adapter.description = body.description
    if "project_id" in body.model_fields_set:
        await check_project(session, user.id, body.project_id)
        adapter.project_id = body.project_id
    await session.commit()
    return AdapterOut.of(adapter, (await requests.newest_versions(session, [adapter_id])).get(adapter_id))


@router.delete("/{adapter_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_adapter(adapter_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete an adapter and its versions; the jobs that made them and their files stay."""
    await requests.delete(session, user.id, adapter_id)


@router.post("/{adapter_id}/versions", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def add_version(
    adapter_id: uuid.UUID,
    body: VersionBody,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    settings: SettingsDep,
    idempotency_key: IdempotencyHeader = None,
) -> VersionOut:
    """Add a job's result as the newest version."""
    version_id = uuid.uuid4()
    call = fingerprint(settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, version_id)
    if earlier is not None:
        await requests.find_adapter(session, user.id, adapter_id)
        return VersionOut.model_validate(await session.get_one(AdapterVersion, earlier))
    version = await requests.add_version(session, user.id, adapter_id, version_id, body.job_id, body.notes)
    await session.commit()
    return VersionOut.model_validate(version)


@router.get("/{adapter_id}/versions", responses=problems(401, 404, 422, 503))
async def list_versions(
    adapter_id: uuid.UUID, user: CurrentUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None
) -> Page[VersionOut]:
    """The versions of an adapter, newest first."""
    adapter = await requests.find_adapter(session, user.id, adapter_id)
    query = requests.versions_of(adapter.id)
    rows, total, next_cursor = await newest_first(session, query, AdapterVersion, limit=limit, cursor=cursor)
    return Page(items=[VersionOut.model_validate(row) for row in rows], total=total, next_cursor=next_cursor)


@router.get("/{adapter_id}/versions/{number}", responses=problems(401, 404, 422, 503))
async def read_version(adapter_id: uuid.UUID, number: Number, user: CurrentUser, session: SessionDep) -> VersionOut:
    """One version, with its lineage."""
    return VersionOut.model_validate(await requests.find_version(session, user.id, adapter_id, number))


@router.get("/{adapter_id}/compare", responses=problems(401, 404, 422, 503))
async def compare_versions(
    adapter_id: uuid.UUID,
    user: CurrentUser,
    session: SessionDep,
    a: Annotated[int, _Compared],
    b: Annotated[int, _Compared],
) -> ComparisonOut:
    """Compare two versions: base, data, config, code, figures and files."""
    one = await requests.find_version(session, user.id, adapter_id, a)
    other = await requests.find_version(session, user.id, adapter_id, b)
    return ComparisonOut(a=a, b=b, differences=differences(one.lineage, other.lineage))
