"""Projects, which group datasets, jobs and adapters."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.api.body import Body
from services.api.dependencies import CurrentUser, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, Search, matches, newest_first
from services.api.problems import problems
from services.database.models import Project
from services.projects import requests

router = APIRouter(prefix="/projects", tags=["projects"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=4000)]


class ProjectBody(Body):
    """A new project."""

    name: Name
    description: Description = ""


class ProjectPatch(Body):
    """Changes; missing fields stay."""

    name: Name | None = None
    description: Description | None = None


class ProjectOut(BaseModel):
    """A project; the lists of datasets, jobs and adapters filter by `project_id`."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    description: str
    created_at: datetime
    updated_at: datetime


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 413, 415, 422, 503))
async def create_project(
    body: ProjectBody,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    settings: SettingsDep,
    idempotency_key: IdempotencyHeader = None,
) -> ProjectOut:
    """Create a project."""
    project_id = uuid.uuid4()
    call = fingerprint(settings, request, body.model_dump(mode="json"))
    earlier = await claim(session, str(user.id), idempotency_key, call, project_id)
    if earlier is not None:
        return ProjectOut.model_validate(await requests.find_project(session, user.id, earlier))
    project = Project(id=project_id, user_id=user.id, name=body.name, description=body.description)
    session.add(project)
    await session.commit()
    return ProjectOut.model_validate(project)


@router.get("", responses=problems(401, 422, 503))
async def list_projects(
    user: CurrentUser, session: SessionDep, limit: Limit = 20, cursor: Cursor = None, q: Search = None
) -> Page[ProjectOut]:
    """The caller's projects, newest first."""
    query = requests.owned_projects(user.id)
    if q:
        query = query.where(matches(Project.name, q))
    rows, total, next_cursor = await newest_first(session, query, Project, limit=limit, cursor=cursor)
    return Page(items=[ProjectOut.model_validate(row) for row in rows], total=total, next_cursor=next_cursor)


@router.get("/{project_id}", responses=problems(401, 404, 422, 503))
async def read_project(project_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> ProjectOut:
    """One project."""
    return ProjectOut.model_validate(await requests.find_project(session, user.id, project_id))


@router.patch("/{project_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_project(
    project_id: uuid.UUID, body: ProjectPatch, user: CurrentUser, session: SessionDep
) -> ProjectOut:
    """Change the name or the description."""
    project = await requests.find_project(session, user.id, project_id)
    if body.name is not None:
        project.name = body.name
    if body.description is not None:
        project.description = body.description
    await session.commit()
    return ProjectOut.model_validate(project)


@router.delete("/{project_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def delete_project(project_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete a project; its contents stay, without a project."""
    await session.delete(await requests.find_project(session, user.id, project_id))
    await session.commit()
