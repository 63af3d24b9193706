"""Connect commands to a platform, and find its resources by name or id."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.profile import current_url, login_at
from services.cli.reporting import BAD_INPUT, NOT_ALLOWED, say

if TYPE_CHECKING:
    from services.client import Client, Pages

Server = Annotated[
    str | None,
    typer.Option(
        envvar=["LIM_URL", "LIM_SERVER"], help="Address of the platform; by default that of the last `lim login`."
    ),
]
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_START_OF_ID: Final = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.IGNORECASE)
_MOST_NAMED: Final = 5

FINDERS: Final[Mapping[str, Callable[[Client], Callable[..., Pages[Any, Any]]]]] = {
    "adapter": lambda client: client.list_adapters,
    "dataset": lambda client: client.list_datasets,
    "job": lambda client: client.list_jobs,
    "model": lambda client: client.list_models,
    "pipeline": lambda client: client.list_pipelines,
    "project": lambda client: client.list_projects,
    "sweep": lambda client: client.list_sweeps,
}
"""What can be named on the command line, and the call that lists it."""


def given(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def is_id(text: str) -> bool:
    """Whether the text has the form of an id."""
    return _ID.fullmatch(text) is not None


@contextmanager
def connected(server: str | None) -> Iterator[Client]:
    """Yield a client with LIM_API_KEY, or with the key that `lim login` saved for this platform."""
    from services.client import Client

    url = current_url(server)
    kept = login_at(url)
    key = os.environ.get("LIM_API_KEY") or (kept.api_key if kept else None)
    if not key:
        say(f"Not logged in at {url}: `lim login USERNAME --server {url}`, or set LIM_API_KEY.")
        raise typer.Exit(NOT_ALLOWED)
    with Client(url, api_key=key) as client:
        yield client


def find(client: Client, kind: str, text: str) -> str:
    """The id of the resource with this id, this name, or an id that starts so.

    Raises:
        typer.Exit: no match, or more than one.
    """
    if kind == "model":
        return text
    if is_id(text):
        return text.lower()
    listed = FINDERS[kind](client)
    found = [each for each in listed(q=text, limit=100) if each.name == text]
    how = "is the name of"
    if not found and _START_OF_ID.fullmatch(text):
        found = [each for each in listed(limit=100) if each.id.startswith(text.lower())]
        how = "begins the ids of"
    if len(found) == 1:
        return str(found[0].id)
    if not found:
        say(f"There is no {kind} {text!r}; `lim {kind}s list` lists them.")
    else:
        say(f"{text!r} {how} {len(found)} {kind}s; give the id of one:")
        for each in found[:_MOST_NAMED]:
            say(f"  {each.id}  {each.name}  of {each.created_at:%Y-%m-%d %H:%M}")
    raise typer.Exit(BAD_INPUT)


def complete(kind: str) -> Callable[[str], list[str]]:
    """A shell completion of names, and of ids once begun; completes nothing if the platform does not answer in time."""

    def completed(incomplete: str) -> list[str]:
        from services.client import Client, ClientError

        url = current_url(os.environ.get("LIM_URL") or os.environ.get("LIM_SERVER"))
        kept = login_at(url)
        key = os.environ.get("LIM_API_KEY") or (kept.api_key if kept else None)
        if not key:
            return []
        try:
            with Client(url, api_key=key, timeout_s=2.0, patience_s=0.0) as client:
                items = FINDERS[kind](client)(limit=100).page.items
        except ClientError:
            return []
        names = [] if kind == "model" else [each.name for each in items]
        ids = [each.id for each in items if kind == "model" or incomplete]
        return [each for each in dict.fromkeys([*names, *ids]) if each.startswith(incomplete)]

    return completed


def named(kind: str, help: str | None = None) -> Any:
    """A command's argument that names a resource."""
    return typer.Argument(
        metavar=kind.upper(), help=help or f"Name or id of the {kind}.", autocompletion=complete(kind)
    )


def naming(*flags: str, kind: str, help: str) -> Any:
    """A command's option that names a resource."""
    return typer.Option(*flags, metavar=kind.upper(), help=help, autocompletion=complete(kind))
