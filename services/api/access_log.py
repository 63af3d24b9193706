"""One line for every request that was answered."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)


class AccessLogMiddleware:
    """Says of each request the route, not the address: addresses hold ids, and what follows `?` may be private."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an event stream is told when it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started_s = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", None) or "unknown"
            wall_ms = round((time.perf_counter() - started_s) * 1000, 1)
            told = {"method": scope["method"], "route": route, "status": status, "wall_ms": wall_ms}
            _log.info("%s %s %d", scope["method"], route, status, extra=told)
