"""Address of a request's sender, behind HAProxy or a proxy of the operator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from secrets import compare_digest
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.haproxy import KEY_HEADER, PEER_HEADER
from services.api.middleware import HttpMiddleware
from services.api.problems import problem_of
from services.errors import ForbiddenError
from services.settings import Settings

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PEER: Final = PEER_HEADER.lower().encode()
_KEY: Final = KEY_HEADER.lower().encode()


class PeerMiddleware(HttpMiddleware):
    """Replaces HAProxy's own address with the client address that it reports, so that limits and logs refer to clients.

    A request without HAProxy's key has reached the replica's port directly, bypassing every limit, and is rejected.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        super().__init__(app)
        self._key = key.encode()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request with its sender's address."""
        told = {name: value for name, value in scope["headers"] if name in (_PEER, _KEY)}
        if not compare_digest(told.get(_KEY, b""), self._key):
            refusal = ForbiddenError(
                "This port does not serve clients; use the address of the API.", code="not_the_door"
            )
            await problem_of(refusal)(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in (_PEER, _KEY)]
        scope["client"] = (told[_PEER].decode("latin-1"), 0)
        await self._app(scope, receive, send)


def sender(scope: Scope, trusted: Sequence[str]) -> str:
    """Address of a request's sender: the peer of the connection, or the client that a trusted proxy reports.

    Args:
        scope: ASGI scope of the request.
        trusted: networks of the operator's proxies, whose X-Forwarded-For counts (`Settings.trust_forwarded_for`).
    """
    with suppress(ValueError):
        return str(ip_address(_forwarded(scope, trusted, "x-forwarded-for")))
    return _peer(scope)


def is_https(scope: Scope, trusted: Sequence[str]) -> bool:
    """Whether the client sent its request by https: to this process, or to a trusted proxy, which says so."""
    return scope.get("scheme") == "https" or _forwarded(scope, trusted, "x-forwarded-proto").lower() == "https"


def hosts(scope: Scope, trusted: Sequence[str]) -> set[str]:
    """The names, with ports, at which the client reached the API: its `Host`, and the one that a trusted proxy reports."""
    named = {Headers(scope=scope).get("host", ""), _forwarded(scope, trusted, "x-forwarded-host")}
    return {name.lower() for name in named if name}


def _forwarded(scope: Scope, trusted: Sequence[str], header: str) -> str:
    """The last entry of a proxy's header; empty if the peer is no trusted proxy or has sent none."""
    if not trusted or not _is_in(_peer(scope), trusted):
        return ""
    told = Headers(scope=scope).getlist(header)
    return told[-1].rpartition(",")[2].strip() if told else ""


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def origin(scope: Scope, settings: Settings) -> str:
    """Address at which the sender of a request reaches the API, without a slash at its end.

    `LIM_PUBLIC_URL`, or the host that the request names; the scheme may come from a trusted proxy.
    """
    if settings.public_url:
        return settings.public_url.rstrip("/")
    headers = Headers(scope=scope)
    scheme = scope.get("scheme", "http")
    client = scope.get("client")
    if client and settings.trust_forwarded_for and _is_in(str(client[0]), settings.trust_forwarded_for):
        told = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        scheme = told if told in {"http", "https"} else scheme
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("127.0.0.1", None)
        host = f"[{name}]" if ":" in name else name
        host = f"{host}:{port}" if port else host
    return f"{scheme}://{host}"


def _is_in(address: str, networks: Sequence[str]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in ip_network(network) for network in networks)
