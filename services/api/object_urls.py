"""Pre-signed URLs as a client can reach them: under the API's address, or straight at the object store (docs/adr/0060)."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from cluster.object_route import PREFIX
from services.api.dependencies import SettingsDep
from services.api.peer import origin


class ObjectUrls:
    """Rewrites pre-signed URLs for the sender of one request."""

    def __init__(self, base: str | None) -> None:
        """Use the address at which the client reaches the API; None: the object store's own."""
        self._base = base

    def reachable(self, url: str) -> str:
        """A pre-signed URL of the object store as the client can reach it; its signature stays valid."""
        if self._base is None:
            return url
        parts = urlsplit(url)
        return f"{self._base}{PREFIX}{parts.path}?{parts.query}"


async def _object_urls(request: Request, settings: SettingsDep) -> ObjectUrls:
    return ObjectUrls(origin(request.scope, settings) if settings.object_urls == "api" else None)


ObjectUrlsDep = Annotated[ObjectUrls, Depends(_object_urls)]
