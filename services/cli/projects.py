"""`lim projects`: group datasets, jobs, adapters and pipelines."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from services.cli.nouns import Limit, Noun, Search
from services.cli.output import Json, print_json, show
from services.cli.reporting import reported
from services.cli.server import Server, connected, find, given, named

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Description": lambda each: each.description,
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "project",
    _COLUMNS,
    lambda client: client.list_projects,
    lambda client: client.read_project,
    lambda client: client.delete_project,
    "what was in it stays",
)
app = NOUN.app("Projects keep datasets, jobs, adapters and pipelines together.")
NOUN.add_show(app)
NOUN.add_delete(app)
Description = Annotated[str | None, typer.Option(help="What it is about.")]


@app.command("list")
def list_projects(search: Search = None, limit: Limit = 50, as_json: Json = False, server: Server = None) -> None:
    """List your projects, newest first.

    Example: lim projects list
    """
    with reported(), connected(server) as client:
        NOUN.show_list(client, limit, as_json=as_json, q=search)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    description: Description = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Make a project; its id goes to standard output.

    Example: lim projects create digits
    """
    with reported(), connected(server) as client:
        made = client.create_project(name, **given(description=description))
        if as_json:
            print_json(made)
        else:
            typer.echo(made.id)


@app.command()
def change(
    project: Annotated[str, named("project")],
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Description = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Change a project's name or description.

    Example: lim projects change digits --description "Spoken digits"
    """
    with reported(), connected(server) as client:
        fields = given(name=name, description=description)
        show(client.change_project(find(client, "project", project), **fields), as_json=as_json)
