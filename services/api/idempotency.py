"""Idempotent creation with an Idempotency-Key: the first call creates the resource, a retry returns the same one."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Annotated, Any

from fastapi import Header, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database.models import IdempotencyKey
from services.errors import InvalidRequestError
from services.settings import Settings

ANONYMOUS = "anonymous"

IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A text of the client's choice; the same call with the same key creates nothing twice",
    ),
]


def fingerprint(settings: Settings, request: Request, body: Any) -> str:
    """Keyed hash of a call, which detects reuse of a key for another call and reveals nothing about the body."""
    canonical = json.dumps([request.method, request.url.path, body], sort_keys=True, default=str)
    return hmac.new(
        settings.secret_key.get_secret_value().encode(), canonical.encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


async def claim(
    session: AsyncSession, scope: str, key: str | None, call: str, resource_id: uuid.UUID
) -> uuid.UUID | None:
    """Claim the key for a resource that this transaction creates; return the resource of an earlier call, if any.

    A concurrent call with the same key waits here until the first one has committed or rolled back.

    Raises:
        InvalidRequestError: the key was used for another call.
    """
    if key is None:
        return None
    statement = (
        insert(IdempotencyKey)
        .values(scope=scope, key=key, fingerprint=call, resource_id=resource_id)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.resource_id)
    )
    if (await session.scalar(statement)) is not None:
        return None
    earlier = await session.scalar(
        select(IdempotencyKey).where(IdempotencyKey.scope == scope, IdempotencyKey.key == key)
    )
    if earlier is None or not hmac.compare_digest(earlier.fingerprint, call):
        raise InvalidRequestError(
            "This Idempotency-Key was used for another call; use a new key for each new call.",
            code="idempotency_key_reused",
        )
    return earlier.resource_id
