"""What browsers are told with every answer."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from services.api.security_headers import SecurityHeadersMiddleware


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    headers = {"Cache-Control": "private"} if request.url.path.endswith("/audio") else {}
    await PlainTextResponse("x", headers=headers)(scope, receive, send)


async def _get(path: str, base: str = "http://test") -> httpx.Headers:
    transport = httpx.ASGITransport(SecurityHeadersMiddleware(_answer))
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        return (await client.get(path)).headers


async def test_an_answer_is_no_page_and_is_kept_by_nobody() -> None:
    headers = await _get("/api/v1/users/me")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers
    assert "strict-transport-security" in await _get("/api/v1/users/me", "https://test")


async def test_what_a_handler_says_stays() -> None:
    assert (await _get("/api/v1/datasets/1/items/2/audio"))["cache-control"] == "private"
    assert "cache-control" not in await _get("/healthz")


async def test_the_page_of_the_docs_may_run_its_own_script_and_no_other() -> None:
    policy = (await _get("/docs"))["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "//" not in policy  # no other host
