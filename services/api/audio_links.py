"""Addresses of items' audio, which carry their own signature, and who may listen."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Path, Query
from sqlalchemy import select

from services.api.dependencies import CallerIfNamed, SessionDep, SettingsDep
from services.auth.links import check_link, sign_link
from services.database.models import User
from services.errors import UnauthenticatedError
from services.settings import Settings

Item = Annotated[str, Path(min_length=1, max_length=1000)]
Version = Annotated[
    int | None, Query(ge=1, lt=2**31, description="Number of a version; unset: the newest that is ready")
]


@dataclass(frozen=True, slots=True)
class AudioUrls:
    """Paths of the audio of a version's items under the API's address; they need no header for one to two hours."""

    settings: Settings
    user_id: uuid.UUID
    """Who may listen."""
    dataset_url: str
    """Path of the dataset under the API's address."""
    dataset_id: uuid.UUID
    number: int
    """Number of the version."""

    def of(self, item: str) -> str:
        """The path for an item, by its id in the manifest."""
        signed = sign_link(self.settings, self.user_id, _target(self.dataset_id, self.number, item))
        query = urlencode({"version": str(self.number), **signed})
        return f"{self.dataset_url}/items/{quote(item, safe='/')}/audio?{query}"


async def _listener(
    dataset_id: uuid.UUID,
    item: Item,
    who: CallerIfNamed,
    settings: SettingsDep,
    session: SessionDep,
    version: Version = None,
    user: Annotated[uuid.UUID | None, Query(description="From `audio_url`, instead of the header")] = None,
    expires: Annotated[int, Query(ge=0, lt=2**53, description="From `audio_url`")] = 0,
    signature: Annotated[str, Query(max_length=100, description="From `audio_url`")] = "",
) -> uuid.UUID:
    if who is not None:
        return who.user.id
    if user is None or version is None:
        raise UnauthenticatedError("Give the header `Authorization: Bearer ...`, or use an `audio_url` as it is.")
    check_link(settings, user, _target(dataset_id, version, item), expires, signature)
    enabled = select(User.id).where(User.id == user, User.disabled_at.is_(None))
    if await session.scalar(enabled) is None:
        raise UnauthenticatedError("The account of this link is gone or disabled.", code="link_invalid")
    return user


ListenerDep = Annotated[uuid.UUID, Depends(_listener)]
"""The id of the user who sent the request, by a header or by a signed link."""


def _target(dataset_id: uuid.UUID, number: int, item: str) -> str:
    return f"datasets/{dataset_id}/v{number}/{item}"
