"""Operations on the catalogue: everyone reads it; admins add, change and retire models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cluster.errors import ClusterError
from cluster.storage.model_cache import describe_model
from engine.errors import EngineError, Fault
from engine.models.catalogue import ModelCard, load_catalogue, task_faults
from services.catalogue.sources import check_source
from services.database.models import CatalogueModel
from services.errors import ConflictError, InvalidRequestError, NotFoundError
from services.settings import Settings

_DESCRIBE_S: Final = 5.0
_log = logging.getLogger(__name__)


async def list_models(session: AsyncSession, *, status: str | None, text: str | None) -> Sequence[CatalogueModel]:
    """Models by id.

    Args:
        session: of the database.
        status: only those that are `active` or `retired`.
        text: only those with this text in id or title, in any case.
    """
    query = select(CatalogueModel).order_by(CatalogueModel.id)
    if status is not None:
        query = query.where(CatalogueModel.status == status)
    if text:
        wanted = [column.icontains(text, autoescape=True) for column in (CatalogueModel.id, CatalogueModel.title)]
        query = query.where(or_(*wanted))
    return (await session.scalars(query)).all()


async def find_model(session: AsyncSession, model_id: str, *, lock: bool = False) -> CatalogueModel:
    """A model, active or retired.

    Raises:
        NotFoundError: the model does not exist.
    """
    row = None
    if "\0" not in model_id:  # which no database column holds
        row = await session.get(CatalogueModel, model_id, with_for_update=True if lock else None)
    if row is None:
        raise NotFoundError("There is no such model; see GET /models.", code="model_not_found")
    return row


async def usable_model(session: AsyncSession, model_id: str, task: str) -> CatalogueModel:
    """A model that a job may start from.

    Args:
        session: of the database.
        model_id: its id.
        task: of the job.

    Raises:
        InvalidRequestError: the model does not exist, is retired, or does not support the task.
    """
    row = await session.get(CatalogueModel, model_id)  # a body has no NUL characters
    if row is None or row.status != "active":
        active = (each.id for each in await list_models(session, status="active", text=None))
        found = f"found {model_id!r}{', which is retired' if row else ''}"
        faults = [Fault("model_id", f"{found}; allowed: {', '.join(active)}")]
        raise InvalidRequestError.of(faults, code="model_retired" if row else "unknown_model")
    if task not in row.tasks:
        faults = [Fault("config.task.type", f"{model_id} does not do {task}; it does {', '.join(row.tasks)}")]
        raise InvalidRequestError.of(faults, code="task_not_supported")
    return row


async def add_model(session: AsyncSession, card: ModelCard) -> CatalogueModel:
    """Add a model; not committed.

    Raises:
        ConflictError: the id is taken.
    """
    if await session.get(CatalogueModel, card.id) is not None:
        raise ConflictError(
            f"There is a model {card.id} already; change that, or choose another id.",
            code="model_exists",
            faults=[Fault("id", "is taken")],
        )
    row = CatalogueModel(**card.model_dump(), shipped=False)
    session.add(row)
    await session.flush()
    return row


def change_model(row: CatalogueModel, changes: Mapping[str, Any]) -> None:
    """Change a model's properties; not committed.

    Raises:
        InvalidRequestError: its family does not do its tasks, or no run could load its source.
    """
    for name, value in changes.items():
        setattr(row, name, value)
    if changes.keys() & {"family", "tasks"} and (faults := task_faults(row.family, row.tasks)):
        raise InvalidRequestError.of(faults, code="task_not_supported")
    if changes.keys() & {"source", "revision"}:
        check_source(row.source, row.revision)
    row.edited_at = datetime.now(UTC)


async def describe(settings: Settings, source: str) -> None:
    """Make the config of a model in object storage known to this process, before it is estimated.

    Without the store, or without a model there, estimates go by the published model of the nearest size.
    """
    if not source.startswith("s3://"):
        return
    try:
        async with asyncio.timeout(_DESCRIBE_S):
            await asyncio.to_thread(describe_model, source, settings.s3)
    except (ClusterError, EngineError, TimeoutError) as error:
        _log.warning("the model at %s cannot be described: %s", source, error or "the object store does not answer")


def card_of(row: CatalogueModel) -> ModelCard:
    """The model card in a row."""
    return ModelCard.model_construct(**{name: getattr(row, name) for name in ModelCard.model_fields})


def add_shipped(connection: Connection) -> None:
    """Write shipped cards into the database if they are missing or no admin has changed them."""
    for card in load_catalogue():
        values = card.model_dump()
        statement = insert(CatalogueModel).values(**values, shipped=True)
        changed = {name: statement.excluded[name] for name in values if name != "id"}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_=changed | {"updated_at": func.now()},
                where=CatalogueModel.shipped.is_(True) & CatalogueModel.edited_at.is_(None),
            )
        )
