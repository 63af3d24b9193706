"""Projects of a user, and the check before something is put into one."""

from __future__ import annotations

import uuid

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.errors import Fault
from services.database.models import Project
from services.errors import NotFoundError


def owned_projects(user_id: uuid.UUID) -> Select[Project]:
    """The projects of a user: ownership is part of every query."""
    return select(Project).where(Project.user_id == user_id)


async def find_project(session: AsyncSession, user_id: uuid.UUID, project_id: uuid.UUID) -> Project:
    """A project of the user.

    Raises:
        NotFoundError: the project does not exist or belongs to another user.
    """
    project = (await session.scalars(owned_projects(user_id).where(Project.id == project_id))).one_or_none()
    if project is None:
        raise NotFoundError("There is no such project.", code="project_not_found")
    return project


async def check_project(session: AsyncSession, user_id: uuid.UUID, project_id: uuid.UUID | None) -> None:
    """Check that the user may put something into a project; locks the project against deletion until the commit.

    Raises:
        NotFoundError: the project does not exist or belongs to another user.
    """
    if project_id is None:
        return
    mine = owned_projects(user_id).where(Project.id == project_id).with_for_update(read=True)
    if (await session.scalars(mine)).one_or_none() is None:
        raise NotFoundError(
            "There is no such project.",
            code="project_not_found",
            faults=[Fault("project_id", "is no project of yours")],
        )
