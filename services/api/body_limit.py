"""Bodies are read up to a limit, whether or not their length is declared."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.middleware import HttpMiddleware
from services.api.problems import problem_of
from services.errors import PayloadTooLargeError

MOST_SIGNS: Final = 150_000
"""Commas and opening brackets of a body: two and a half times as many as `MOST_VALUES` values need."""


class BodyLimitMiddleware(HttpMiddleware):
    """Answers 413 to a body larger than `most_bytes`, or of so many values that reading it as JSON takes long."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        super().__init__(app)
        self._most_bytes = most_bytes

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        detail = f"The body is larger than {self._most_bytes} bytes."
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > self._most_bytes:
            await problem_of(PayloadTooLargeError(detail))(scope, receive, send)
            return
        received = signs = 0

        async def counted() -> Message:
            nonlocal received, signs
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                received += len(part)
                signs += sum(map(part.count, (b",", b"[", b"{")))
                if received > self._most_bytes:
                    raise HTTPException(413, detail)  # FastAPI lets only this kind through while it reads a body
                if signs > MOST_SIGNS:
                    raise HTTPException(
                        413, f"The body has more than {MOST_SIGNS} commas and brackets; send less at a time."
                    )
            return message

        await self._app(scope, counted, send)
