"""Forwards pre-signed requests to the object store where HAProxy does not, in pieces (docs/adr/0060)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from cluster.object_route import (
    ADDED,
    FORWARDED,
    METHODS,
    NOT_SIGNED,
    NOT_SIGNED_DETAIL,
    PREFIX,
    RETURNED,
    SIGNATURE,
)
from services.errors import ForbiddenError, UnavailableError
from services.objects import Objects

_MOST: Final = 64
"""Maximum number of transfers through one process at a time; each holds a piece of 64 KiB and a connection to the store."""
_PIECE_BYTES: Final = 65_536
_TIMEOUT: Final = httpx.Timeout(30.0, read=600.0)


class ObjectRelay:
    """Transfers between clients and the object store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._base: str | None = None
        self._client: httpx.AsyncClient | None = None
        self._running = 0

    async def answer(self, request: Request) -> Response:
        """Forward a request, and return the store's answer.

        Raises:
            ForbiddenError: not pre-signed for the platform's bucket.
            UnavailableError: the store cannot be reached, or too many transfers are running.
        """
        if self._base is None:
            self._base = await self._objects.presigned_base()
        base = urlsplit(self._base)
        path, query = request.scope["raw_path"].removeprefix(PREFIX.encode()), request.scope["query_string"]
        is_signed = SIGNATURE in request.query_params and request.method in METHODS
        url = httpx.URL(f"{base.scheme}://{base.netloc}").copy_with(raw_path=path + b"?" + query)
        if not is_signed or not url.path.startswith(base.path):
            raise ForbiddenError(NOT_SIGNED_DETAIL, code=NOT_SIGNED)
        if self._running >= _MOST:
            raise UnavailableError("Too many uploads and downloads are running; retry.", retry_after_s=5)
        if self._client is None:
            limits = httpx.Limits(max_connections=_MOST, max_keepalive_connections=_MOST)
            self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False)
        headers = {name: value for name in FORWARDED if (value := request.headers.get(name)) is not None}
        content = request.stream() if request.method == "PUT" else None
        asked = self._client.build_request(
            request.method, url, headers={**headers, "Accept-Encoding": "identity"}, content=content
        )
        self._running += 1
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            self._end()
            raise UnavailableError(
                "Object storage cannot be reached now; try again.", code="storage_unavailable"
            ) from error
        except BaseException:
            self._end()
            raise
        return _Transfer(answer, self._end)

    async def close(self) -> None:
        """Close the connections to the store."""
        if self._client is not None:
            await self._client.aclose()

    def _end(self) -> None:
        self._running -= 1


class _Transfer(StreamingResponse):
    """The store's answer, passed on in pieces; its connection is released even if the client leaves before the first."""

    def __init__(self, answer: httpx.Response, end: Callable[[], None]) -> None:
        returned = {name: value for name in RETURNED if (value := answer.headers.get(name)) is not None}
        # The embedded store answers 200 to a range; browsers play and seek only with 206.
        is_range = answer.status_code == httpx.codes.OK and "content-range" in answer.headers
        status = httpx.codes.PARTIAL_CONTENT if is_range else answer.status_code
        super().__init__(answer.aiter_raw(_PIECE_BYTES), status_code=status, headers={**ADDED, **returned})
        self._answer, self._end = answer, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()
            await asyncio.shield(self._answer.aclose())


def install(app: FastAPI) -> None:
    """Answer requests below `/objects/`."""

    async def relay(request: Request) -> Response:
        services = request.app.state.services
        if services.settings.object_urls != "api":
            raise ForbiddenError(NOT_SIGNED_DETAIL, code=NOT_SIGNED)
        try:
            answer: Response = await services.relay.answer(request)
            return answer
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it

    app.add_route(PREFIX + "/{key:path}", relay, methods=list(METHODS), include_in_schema=False)
