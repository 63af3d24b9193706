"""`lim status` and `lim nodes`: the health of a platform, the nodes of its cluster, and how much is in use."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from services.cli.nouns import PAGE, Limit
from services.cli.output import Columns, Json, print_json, show, show_items
from services.cli.profile import current_url
from services.cli.reporting import FAILED, reported
from services.cli.server import Server, connected, given

app = typer.Typer(
    name="nodes",
    help="The machines of the cluster.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_nodes(
    search: Annotated[str | None, typer.Option("--search", help="Only those with this in their name.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List the nodes that are alive, with labels and resources.

    Example: lim nodes list
    """
    with reported(), connected(server) as client:
        pages = client.list_nodes(limit=min(limit, PAGE), **given(q=search))
        found = list(islice(pages, limit))
        columns: Columns = {
            "Name": lambda each: each.name,
            "Device class": lambda each: each.device_class,
            "Resources": lambda each: each.resources,
            "Labels": lambda each: each.labels,
        }
        show_items(found, columns, as_json=as_json, total=pages.total)


@app.command("usage")
def usage(as_json: Json = False, server: Server = None) -> None:
    """Show what the cluster is doing: resources in use, and how many jobs of all users run and wait.

    Example: lim nodes usage
    """
    with reported(), connected(server) as client:
        found = client.read_cluster_usage()
        if as_json:
            print_json(found)
            return
        in_use = {
            name: f"{each.total - each.free:g} of {each.total:g} in use" for name, each in found.resources.items()
        }
        show({"jobs": f"{found.jobs.running} running, {found.jobs.queued} queued", **in_use}, as_json=False)


def status(server: str | None, *, as_json: bool) -> None:
    """Print a platform's readiness; needs no login. Exit code 1 when it is not ready."""
    from services.client import Client

    url = current_url(server)
    with reported(), Client(url) as client:
        state = client.readyz()
        if as_json:
            print_json({"url": url, **state.model_dump(mode="json")})
        else:
            show({"url": url, **dict(state)}, as_json=False)
        if state.status == "not_ready":
            raise typer.Exit(FAILED)
