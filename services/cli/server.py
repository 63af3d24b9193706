"""Which platform a command talks to, and in whose name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.reporting import BAD_INPUT, say

if TYPE_CHECKING:
    from services.client import Client

LOCAL: Final = "http://127.0.0.1:8000"
Server = Annotated[str, typer.Option(envvar="LIM_SERVER", help="Address of the platform.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def connected(server: str) -> Iterator[Client]:
    """A client with the key of this shell."""
    from services.client import Client

    key = os.environ.get("LIM_API_KEY")
    if not key:
        say("LIM_API_KEY is not set; make a key with POST /users/me/api-keys, and put it there.")
        raise typer.Exit(BAD_INPUT)
    with Client(server, api_key=key) as client:
        yield client
