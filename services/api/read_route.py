"""Fast path for frequently read routes: plain requests go directly to the handler, all others through FastAPI.

FastAPI resolves a tree of dependencies for each request, which takes longer than the read itself (docs/adr/0019). A
request is plain if it has an access token, no body, and valid parameters, so that only the handler can still find
faults in it. All other requests, including invalid ones, go through FastAPI, which reports what is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError, create_model
from starlette.types import Receive, Scope, Send

from services.api.reading import open_reading
from services.api.request_shape import is_storable
from services.auth.api_keys import KEY_PREFIX

_READING = "reading"


class ReadRoute(APIRoute):
    """A GET route whose handler takes `reading: ReadingDep` and otherwise only path and query parameters.

    Routes whose handler takes no `reading` behave like ordinary ones.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._parameters = _parameters_of(endpoint)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of this route."""
        plain = self._plain(scope)
        if plain is None:
            await super().handle(scope, receive, send)
            return
        token, parameters = plain
        async with open_reading(scope["app"].state.services, token) as reading:
            response = await self.endpoint(reading=reading, **parameters)
        await response(scope, receive, send)  # the connection is released: a slow reader holds none

    def _plain(self, scope: Scope) -> tuple[str, dict[str, Any]] | None:
        """The access token and the handler's parameters; None if the request is not plain."""
        if self._parameters is None or (token := _token(scope)) is None:
            return None
        query = scope["query_string"]
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []
        if not all(is_storable(value) for _, value in given):
            return None
        try:
            return token, vars(self._parameters.model_validate({**dict(given), **scope["path_params"]}))
        except ValidationError:
            return None


def _parameters_of(endpoint: Callable[..., Any]) -> type[BaseModel] | None:
    """A model of the handler's parameters, with the constraints and defaults that FastAPI also uses."""
    given = dict(inspect.signature(endpoint, eval_str=True).parameters)
    if given.pop(_READING, None) is None:
        return None
    fields: dict[str, Any] = {
        name: (one.annotation, ... if one.default is one.empty else one.default) for name, one in given.items()
    }
    return create_model(endpoint.__name__, **fields)


def _token(scope: Scope) -> str | None:
    """The access token of a GET without a body; None if there is none or the request is not plain."""
    if scope["method"] != "GET":
        return None
    token = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token_bytes = value.partition(b" ")
            if token is not None or scheme.lower() != b"bearer":
                return None
            token = token_bytes.strip().decode("latin-1")
        elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return None
    return None if not token or token.startswith(KEY_PREFIX) else token
