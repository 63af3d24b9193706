"""What the layers around the application share: each sees HTTP requests alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

from starlette.types import ASGIApp, Receive, Scope, Send


class HttpMiddleware(ABC):
    """A layer in plain ASGI, which costs less than Starlette's own base and lets streams pass as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request; what is none (the application's start and end) is passed on."""
        if scope["type"] == "http":
            await self.answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    @abstractmethod
    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as a rule by passing it on."""
