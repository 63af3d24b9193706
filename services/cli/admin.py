"""`lim admin`: manage other users' accounts and resources and read the audit trail, over the API. For admins."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.cli.nouns import PAGE, Limit, Search
from services.cli.output import Json, Yes, confirm, print_json, show, show_items
from services.cli.reporting import BAD_INPUT, reported, say
from services.cli.server import Server, connected, given, is_id

if TYPE_CHECKING:
    from services.client import Client, models

app = typer.Typer(
    name="admin",
    help="Operate the platform: accounts of others, what belongs to others, the audit trail. For admins, with a key of "
    "the scope admin: `lim login NAME --scope admin`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Account = Annotated[str, typer.Argument(metavar="USER", help="Username, e-mail address or id.")]
OfUser = Annotated[str | None, typer.Option("--user", metavar="USER", help="Only of this account.")]


class Kind(StrEnum):
    """Kinds of resources that users own."""

    jobs = "jobs"
    datasets = "datasets"
    adapters = "adapters"
    pipelines = "pipelines"


class Role(StrEnum):
    """What an account may do."""

    user = "user"
    admin = "admin"


_ACCOUNTS: Final = {
    "Username": lambda each: each.username,
    "E-mail": lambda each: each.email,
    "Role": lambda each: each.role,
    "Since": lambda each: each.created_at,
    "Disabled": lambda each: each.disabled_at,
    "Id": lambda each: each.id,
}


@app.command("users")
def list_users(
    search: Annotated[str | None, typer.Option("--search", help="Only with this in the name or the e-mail.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only of this role.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only accounts with this state.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List the accounts, newest first.

    Example: lim admin users --disabled
    """
    with reported(), connected(server) as client:
        filters: dict[str, Any] = given(q=search, role=role.value if role else None, disabled=disabled)
        pages = client.list_users(limit=min(limit, PAGE), **filters)
        show_items(islice(pages, limit), _ACCOUNTS, as_json=as_json, total=pages.total)


@app.command("show")
def show_user(user: Account, as_json: Json = False, server: Server = None) -> None:
    """Show an account and how much it has.

    Example: lim admin show ada
    """
    with reported(), connected(server) as client:
        show(client.read_user(_find(client, user).id), as_json=as_json)


@app.command()
def disable(
    user: Account,
    reason: Annotated[str | None, typer.Option(help="For the audit trail, which the account's owner can read.")] = None,
    stop_jobs: Annotated[bool, typer.Option("--stop-jobs", help="Stop its unfinished jobs and pipelines too.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Disable an account: its logins and streams end, and its API keys are deleted. Asks for confirmation.

    Example: lim admin disable ada --reason "lost laptop" --stop-jobs --yes
    """
    with reported(), connected(server) as client:
        found = _find(client, user)
        confirm(f"Disable {found.username}, end their logins and delete their API keys", yes=yes)
        jobs: Any = "stop" if stop_jobs else "keep"
        _report(client.disable_user(found.id, jobs=jobs, **given(reason=reason)), "disabled", as_json=as_json)


@app.command()
def enable(user: Account, as_json: Json = False, server: Server = None) -> None:
    """Enable a disabled account.

    Example: lim admin enable ada
    """
    with reported(), connected(server) as client:
        _report(client.enable_user(_find(client, user).id), "enabled", as_json=as_json)


@app.command("reset-password")
def reset_password(user: Account, yes: Yes = False, as_json: Json = False, server: Server = None) -> None:
    """Revoke an account's password and logins, and print a token for setting a new password. Asks for confirmation.

    Send the token over a channel that you trust; the account's owner runs `lim account reset TOKEN`.

    Example: lim admin reset-password ada --yes
    """
    with reported(), connected(server) as client:
        found = _find(client, user)
        confirm(f"End the password and every login of {found.username}", yes=yes)
        made = client.reset_user_password(found.id)
        say(
            f"{found.username} sets a new password with `lim account reset TOKEN`, until {made.expires_at:%Y-%m-%d %H:%M}."
        )
        if as_json:
            print_json(made)
        else:
            typer.echo(made.reset_token)


@app.command("end-logins")
def end_logins(user: Account, as_json: Json = False, server: Server = None) -> None:
    """End every login of an account; its password and API keys stay.

    Example: lim admin end-logins ada
    """
    with reported(), connected(server) as client:
        found = _find(client, user)
        client.end_user_logins(found.id)
        say(f"Every login of {found.username} has ended.")
        if as_json:
            print_json({"ended": found.id})


@app.command("keys")
def list_keys(user: Account, limit: Limit = 50, as_json: Json = False, server: Server = None) -> None:
    """List the API keys of an account.

    Example: lim admin keys ada
    """
    with reported(), connected(server) as client:
        columns = {
            "Name": lambda key: key.name,
            "Begins": lambda key: key.start,
            "Scope": lambda key: key.scope,
            "Expires": lambda key: key.expires_at,
            "Last used": lambda key: key.last_used_at,
            "Id": lambda key: key.id,
        }
        pages = client.list_user_api_keys(_find(client, user).id, limit=min(limit, PAGE))
        show_items(islice(pages, limit), columns, as_json=as_json, total=pages.total)


@app.command("revoke-keys")
def revoke_keys(
    user: Account,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Ids of keys; none: all of them.")] = None,
    yes: Yes = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Delete API keys of an account, all of them unless some are named. Asks for confirmation.

    Example: lim admin revoke-keys ada --yes
    """
    with reported(), connected(server) as client:
        found = _find(client, user)
        confirm(f"Delete {len(keys) if keys else 'all'} API keys of {found.username}", yes=yes)
        for key in keys or ():
            client.delete_user_api_key(found.id, key)
        if not keys:
            client.delete_user_api_keys(found.id)
        say(f"{len(keys) if keys else 'All'} API keys of {found.username}: deleted.")
        if as_json:
            print_json({"user_id": found.id, "deleted": keys or "all"})


@app.command("list")
def list_things(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    user: OfUser = None,
    search: Search = None,
    status: Annotated[str | None, typer.Option(help="Only resources with this status, such as running.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List everybody's jobs, datasets, adapters or pipelines, newest first.

    Example: lim admin list jobs --status running
    """
    with reported(), connected(server) as client:
        columns = {
            "Name": lambda each: each.name,
            "Status": lambda each: each.status,
            "Of": lambda each: each.username,
            "Created": lambda each: each.created_at,
            "Id": lambda each: each.id,
        }
        owner = _find(client, user).id if user else None
        filters: dict[str, Any] = given(user_id=owner, q=search, status=status)
        pages = client.list_things(kind.value, limit=min(limit, PAGE), **filters)
        show_items(islice(pages, limit), columns, as_json=as_json, total=pages.total)


Things = Annotated[list[str], typer.Argument(metavar="ID", help="Ids, as `lim admin list` shows them.")]


@app.command()
def stop(
    kind: Annotated[Kind, typer.Argument(help="jobs or pipelines.")],
    ids: Things,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Stop other users' jobs or pipelines after a checkpoint; their owners may resume them.

    Example: lim admin stop jobs 5b1c0000-0000-4000-8000-000000000001
    """
    with reported(), connected(server) as client:
        for each in ids:
            client.stop_thing(kind.value, each)
            say(f"{each}: stops.")
        if as_json:
            print_json({"stopped": ids})


@app.command()
def delete(
    kind: Annotated[Kind, typer.Argument(help="What to delete.")],
    ids: Things,
    yes: Yes = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Delete other users' resources, under the conditions that apply to their owners. Asks for confirmation.

    Example: lim admin delete datasets 5b1c0000-0000-4000-8000-000000000001 --yes
    """
    with reported(), connected(server) as client:
        confirm(f"Delete {len(ids)} {kind.value} of others", yes=yes)
        for each in ids:
            client.delete_thing(kind.value, each)
            say(f"{each}: deleted.")
        if as_json:
            print_json({"deleted": ids})


@app.command()
def audit(
    user: OfUser = None,
    by: Annotated[str | None, typer.Option(metavar="USER", help="Only what this admin did to others.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as account_disabled.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """List who did what to whom, when and from where, newest first; kept for 180 days.

    Example: lim admin audit --user ada
    """
    with reported(), connected(server) as client:
        columns = {
            "When": lambda each: each.created_at,
            "What": lambda each: each.action,
            "Account": lambda each: each.username,
            "By": lambda each: each.actor,
            "From": lambda each: each.address,
            "More": lambda each: each.data,
        }
        owner = _find(client, user).id if user else None
        actor = _find(client, by).id if by else None
        filters: dict[str, Any] = given(user_id=owner, actor_id=actor, action=action)
        pages = client.list_all_audit_events(limit=min(limit, PAGE), **filters)
        show_items(islice(pages, limit), columns, as_json=as_json, total=pages.total)


def _find(client: Client, user: str) -> models.AccountOut | models.AccountDetailOut:
    """The account with this name, address or id."""
    if is_id(user):
        return client.read_user(user)
    wanted = user.lower()
    found = [
        each for each in client.list_users(q=user, limit=PAGE) if wanted in (each.username.lower(), each.email.lower())
    ]
    if not found:
        say(f"There is no account {user!r}; `lim admin users` lists them.")
        raise typer.Exit(BAD_INPUT)
    return found[0]


def _report(account: models.AccountOut, what: str, *, as_json: bool) -> None:
    say(f"{account.username} is {what}.")
    if as_json:
        print_json(account)
