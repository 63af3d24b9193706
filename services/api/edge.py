"""The outer edge of the application: the one place where any exception is caught, logged, and kept from clients."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.correlation import correlation_id
from services.api.problems import internal_problem

_log = logging.getLogger(__name__)


class EdgeMiddleware:
    """Answers 500 with the correlation id when a handler raises what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # the HTTP edge
            _log.exception("request %s failed: %s %s", correlation_id(), scope["method"], scope["path"])
            if started:
                raise
            await internal_problem()(scope, receive, send)
