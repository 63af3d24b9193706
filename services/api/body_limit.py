"""Limits on request bodies: their size and time, whether or not the length is declared, and how many arrive at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.object_route import PREFIX
from services.api.middleware import HttpMiddleware
from services.api.peer import sender
from services.api.problems import problem_of
from services.auth.throttle import network_of
from services.errors import ApiError, PayloadTooLargeError, ThrottledError, UnavailableError
from services.settings import Settings

MOST_SIGNS: Final = 150_000
"""Maximum number of commas and opening brackets in a body: two and a half times what `MOST_VALUES` values need."""
MOST_ARRIVING: Final = 250
"""Maximum number of bodies arriving at one process at a time; with the streams, fewer than Serve's request limit."""
_CROWD: Final = 125
"""Number of arriving bodies from which each sender may have only `_FEW`, to leave room for others."""
_FEW: Final = 2
MOST_ARRIVING_PER_SENDER: Final = 32
_RETRY_AFTER_S: Final = 5


class BodyLimitMiddleware(HttpMiddleware):
    """Answers 413 to a body that is too large or has too many values, 408 to a slow one, 429 or 503 to too many."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(app)
        self._most_bytes = settings.max_json_bytes
        self._most_s = settings.body_s
        self._trusted = settings.trust_forwarded_for
        self._arriving: Counter[str] = Counter()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request, enforcing the limits of its body."""
        if scope["path"].startswith(f"{PREFIX}/"):  # the object store limits these bodies by their signed length
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > self._most_bytes:
            await problem_of(PayloadTooLargeError(f"The body is larger than {self._most_bytes} bytes."))(
                scope, receive, send
            )
            return
        if declared in ("", "0") and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        network = network_of(sender(scope, self._trusted))
        if refusal := self._refusal(network):
            await problem_of(refusal)(scope, receive, send)
            return
        body = _Body(receive, self._most_bytes, self._most_s, self._arriving, network)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.end()

    def _refusal(self, network: str) -> ApiError | None:
        total, theirs = self._arriving.total(), self._arriving[network]
        if theirs >= (MOST_ARRIVING_PER_SENDER if total < _CROWD else _FEW):
            detail = f"{theirs} request bodies of this address are still being received; wait for them."
            return ThrottledError(detail, code="too_many_bodies", retry_after_s=_RETRY_AFTER_S)
        if total >= MOST_ARRIVING:
            return UnavailableError("Too many request bodies are being received; retry.", retry_after_s=_RETRY_AFTER_S)
        return None


class _Body:
    """An arriving body, counted for its sender until it is complete."""

    def __init__(self, receive: Receive, most_bytes: int, most_s: float, arriving: Counter[str], network: str) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._most_s = most_s
        self._ends_s = asyncio.get_running_loop().time() + most_s
        self._arriving = arriving
        self._network = network
        self._bytes = self._signs = 0
        self._is_here = False
        arriving[network] += 1

    async def receive(self) -> Message:
        if self._is_here:
            return await self._receive()  # waits for the client's disconnect, without a limit
        try:
            async with asyncio.timeout_at(self._ends_s):
                message = await self._receive()
        except TimeoutError:
            # FastAPI passes on only HTTPException while it reads a body.
            raise HTTPException(
                408, f"The body did not arrive within {self._most_s:g} seconds; send it again.", {"Connection": "close"}
            ) from None
        part = message.get("body", b"")
        self._bytes += len(part)
        self._signs += sum(map(part.count, (b",", b"[", b"{")))
        if self._bytes > self._most_bytes:
            raise HTTPException(413, f"The body is larger than {self._most_bytes} bytes.")
        if self._signs > MOST_SIGNS:
            raise HTTPException(413, f"The body has more than {MOST_SIGNS} commas and brackets; send less at a time.")
        if not message.get("more_body", False):
            self.end()
        return message

    def end(self) -> None:
        """Stop counting the body: it is complete, or no longer needed. Idempotent."""
        if not self._is_here:
            self._is_here = True
            self._arriving[self._network] -= 1
            if not self._arriving[self._network]:
                del self._arriving[self._network]
