"""`lim notifications`: which of the user's jobs, datasets and pipelines have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.output import Json, cell, print_json
from services.cli.output import show as show_fields
from services.cli.reporting import BAD_INPUT, printable, reported, say
from services.cli.server import Server, connected, given

if TYPE_CHECKING:
    from services.client.generated.models import NotificationOut

app = typer.Typer(
    name="notifications",
    help="Which jobs, datasets and pipelines have ended, on a platform.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_all(
    unread: Annotated[bool, typer.Option("--unread", help="Only those that are unread.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show the notifications that are kept, newest first.

    Example: lim notifications list --unread
    """
    with reported(), connected(server) as client:
        found = list(client.list_notifications(**given(unread=unread or None)))
    if as_json:
        print_json({"items": found, "total": len(found)})
        return
    table = Table()
    for title in ("When", "What", "Name", "Why", "Webhook", "Id"):
        table.add_column(title, overflow="fold")
    for each in found:
        when = f"{each.created_at.astimezone():%Y-%m-%d %H:%M}"
        style = None if each.read_at else "bold"
        webhook = str(each.webhook.status if each.webhook else "")
        table.add_row(*map(cell, (when, _what(each), each.name, each.detail, webhook, each.id)), style=style)
    Console().print(table)


@app.command()
def show(
    notification: Annotated[str, typer.Argument(help="Id of a notification.")],
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show one notification and its webhook delivery.

    Example: lim notifications show 5b1c0d1e-...
    """
    with reported(), connected(server) as client:
        show_fields(client.read_notification(notification), as_json=as_json)


@app.command()
def read(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of notifications.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Mark notifications as read.

    Example: lim notifications read --all
    """
    if bool(ids) == everything:
        say("Give ids, or --all.")
        raise typer.Exit(BAD_INPUT)
    with reported(), connected(server) as client:
        if everything:
            marked = client.read_all_notifications().marked
            say(f"{marked} marked as read.")
            if as_json:
                print_json({"marked": marked})
            return
        for notification_id in ids or []:
            client.change_notification(notification_id, True)
        if as_json:
            print_json({"marked": len(ids or [])})


@app.command()
def watch(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are kept from before.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Print a line for each notification as it arrives; Ctrl-C stops.

    Example: lim notifications watch
    """
    with reported(), connected(server) as client:
        after = 0 if everything else client.list_notifications(limit=1).page.last_seq
        for each in client.watch_notifications(after=after):
            if as_json:
                print_json(each)
                continue
            line = f"{each.created_at.astimezone():%H:%M:%S}  {_what(each)}: {each.name}"
            typer.echo(printable(f"{line}  ({each.detail})" if each.detail else line))


@app.command()
def delete(
    ids: Annotated[list[str], typer.Argument(help="Ids of notifications.")],
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Delete notifications.

    Example: lim notifications delete 5b1c0d1e-...
    """
    with reported(), connected(server) as client:
        for notification_id in ids:
            client.delete_notification(notification_id)
        say(f"{len(ids)} deleted.")
        if as_json:
            print_json({"deleted": ids})


def _what(notification: NotificationOut) -> str:
    return f"{notification.resource_type} {notification.status}"
