"""Access log: one line, and one count in the metrics, for every answered request."""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from services.api.middleware import HttpMiddleware
from services.observability.metrics import request_answered, streams_changed

_STREAM: Final = b"text/event-stream; charset=utf-8"
_log = logging.getLogger(__name__)


class AccessLogMiddleware(HttpMiddleware):
    """Logs the route of each request, not its URL: URLs hold ids, and the query string may be private."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request; an event stream is logged when it ends."""
        status, stream = 0, False
        started_s = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                stream = (b"content-type", _STREAM) in message.get("headers", ())
                if stream:
                    streams_changed(1)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            wall_s = time.perf_counter() - started_s
            route = getattr(scope.get("route"), "path", None) or "unknown"
            told = {"method": scope["method"], "route": route, "status": status, "wall_ms": round(wall_s * 1000, 1)}
            _log.info("%s %s %d", scope["method"], route, status, extra=told)
            if stream:
                streams_changed(-1)
            request_answered(scope["method"], route, status, wall_s, stream=stream)
