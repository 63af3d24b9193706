"""`lim account`: your own account. Most changes need the password."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from services.cli.login import whoami, with_password
from services.cli.nouns import PAGE, Limit
from services.cli.output import Json, print_json, show, show_items
from services.cli.profile import current_url
from services.cli.reporting import reported, say
from services.cli.server import Server, connected, given

app = typer.Typer(
    name="account",
    help="Your account: name, e-mail, password, audit trail, where notifications go.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
User = Annotated[str | None, typer.Option("--user", help="Account; by default that of `lim login`.")]


@app.command("show")
def show_account(as_json: Json = False, server: Server = None) -> None:
    """Show your account, as `lim whoami` does.

    Example: lim account show
    """
    whoami(server, as_json=as_json)


@app.command()
def usage(as_json: Json = False, server: Server = None) -> None:
    """Show what you use of the platform, and what you may use.

    Example: lim account usage
    """
    with reported(), connected(server) as client:
        show(client.read_usage(), as_json=as_json)


@app.command()
def change(
    username: Annotated[str | None, typer.Option(help="Another name.")] = None,
    email: Annotated[str | None, typer.Option(help="Another e-mail.")] = None,
    as_json: Json = False,
    user: User = None,
    server: Server = None,
) -> None:
    """Change your name or e-mail.

    Example: lim account change --email ada@example.com
    """
    with reported(), with_password(server, user) as (client, password):
        fields: dict[str, Any] = given(username=username, email=email)
        if email is not None:
            fields["current_password"] = password
        show(client.change_me(**fields), as_json=as_json)


@app.command()
def password(as_json: Json = False, user: User = None, server: Server = None) -> None:
    """Change your password and end every other login. Prompts for the new one unless LIM_NEW_PASSWORD is set.

    Example: lim account password
    """
    with reported(), with_password(server, user) as (client, current):
        client.set_password(current, _new_password())
        say("The password is changed.")
        if as_json:
            print_json({"changed": True})


@app.command()
def reset(
    token: Annotated[str, typer.Argument(help="From the operator, who ran `lim admin reset-password`.")],
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Set a new password with a one-time reset token. Prompts for the password unless LIM_NEW_PASSWORD is set.

    Example: lim account reset limp_...
    """
    from services.client import Client

    with reported(), Client(current_url(server)) as client:
        client.set_password_anew(token, _new_password())
        say("The password is set; `lim login` logs in with it.")
        if as_json:
            print_json({"changed": True})


@app.command()
def audit(limit: Limit = 50, as_json: Json = False, user: User = None, server: Server = None) -> None:
    """List your account's security events, newest first: logins, keys, passwords.

    Example: lim account audit
    """
    from itertools import islice

    with reported(), with_password(server, user) as (client, _):
        columns = {
            "When": lambda each: each.created_at,
            "What": lambda each: each.action,
            "From": lambda each: each.address,
            "More": lambda each: each.data,
        }
        pages = client.list_audit_events(limit=min(limit, PAGE))
        show_items(islice(pages, limit), columns, as_json=as_json, total=pages.total)


@app.command()
def notify(
    only: Annotated[
        list[str] | None, typer.Option(help="Be notified of this kind only, such as job_failed; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Be notified of everything.")] = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Show or choose which notifications you get.

    Example: lim account notify --only job_failed --only dataset_error
    """
    with reported(), connected(server) as client:
        kinds: Any = None if everything else only
        if everything or only:
            show(client.change_notification_settings(kinds), as_json=as_json)
        else:
            show(client.read_notification_settings(), as_json=as_json)


@app.command()
def webhook(
    url: Annotated[str | None, typer.Argument(help="Where notifications are sent; without it nothing is sent.")] = None,
    as_json: Json = False,
    user: User = None,
    server: Server = None,
) -> None:
    """Send notifications to a URL; the signing secret is printed once and cannot be shown again.

    Example: lim account webhook https://hooks.example.org/lim
    """
    with reported(), with_password(server, user) as (client, _):
        if url is None:
            client.remove_webhook()
            say("Notifications are sent nowhere.")
            if as_json:
                print_json({"url": None})
            return
        show(client.set_webhook(url), as_json=as_json)


def _new_password() -> str:
    given_password = os.environ.get("LIM_NEW_PASSWORD")
    return given_password or typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
