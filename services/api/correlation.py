"""Correlation id of every request: taken from X-Request-ID or generated, logged, and returned in X-Request-ID."""

from __future__ import annotations

import re
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from services.api.middleware import HttpMiddleware
from services.observability.logs import caller, correlation

HEADER: Final = "X-Request-ID"
_ALLOWED: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def correlation_id() -> str:
    """The id of the current request."""
    return correlation.get() or "-"


class CorrelationMiddleware(HttpMiddleware):
    """Outermost middleware: assigns the request's id and adds it to the response."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request under its id."""
        given = Headers(scope=scope).get(HEADER, "")
        name = given if _ALLOWED.fullmatch(given) else uuid.uuid4().hex

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        token, nobody = correlation.set(name), caller.set(None)
        try:
            await self._app(scope, receive, named)
        finally:
            caller.reset(nobody)
            correlation.reset(token)
