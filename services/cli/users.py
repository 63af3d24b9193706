"""`lim users`: list accounts and change roles. For the platform's operator: it connects to the database directly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.output import cell
from services.cli.reporting import reported, say

if TYPE_CHECKING:
    from services.auth.roles import Account

app = typer.Typer(
    name="users",
    help="Who has an account, and who is an admin. Works on the platform's own database (DATABASE_URL or LIM_HOME).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Role(StrEnum):
    """What an account may do."""

    user = "user"
    admin = "admin"


@app.command("list")
def list_() -> None:
    """List the accounts, oldest first.

    Example: lim users list
    """
    import asyncio

    from services.auth.roles import accounts

    with reported(), _database() as url:
        found = asyncio.run(accounts(url))
    table = Table()
    for title in ("Username", "E-mail", "Role", "Since"):
        table.add_column(title, overflow="fold")
    for account in found:
        table.add_row(*map(cell, (account.username, account.email, account.role, account.created_at)))
    Console().print(table)


@app.command("set-role")
def set_role(
    name: Annotated[str, typer.Argument(help="Username or e-mail address.")],
    role: Annotated[Role, typer.Argument(help="`admin` keeps the catalogue of models.")],
) -> None:
    """Make somebody an admin, or a user again.

    Example: lim users set-role ada admin
    """
    import asyncio

    from services.auth.roles import set_role as change

    with reported(), _database() as url:
        account: Account = asyncio.run(change(url, name, role.value))
    say(f"{account.username} is {'an admin' if account.role == 'admin' else 'a user'}")


@contextmanager
def _database() -> Iterator[str]:
    """Yield the URL of the platform's database, migrated; start the embedded server if it is not running."""
    from services.database import migrate
    from services.database.embedded import EmbeddedPostgres
    from services.settings import asyncpg_url, lim_home

    given = os.environ.get("DATABASE_URL")
    if given:
        url = asyncpg_url(given)
        migrate.upgrade(url)
        yield url
        return
    with EmbeddedPostgres.start(lim_home()) as server:
        migrate.upgrade(server.url)
        yield server.url
