"""The catalogue of base models: everyone reads it, admins maintain it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import ConfigDict

from engine.families.registry import FamilyName
from engine.models.catalogue import (
    Count,
    Description,
    Languages,
    Line,
    ModelCard,
    Tasks,
)
from engine.models.reference import Revision, SourceAddress, is_hub_id
from services.api.body import Body
from services.api.dependencies import AdminUser, CurrentUser, OriginDep, SessionDep, SettingsDep
from services.api.idempotency import IdempotencyHeader, claim, fingerprint
from services.api.paging import Cursor, Limit, Page, Search, page_of_list
from services.api.problems import problems
from services.auth.audit import record
from services.catalogue import models as catalogue
from services.catalogue.sources import check_source

router = APIRouter(prefix="/models", tags=["models"])

ModelStatus = Literal["active", "retired"]
ModelId = Annotated[str, Path(max_length=200)]


class ModelOut(ModelCard):
    """A model of the catalogue."""

    model_config = ConfigDict(from_attributes=True)

    status: ModelStatus
    """No new job can use a `retired` model."""
    shipped: bool
    """Whether it comes with the software."""
    created_at: datetime
    updated_at: datetime


class ModelPatch(Body):
    """Changes; fields that are missing or null stay."""

    family: FamilyName | None = None
    """Model family that loads it."""
    title: Line | None = None
    """Human-readable name."""
    source: SourceAddress | None = None
    """`bundled:NAME`, a hub id, or `s3://bucket/prefix`."""
    revision: Revision | None = None
    """Commit of a hub model; a new `source` that is not of the hub has none."""
    parameters: Count | None = None
    """Number of weights."""
    languages: Languages | None = None
    """Codes of its languages."""
    licence: Line | None = None
    """SPDX licence id."""
    description: Description | None = None
    """Description."""
    tasks: Tasks | None = None
    """Tasks that it can be fine-tuned for."""
    status: ModelStatus | None = None
    """`retired`: no new job can use it; `active` restores it."""


@router.get("", responses=problems(401, 422, 503))
async def list_models(
    _: CurrentUser,
    session: SessionDep,
    limit: Limit = 20,
    cursor: Cursor = None,
    q: Search = None,
    status: Annotated[ModelStatus | None, Query(description="Only models with this status")] = None,
) -> Page[ModelOut]:
    """All models, retired ones included, by id."""
    rows = await catalogue.list_models(session, status=status, text=q)
    return page_of_list([ModelOut.model_validate(row) for row in rows], limit=limit, cursor=cursor)


@router.get("/{model_id}", responses=problems(401, 404, 422, 503))
async def read_model(_: CurrentUser, session: SessionDep, model_id: ModelId) -> ModelOut:
    """One model."""
    return ModelOut.model_validate(await catalogue.find_model(session, model_id))


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def add_model(
    body: ModelCard,
    request: Request,
    user: AdminUser,
    session: SessionDep,
    settings: SettingsDep,
    origin: OriginDep,
    idempotency_key: IdempotencyHeader = None,
) -> ModelOut:
    """Add a model to the catalogue; admins only.

    Weights from `s3://` must be safetensors: other files are not downloaded.
    """
    check_source(body.source, body.revision)
    call = fingerprint(settings, request, body.model_dump(mode="json"))
    if await claim(session, str(user.id), idempotency_key, call, uuid.uuid4()) is not None:
        return ModelOut.model_validate(await catalogue.find_model(session, body.id))
    row = await catalogue.add_model(session, body)
    record(session, user.id, "model_added", origin, model_id=row.id, source=row.source)
    await session.commit()
    return ModelOut.model_validate(row)


@router.patch("/{model_id}", responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503))
async def change_model(
    body: ModelPatch, user: AdminUser, session: SessionDep, origin: OriginDep, model_id: ModelId
) -> ModelOut:
    """Change a model or restore a retired one; admins only."""
    row = await catalogue.find_model(session, model_id, lock=True)
    changes = body.model_dump(exclude_none=True)
    if body.source is not None and not is_hub_id(body.source):
        changes.setdefault("revision", None)
    catalogue.change_model(row, changes)
    record(session, user.id, "model_changed", origin, model_id=row.id, fields=sorted(changes))
    await session.commit()
    return ModelOut.model_validate(row)


@router.delete("/{model_id}", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
async def retire_model(user: AdminUser, session: SessionDep, origin: OriginDep, model_id: ModelId) -> None:
    """Retire a model: no new job can use it, running ones continue; admins only."""
    row = await catalogue.find_model(session, model_id, lock=True)
    catalogue.change_model(row, {"status": "retired"})
    record(session, user.id, "model_retired", origin, model_id=row.id)
    await session.commit()
