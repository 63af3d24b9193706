"""`lim adapters`: trained adapters, by name and version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.nouns import PAGE, Limit, Noun, Search
from services.cli.output import Json, print_json, show, show_items
from services.cli.reporting import BAD_INPUT, reported, say
from services.cli.server import Server, connected, find, given, named, naming

_COLUMNS: Final = {
    "Name": lambda each: each.name,
    "Newest version": lambda each: each.newest_version,
    "Description": lambda each: each.description,
    "Created": lambda each: each.created_at,
    "Id": lambda each: each.id,
}
NOUN: Final = Noun(
    "adapter",
    _COLUMNS,
    lambda client: client.list_adapters,
    lambda client: client.read_adapter,
    lambda client: client.delete_adapter,
    "its versions too; the jobs that made them keep their files",
)
app = NOUN.app("Adapters by name and version: compare, download.")
NOUN.add_show(app)
NOUN.add_delete(app)
Adapter = Annotated[str, named("adapter")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]


@app.command("list")
def list_adapters(
    project: Annotated[str | None, naming("--project", kind="project", help="Only those of this project.")] = None,
    search: Search = None,
    limit: Limit = 50,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List your adapters, newest first.

    Example: lim adapters list
    """
    with reported(), connected(server) as client:
        project_id = find(client, "project", project) if project else None
        NOUN.show_list(client, limit, as_json=as_json, q=search, project_id=project_id)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    description: Description = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Where it belongs.")] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Create an adapter without versions; `lim adapters add-version` adds them. Its id goes to standard output.

    Example: lim adapters create digits
    """
    with reported(), connected(server) as client:
        project_id = find(client, "project", project) if project else None
        made = client.create_adapter(name, **given(description=description, project_id=project_id))
        if as_json:
            print_json(made)
        else:
            typer.echo(made.id)


@app.command("add-version")
def add_version(
    adapter: Adapter,
    job: Annotated[str, named("job", "Name or id of a training that has succeeded.")],
    notes: Annotated[str | None, typer.Option(help="What is new.")] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Add what a job trained as the newest version; its number goes to standard output.

    Example: lim adapters add-version digits first
    """
    with reported(), connected(server) as client:
        made = client.add_version(find(client, "adapter", adapter), find(client, "job", job), **given(notes=notes))
        if as_json:
            print_json(made)
        else:
            typer.echo(str(made.number))


@app.command()
def versions(adapter: Adapter, as_json: Json = False, server: Server = None) -> None:
    """List the versions of an adapter, newest first, with the base model and job of each.

    Example: lim adapters versions digits
    """
    with reported(), connected(server) as client:
        columns = {
            "Version": lambda each: each.number,
            "Base": lambda each: each.lineage.base.model_dump().get("id"),
            "Notes": lambda each: each.notes,
            "Made": lambda each: each.created_at,
            "Job": lambda each: each.job_id,
        }
        show_items(client.list_versions(find(client, "adapter", adapter), limit=PAGE), columns, as_json=as_json)


@app.command()
def compare(
    adapter: Adapter,
    a: Annotated[int, typer.Argument(help="A version.")],
    b: Annotated[int, typer.Argument(help="Another version.")],
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show every field in which two versions differ.

    Example: lim adapters compare digits 1 2
    """
    with reported(), connected(server) as client:
        found = client.compare_versions(find(client, "adapter", adapter), a=a, b=b)
        columns = {
            "Field": lambda each: each.path,
            f"Version {a}": lambda each: each.model_dump().get("a"),
            f"Version {b}": lambda each: each.model_dump().get("b"),
        }
        if as_json:
            print_json(found)
        else:
            show_items(found.differences, columns, as_json=False)


@app.command()
def download(
    adapter: Adapter,
    out: Annotated[Path, typer.Argument(help="Folder for the files.")],
    version: Annotated[int | None, typer.Option("--version", help="By default the newest.")] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Download and verify a version's files; `lim transcribe --adapter FOLDER` uses them.

    Example: lim adapters download digits build/digits
    """
    from services.cli.upload import moving

    with reported(), connected(server) as client:
        adapter_id = find(client, "adapter", adapter)
        number = version or client.read_adapter(adapter_id).newest_version
        if number is None:
            say(f"Adapter {adapter} has no version; `lim adapters add-version` makes one of a job.")
            raise typer.Exit(BAD_INPUT)
        with moving(adapter) as progress:
            paths = client.download_adapter(client.read_version(adapter_id, number).job_id, out, progress)
        say(f"Version {number} of {adapter} is in {out}.")
        if as_json:
            print_json({"folder": str(out), "version": number, "files": [str(path) for path in paths]})


@app.command()
def change(
    adapter: Adapter,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Description = None,
    project: Annotated[str | None, naming("--project", kind="project", help="Another project; '' for none.")] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Change an adapter's name, description or project.

    Example: lim adapters change digits --description "Spoken digits, 8 kHz"
    """
    with reported(), connected(server) as client:
        fields: dict[str, Any] = given(name=name, description=description)
        if project is not None:
            fields["project_id"] = find(client, "project", project) if project else None
        show(client.change_adapter(find(client, "adapter", adapter), **fields), as_json=as_json)
