"""Who has sent a request, where HAProxy stands between."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from cluster.haproxy import PEER_HEADER
from services.api.middleware import HttpMiddleware

_LOOPBACK: Final = ("127.0.0.1", "::1")


class PeerMiddleware(HttpMiddleware):
    """Puts the address that HAProxy tells in the place of HAProxy's own, so that limits and logs are about people.

    HAProxy is on the same machine; whoever comes from another one has not come through it, and is not believed.
    """

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as its sender's."""
        told = Headers(scope=scope).get(PEER_HEADER)
        client = scope.get("client")
        if told and client and client[0] in _LOOPBACK:
            scope["client"] = (told, 0)
        await self._app(scope, receive, send)
