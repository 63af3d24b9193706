"""Whose request it is, where HAProxy stands between."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from services.api.peer import PeerMiddleware


async def sender(client: tuple[str, int], *headers: tuple[bytes, bytes]) -> Any:
    """Whom the application takes for the sender."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["client"])

    async def nothing(*_: Any) -> Any:
        return None

    scope = {"type": "http", "client": client, "headers": list(headers)}
    await PeerMiddleware(app)(scope, nothing, nothing)
    return seen[0]


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1"])
async def test_haproxy_tells_who_it_is(proxy: str) -> None:
    assert await sender((proxy, 5), (b"x-lim-peer", b"203.0.113.7")) == ("203.0.113.7", 0)


async def test_whoever_comes_from_elsewhere_is_not_believed() -> None:
    assert await sender(("198.51.100.2", 5), (b"x-lim-peer", b"203.0.113.7")) == ("198.51.100.2", 5)


async def test_without_a_word_the_sender_stays() -> None:
    assert await sender(("127.0.0.1", 5)) == ("127.0.0.1", 5)
