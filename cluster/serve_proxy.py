"""A layer around Ray Serve's own HTTP proxy: where Serve has no answer, the client is told to come again.

Serve answers 500 in plain text when a replica dies while it works, though nothing is wrong with the request. What the
API itself answers is passed on as it is; its own faults it tells itself.
"""

from __future__ import annotations

import json
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_RETRY_AFTER_S: Final = 1
_OWN_PAGES: Final = "/-/"


def layers() -> list[Middleware]:
    """Called by Serve in each proxy."""
    return [Middleware(ComeAgain)]


class ComeAgain:
    """Answers 503 with Retry-After, as problem+json, where Serve's proxy has nothing or its own 503 to say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN_PAGES):
            await self._app(scope, receive, send)
            return
        is_told = is_replaced = False

        async def watched(message: Message) -> None:
            nonlocal is_told, is_replaced
            if message["type"] == "http.response.start":
                is_told = True
                is_replaced = _is_of_serve(message)
            if not is_replaced:
                await send(message)

        await self._app(scope, receive, watched)
        if is_replaced or not is_told:
            # Serve has put its id among the request's headers.
            for message in _problem(Headers(scope=scope).get("x-request-id", "-")):
                await send(message)


def _is_of_serve(start: Message) -> bool:
    """Whether an answer is Serve's word that no replica takes the request: the API's own 503 is no plain text."""
    media_type = Headers(raw=start.get("headers", [])).get("content-type", "")
    return bool(start["status"] == 503) and media_type.startswith("text/plain")


def _problem(correlation_id: str) -> list[Message]:
    problem = {
        "type": "about:blank",
        "title": "Service unavailable",
        "status": 503,
        "code": "unavailable",
        "detail": "The API lost the request on its way; try again.",
        "errors": [],
        "correlation_id": correlation_id,
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"retry-after", str(_RETRY_AFTER_S).encode()),
        (b"x-request-id", correlation_id.encode("latin-1", "replace")),
    ]
    return [
        {"type": "http.response.start", "status": 503, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
