"""The commands `list`, `show` and `delete`, which all nouns share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.output import Columns, Json, Yes, confirm, print_json, show, show_items
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, find, given, named, naming

if TYPE_CHECKING:
    from services.client import Client, Pages

Limit = Annotated[int, typer.Option(min=1, help="Maximum number of items.")]
Search = Annotated[str | None, typer.Option("--search", help="Only those with this in their name.")]
PAGE = 100


@dataclass(frozen=True, slots=True)
class Noun:
    """A kind of resource on a platform."""

    name: str
    columns: Columns
    list: Callable[[Client], Callable[..., Pages[Any, Any]]]
    read: Callable[[Client], Callable[[str], Any]]
    delete: Callable[[Client], Callable[[str], None]] | None = None
    loss: str = ""
    """What deletion removes or keeps; shown in the help and before deleting."""
    words: Columns = field(default_factory=dict)
    """How `show` words fields for people, by name; others are shown as they are."""

    def app(self, help: str) -> typer.Typer:
        """The typer app of the noun's commands."""
        return typer.Typer(
            name=f"{self.name}s",
            help=help,
            no_args_is_help=True,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
        )

    def show_list(self, client: Client, limit: int, *, as_json: bool, **filters: Any) -> None:
        """Print the newest items that match the filters."""
        pages = self.list(client)(limit=min(limit, PAGE), **given(**filters))
        show_items(islice(pages, limit), self.columns, as_json=as_json, total=pages.total)

    def add_list(self, app: typer.Typer, statuses: type[StrEnum]) -> None:
        """Add the command `list`, for a noun with a status and a project."""

        def command(
            status: StrEnum | None = typer.Option(None, help="Only those in this state."),
            project: Annotated[
                str | None, naming("--project", kind="project", help="Only those of this project.")
            ] = None,
            search: Search = None,
            limit: Limit = 50,
            as_json: Json = False,
            server: Server = None,
        ) -> None:
            with reported(), connected(server) as client:
                project_id = find(client, "project", project) if project else None
                self.show_list(client, limit, as_json=as_json, status=status, q=search, project_id=project_id)

        command.__annotations__["status"] = statuses | None  # what typer reads
        command.__doc__ = (
            f"List your {self.name}s, newest first.\n\nExample: lim {self.name}s list --status {next(iter(statuses))}"
        )
        app.command("list")(command)

    def add_show(self, app: typer.Typer) -> None:
        """Add the command `show`."""
        argument = named(self.name)

        def command(name: str = argument, as_json: Json = False, server: Server = None) -> None:
            with reported(), connected(server) as client:
                found = self.read(client)(find(client, self.name, name))
                show(found, as_json=as_json, title=f"{self.name} {name}", words=self.words)

        command.__doc__ = f"Show one {self.name} with all its fields.\n\nExample: lim {self.name}s show NAME"
        app.command("show")(command)

    def add_delete(self, app: typer.Typer, verb: str = "delete") -> None:
        """Add the command `delete`, or one named `verb`."""
        assert self.delete is not None
        delete = self.delete

        argument = named(self.name, f"Names or ids of {self.name}s.")

        def command(
            names: list[str] = argument,
            yes: Yes = False,
            as_json: Json = False,
            server: Server = None,
        ) -> None:
            with reported(), connected(server) as client:
                ids = [find(client, self.name, each) for each in names]
                loss = f" ({self.loss})" if self.loss else ""
                confirm(f"{verb.capitalize()} {self.name} {', '.join(names)}{loss}", yes=yes)
                for each in ids:
                    delete(client)(each)
                    say(f"{self.name.capitalize()} {each}: {verb}d.")
                if as_json:
                    print_json({"deleted": ids})

        loss = f": {self.loss}" if self.loss else ""
        command.__doc__ = (
            f"{verb.capitalize()} {self.name}s{loss}. Asks for confirmation unless --yes is given.\n\n"
            f"Example: lim {self.name}s {verb} NAME --yes"
        )
        app.command(verb)(command)
