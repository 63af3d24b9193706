"""Middleware for Ray Serve's own HTTP proxy: if Serve has no answer, the client is asked to retry.

Without it, a client gets a 500 in plain text when a replica dies during a request, though nothing is wrong with the
request. The API's own answers, errors included, pass through unchanged.
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
    """The middleware of a proxy; Serve calls this in each one."""
    return [Middleware(ComeAgain)]


class ComeAgain:
    """Answers 503 with Retry-After, as problem+json, if Serve's proxy sends nothing or a 503 of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request, and replace a missing answer or a 503 of Serve's own."""
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
            # Serve has added the request's id to its headers.
            for message in _problem(Headers(scope=scope).get("x-request-id", "-")):
                await send(message)


def _is_of_serve(start: Message) -> bool:
    """Whether an answer is Serve's own 503 (no replica takes the request); the API's own 503 is not plain text."""
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
