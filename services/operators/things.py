"""Other users' resources: listed by kind, stopped and deleted exactly as by their owners."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.adapters.requests import delete as delete_adapter
from services.auth.audit import Action, Origin, record
from services.database.models import Adapter, Dataset, Job, Pipeline, User
from services.datasets.requests import delete as delete_dataset
from services.errors import ConflictError, NotFoundError
from services.jobs.deletion import delete as delete_job
from services.jobs.requests import request_stop as stop_job
from services.pipelines.requests import delete as delete_pipeline
from services.pipelines.requests import request_stop as stop_pipeline

KindName = Literal["jobs", "datasets", "adapters", "pipelines"]
Act = Callable[[AsyncSession, uuid.UUID, uuid.UUID], Awaitable[Any]]
"""Takes the session, the owner and the id; commits."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource that users own."""

    table: Any
    """Table with `id`, `user_id`, `name`, `created_at`."""
    there: ColumnElement[bool]
    """Condition for rows that are not deleted."""
    stop: tuple[Act, Action] | None = None
    delete: tuple[Act, Action] | None = None

    def owned(self) -> Select[Any]:
        """Rows of all users, joined with their owners."""
        return select(self.table).join(User, User.id == self.table.user_id).where(self.there)


KINDS: Final[Mapping[KindName, Kind]] = {
    "jobs": Kind(Job, Job.deleted_at.is_(None), stop=(stop_job, "job_stopped"), delete=(delete_job, "job_deleted")),
    "datasets": Kind(Dataset, Dataset.deleted_at.is_(None), delete=(delete_dataset, "dataset_deleted")),
    "adapters": Kind(Adapter, true(), delete=(delete_adapter, "adapter_deleted")),
    "pipelines": Kind(
        Pipeline, true(), stop=(stop_pipeline, "pipeline_stopped"), delete=(delete_pipeline, "pipeline_deleted")
    ),
}


async def act(
    session: AsyncSession,
    admin: User,
    origin: Origin,
    kind: KindName,
    verb: Literal["stop", "delete"],
    thing_id: uuid.UUID,
) -> None:
    """Stop or delete a user's resource as its owner would; committed, and recorded in the owner's audit trail.

    Raises:
        NotFoundError: no such resource.
        ConflictError: its state does not allow it, or its kind cannot be stopped or deleted.
    """
    found = KINDS[kind]
    doing: tuple[Act, Action] | None = getattr(found, verb)
    if doing is None:
        able = ", ".join(name for name, each in KINDS.items() if getattr(each, verb) is not None)
        raise ConflictError(f"{kind.capitalize()} do not support {verb}; kinds that do: {able}.", code="cannot_do")
    row = (await session.execute(found.owned().where(found.table.id == thing_id))).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"There is nothing with this id among all {kind}.", code="not_found")
    perform, action = doing
    record(session, row.user_id, action, origin, actor_id=admin.id, id=str(thing_id), name=row.name)
    await perform(session, row.user_id, thing_id)
