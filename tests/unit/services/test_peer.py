"""Whose request it is, where HAProxy or an operator's proxy stands between."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.api.peer import PeerMiddleware, sender

KEY = "0123456789abcdef"


async def passed(*headers: tuple[bytes, bytes]) -> tuple[Any, Any, int | None]:
    """Sender and headers as the application sees them, or the status of a refusal."""
    seen: list[Any] = [None, None, None]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen[:2] = scope["client"], scope["headers"]

    async def send(message: Message) -> None:
        seen[2] = message.get("status", seen[2])

    async def nothing() -> Any:
        return None

    scope = {"type": "http", "client": ("127.0.0.1", 5), "headers": list(headers)}
    await PeerMiddleware(app, KEY)(scope, nothing, send)
    return tuple(seen)


async def test_haproxy_tells_who_it_is_and_the_key_goes_no_further() -> None:
    told = ((b"x-lim-peer", b"203.0.113.7"), (b"accept", b"*/*"), (b"x-lim-door", KEY.encode()))
    assert await passed(*told) == (("203.0.113.7", 0), [(b"accept", b"*/*")], None)


@pytest.mark.parametrize("key", [(), ((b"x-lim-door", b""),), ((b"x-lim-door", b"0123456789abcdeF"),)])
async def test_whoever_has_not_come_through_the_door_is_refused(key: tuple[tuple[bytes, bytes], ...]) -> None:
    assert await passed((b"x-lim-peer", b"203.0.113.7"), *key) == (None, None, 403)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("10.1.0.5", [b"203.0.113.9"], "203.0.113.9"),
        ("10.1.0.5", [b"198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.1.0.5", [b"198.51.100.1", b"203.0.113.9"], "203.0.113.9"),  # the proxy has added a header of its own
        ("10.1.0.5", [b"2001:DB8::1"], "2001:db8::1"),
        ("10.1.0.5", [b"unknown"], "10.1.0.5"),
        ("10.1.0.5", [b""], "10.1.0.5"),
        ("10.1.0.5", [], "10.1.0.5"),
        ("10.2.0.5", [b"203.0.113.9"], "10.2.0.5"),
        ("unknown", [b"203.0.113.9"], "unknown"),
    ],
)
def test_the_word_of_an_operators_proxy_counts(peer: str, forwarded: list[bytes], found: str) -> None:
    scope = {"type": "http", "client": (peer, 5), "headers": [(b"x-forwarded-for", value) for value in forwarded]}
    assert sender(scope, ["10.1.0.0/16", "2001:db8::/32"]) == found
    assert sender(scope, []) == peer
