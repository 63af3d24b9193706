"""Headers that tell browsers what not to do with an answer (OWASP's REST security cheat sheet)."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from services.api.middleware import HttpMiddleware

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# The page at /docs is FastAPI's: its script and style come from there, and one script is in the page.
_DOCS: Final = (
    "default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline' "
    "https://cdn.jsdelivr.net; img-src data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_HTTPS: Final = "max-age=31536000"


class SecurityHeadersMiddleware(HttpMiddleware):
    """Adds them to every answer; what a handler has set stays."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        given = {**_ALWAYS, "Content-Security-Policy": _DOCS if scope["path"] == "/docs" else _NOTHING}
        if scope["path"].startswith("/api/"):
            given["Cache-Control"] = "no-store"  # a token's answers are nobody else's
        if scope.get("scheme") == "https":
            given["Strict-Transport-Security"] = _HTTPS

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in given.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sent)
