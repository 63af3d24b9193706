"""`lim keys`: API keys for programs. Every command needs the password."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from services.cli.login import with_password
from services.cli.output import Json, Yes, confirm, print_json, show_items
from services.cli.reporting import BAD_INPUT, reported, say
from services.cli.server import Server, given

app = typer.Typer(
    name="keys",
    help="API keys for programs. They take the password: LIM_PASSWORD, or it is asked for.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
User = Annotated[str | None, typer.Option("--user", help="Account; by default that of `lim login`.")]


class Scope(StrEnum):
    """What a key may do."""

    read = "read"
    write = "write"
    admin = "admin"


@app.command("list")
def list_keys(as_json: Json = False, user: User = None, server: Server = None) -> None:
    """List your keys, newest first; secrets cannot be shown again.

    Example: lim keys list
    """
    with reported(), with_password(server, user) as (client, _):
        columns = {
            "Name": lambda key: key.name,
            "Begins": lambda key: key.start,
            "Scope": lambda key: key.scope,
            "Expires": lambda key: key.expires_at,
            "Last used": lambda key: key.last_used_at,
            "Id": lambda key: key.id,
        }
        show_items(client.list_api_keys(limit=100), columns, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        Scope, typer.Option(help="What it may do: read; change what is yours; operate the platform (admins).")
    ] = Scope.write,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; by default the platform's.")] = None,
    as_json: Json = False,
    user: User = None,
    server: Server = None,
) -> None:
    """Create a key and print it; it cannot be shown again.

    Example: lim keys create "nightly job" --scope read --days 30
    """
    ends = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    with reported(), with_password(server, user) as (client, password):
        key = client.create_api_key(name, password, **given(scope=scope.value, expires_at=ends))
    say(f"The key {key.start}... is good until {key.expires_at:%Y-%m-%d}.")
    if as_json:
        print_json(key)
    else:
        typer.echo(key.key)


@app.command()
def delete(
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Names, ids or first characters of keys.")],
    yes: Yes = False,
    as_json: Json = False,
    user: User = None,
    server: Server = None,
) -> None:
    """Delete keys: requests that use them are rejected from now on. Asks for confirmation unless --yes is given.

    Example: lim keys delete "nightly job" --yes
    """
    with reported(), with_password(server, user) as (client, _):
        known = list(client.list_api_keys(limit=100))
        ids = []
        for wanted in keys:
            found = [key for key in known if wanted in (key.id, key.name) or key.start == wanted]
            if len(found) != 1:
                say(f"{wanted!r} names {len(found) or 'no'} keys; `lim keys list` lists them with their ids.")
                raise typer.Exit(BAD_INPUT)
            ids.append(found[0].id)
        confirm(f"End {len(ids)} of your keys", yes=yes)
        for key_id in ids:
            client.delete_api_key(key_id)
            say(f"Key {key_id}: deleted.")
        if as_json:
            print_json({"deleted": ids})
