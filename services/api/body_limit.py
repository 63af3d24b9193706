"""Bodies are read up to a limit, whether or not their length is declared."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.middleware import HttpMiddleware
from services.api.problems import problem_of
from services.errors import PayloadTooLargeError


class BodyLimitMiddleware(HttpMiddleware):
    """Answers 413 to a body larger than `most_bytes`."""

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
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._most_bytes:
                    raise HTTPException(413, detail)  # FastAPI lets only this kind through while it reads a body
            return message

        await self._app(scope, counted, send)
