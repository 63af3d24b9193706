"""Security headers for browsers (OWASP's REST security cheat sheet)."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive, Scope, Send

from services.api import docs
from services.api.middleware import HttpMiddleware

Header = tuple[bytes, bytes]


def _header(name: str, value: str) -> Header:
    return name.lower().encode(), value.encode()


_ALWAYS: Final = (
    _header("X-Content-Type-Options", "nosniff"),
    _header("X-Frame-Options", "DENY"),
    _header("Referrer-Policy", "no-referrer"),
    _header("Cross-Origin-Resource-Policy", "same-origin"),
    _header("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_NOTHING: Final = _header(
    "Content-Security-Policy",
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
)
# The page at /docs runs its own files and talks to the API; its icons are in its stylesheet.
_DOCS: Final = _header(
    "Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
)
_HTTPS: Final = _header("Strict-Transport-Security", "max-age=31536000")
_PRIVATE: Final = _header("Cache-Control", "no-store")  # responses must not be cached for others


class SecurityHeadersMiddleware(HttpMiddleware):
    """Adds the headers to every response; those that a handler has set stay."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request."""
        given = [*_ALWAYS, _DOCS if scope["path"] == docs.PATH else _NOTHING]
        if scope["path"].startswith("/api/"):
            given.append(_PRIVATE)
        if scope.get("scheme") == "https":
            given.append(_HTTPS)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                names = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(header for header in given if header[0] not in names)]
            await send(message)

        await self._app(scope, receive, sent)
