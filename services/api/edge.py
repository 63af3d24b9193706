"""Outermost error handling: the only place that catches any exception, logs it, and hides it from clients."""

from __future__ import annotations

import logging

from starlette.types import Message, Receive, Scope, Send

from services.api.correlation import correlation_id
from services.api.middleware import HttpMiddleware
from services.api.problems import internal_problem

_log = logging.getLogger(__name__)


class EdgeMiddleware(HttpMiddleware):
    """Answers 500 with the correlation id when a handler raises an unexpected exception."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request."""
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
